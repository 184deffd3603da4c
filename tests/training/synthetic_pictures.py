"""Synthetic pictures of things for tests: each code has a disc or a box of its own colour, half transparent around."""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

import numpy as np
from PIL import Image

from training.pictures.packages import FLUENT_3D
from training.pictures.sprites import squared


class SyntheticSprites:
    """A source of pictures that needs no files."""

    def sprite(self, kind: str, look: str) -> Image.Image:
        """Return a disc, or a box in other looks, in a colour that depends on the kind."""
        return squared(picture(kind, round_=look == "3d"))


def picture(kind: str, round_: bool = True, side: int = 64) -> Image.Image:
    """Return an RGBA picture: a coloured disc or box off the centre, transparent elsewhere."""
    hue = crc32(kind.encode())
    ys, xs = np.mgrid[0:side, 0:side] / side
    inside = (xs - 0.4) ** 2 + (ys - 0.5) ** 2 < 0.09 if round_ else (abs(xs - 0.4) < 0.25) & (abs(ys - 0.5) < 0.2)
    pixels = np.zeros((side, side, 4), dtype=np.uint8)
    pixels[inside] = (60 + hue % 180, 60 + hue // 181 % 180, 60 + hue // 32761 % 180, 255)
    return Image.fromarray(pixels)


def write_package(folder: Path, codes: list[str]) -> None:
    """Write pictures of the codes as an unpacked package of the main look."""
    assets = folder / FLUENT_3D.folder / "package" / "assets"
    assets.mkdir(parents=True)
    for code in codes:
        picture(code).save(assets / f"{code}.webp", lossless=True)
