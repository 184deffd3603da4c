"""A picture that grows beyond its sides: its new borders filled for a start, and marked as what is to be painted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image

from invoke_cli.errors import PlanError
from invoke_cli.imaging.masks import painted_box, painted_share
from invoke_cli.imaging.open_image import MAX_PIXELS, OpenedImage
from invoke_cli.imaging.patches import Patch, grown
from invoke_cli.inputs.masks import Masked
from invoke_cli.planning.plan import MaskFacts
from invoke_cli.request import Borders


def with_borders(init: OpenedImage, masked: Masked | None, borders: Borders) -> Masked:
    """The init image with its borders, all of which is painted, besides what `masked` paints inside."""
    whole = grown(init.size, borders)
    if whole.width * whole.height > MAX_PIXELS:
        hint = f"at most {MAX_PIXELS / 1e6:.0f} megapixels: say fewer pixels"
        raise PlanError(f"with its borders the picture would be {whole}", hint=hint, field="outcrop")
    mask = Image.new("L", whole, 255)
    mask.paste(masked.image if masked else Image.new("L", init.size, 0), (borders.left, borders.top))
    hole = masked.facts.box if masked else None
    facts = masked.facts if masked else MaskFacts(box=None, share=0.0)
    if hole is not None:
        hole = hole._replace(
            left=hole.left + borders.left,
            right=hole.right + borders.left,
            top=hole.top + borders.top,
            bottom=hole.bottom + borders.top,
        )
    return Masked(
        init=extended(masked.init if masked else init, borders),
        image=mask,
        facts=replace(facts, box=painted_box(mask), share=painted_share(mask), hole=hole),
        opened=masked.opened if masked else None,
        raw=mask,
        bordered=True,
    )


def extended(init: OpenedImage, borders: Borders) -> OpenedImage:
    """The picture mirrored at its sides, so that what is painted begins with the colours that are there."""
    beside = ((borders.top, borders.bottom), (borders.left, borders.right), (0, 0))
    return replace(init, image=Image.fromarray(np.pad(np.asarray(init.image), beside, mode="symmetric")), alpha=None)


def on_patch(masked: Masked, patch: Patch, init: OpenedImage) -> Masked:
    """The same with only one patch painted, on the picture as it is by now."""
    mask = Image.new("L", masked.image.size, 0)
    mask.paste(masked.image.crop(patch.painted), (patch.painted.left, patch.painted.top))
    return replace(masked, init=init, image=mask)
