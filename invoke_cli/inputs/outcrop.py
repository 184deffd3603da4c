"""Outpainting: extend an image by borders that are filled provisionally and masked for painting."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image

from invoke_cli.errors import PlanError
from invoke_cli.imaging.formats import MAX_PIXELS
from invoke_cli.imaging.masks import painted_box, painted_share
from invoke_cli.imaging.open_image import OpenedImage
from invoke_cli.imaging.patches import Patch, grown
from invoke_cli.inputs.masks import Masked
from invoke_cli.planning.plan import MaskFacts
from invoke_cli.request import Borders


def with_borders(init: OpenedImage, masked: Masked | None, borders: Borders) -> Masked:
    """Extend an init image by borders, all of which are painted.

    Args:
        init: The init image.
        masked: The mask inside the init image, or None.
        borders: The widths of the borders, in pixels.

    Raises:
        PlanError: The result would be too large.
    """
    size = grown(init.size, borders)
    if size.width * size.height > MAX_PIXELS:
        hint = f"the limit is {MAX_PIXELS / 1e6:.0f} megapixels: use smaller borders"
        raise PlanError(f"the image with its borders would be {size}", hint=hint, field="outcrop")
    mask = Image.new("L", size, 255)
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
    """Return the image mirrored at its sides, so that painting starts from its colours."""
    widths = ((borders.top, borders.bottom), (borders.left, borders.right), (0, 0))
    return replace(init, image=Image.fromarray(np.pad(np.asarray(init.image), widths, mode="symmetric")), alpha=None)


def on_patch(masked: Masked, patch: Patch, init: OpenedImage) -> Masked:
    """Return the mask restricted to one patch, on the current state of the image."""
    mask = Image.new("L", masked.image.size, 0)
    mask.paste(masked.image.crop(patch.painted), (patch.painted.left, patch.painted.top))
    return replace(masked, init=init, image=mask)
