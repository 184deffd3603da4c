"""The held-out scenes, which training never sees: one in sixteen combinations of subjects, chosen by a checksum."""

from __future__ import annotations

from zlib import crc32

from training.rendering.scene import Hearth, Landscape, Objects, Scene

HELD_OUT_SHARE = 16


def is_held_out(scene: Scene) -> bool:
    """Return whether the scene's combination is held out for the evaluation.

    There are too few fires to hold any out.
    """
    return not isinstance(scene, Hearth) and crc32(_combination(scene).encode()) % HELD_OUT_SHARE == 0


def _combination(scene: Objects | Landscape) -> str:
    if isinstance(scene, Objects):
        items = " ".join(f"{item.colour} {item.kind}" for item in scene.items)
        return f"{items} {scene.relation}" if scene.relation else f"{items} on {scene.backdrop}"
    return f"{scene.ground} {scene.water} {scene.time} {scene.season} {scene.medium}"
