"""Apply a geometry: put a source on its canvas, and cut the finished image out of it. All image resizing is Lanczos."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageColor, ImageOps

from invoke_cli.errors import PlanError
from invoke_cli.imaging.masks import scale_mask
from invoke_cli.imaging.sizes import Geometry, Size


def place_on_canvas(image: Image.Image, geometry: Geometry, fill: str = "black") -> Image.Image:
    """Return the RGB image at `geometry.canvas` size that the model works on; `fill` colours the padding."""
    part = image if geometry.window is None else image.crop(geometry.window)
    scaled = _scaled(part, geometry.scaled)
    if scaled.size == geometry.canvas:
        return scaled
    if geometry.is_extended:
        return _extended(scaled, geometry)
    canvas = Image.new("RGB", geometry.canvas, colour(fill))
    canvas.paste(scaled, geometry.offset)
    return canvas


def place_mask_on_canvas(mask: Image.Image, geometry: Geometry, *, strict: bool = False) -> Image.Image:
    """Put a mask (mode L) of the source where `place_on_canvas` puts the source; padding is not painted.

    With `strict`, no pixel outside the mask is painted (see `scale_mask`).
    """
    if geometry.window is not None:
        return _extended(scale_mask(mask.crop(geometry.window), geometry.scaled, strict=strict), geometry)
    scaled = scale_mask(mask, geometry.scaled, strict=strict)
    canvas = Image.new("L", geometry.canvas, 0)
    canvas.paste(scaled, geometry.offset)
    return canvas


def crop_from_canvas(image: Image.Image, geometry: Geometry) -> Image.Image:
    """Return the part of a finished canvas that is the result, for a window at the window's size."""
    part = image if geometry.output is None else image.crop(geometry.output)
    if geometry.window is None or part.size == geometry.window.size:
        return part
    return part.resize(geometry.window.size, Image.Resampling.LANCZOS)


def scale_to_fill(image: Image.Image, size: Size) -> Image.Image:
    """Scale an image to fill `size`, keeping its aspect, and crop the overflow evenly."""
    return image if image.size == size else ImageOps.fit(image, size, Image.Resampling.LANCZOS)


def colour(name: str) -> tuple[int, int, int]:
    """Return red, green and blue (0..255) of a colour name.

    Raises:
        PlanError: The name is unknown.
    """
    try:
        red, green, blue = ImageColor.getrgb(name)[:3]
    except ValueError:
        hint = "use a name such as white or grey, or #808080"
        raise PlanError(f"unknown colour: {name!r}", hint=hint, field="pad") from None
    return red, green, blue


def _scaled(image: Image.Image, size: Size) -> Image.Image:
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)


def _extended(image: Image.Image, geometry: Geometry) -> Image.Image:
    """Extend an image to the canvas by repeating its outermost rows and columns."""
    left, top = geometry.offset
    right, below = geometry.canvas.width - image.width - left, geometry.canvas.height - image.height - top
    if image.size == geometry.canvas:
        return image
    values = np.asarray(image)
    beside = ((top, below), (left, right), (0, 0))[: values.ndim]
    return Image.fromarray(np.pad(values, beside, mode="edge"))
