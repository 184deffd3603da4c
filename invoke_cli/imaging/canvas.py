"""Carrying out a geometry: a source onto its canvas, and the finished picture out of it. All resizing is Lanczos."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageColor, ImageOps

from invoke_cli.errors import PlanError
from invoke_cli.imaging.sizes import Geometry, Size


def onto_canvas(image: Image.Image, geometry: Geometry, fill: str = "black") -> Image.Image:
    """The RGB picture that the model is to work on, of the size `geometry.canvas`."""
    if geometry.window is not None:
        return _extended(_scaled(image.crop(geometry.window), geometry), geometry)
    scaled = _scaled(image, geometry)
    if scaled.size == geometry.canvas:
        return scaled
    canvas = Image.new("RGB", geometry.canvas, colour(fill))
    canvas.paste(scaled, geometry.offset)
    return canvas


def mask_onto_canvas(mask: Image.Image, geometry: Geometry) -> Image.Image:
    """A mask (mode L) of the source in the place that `onto_canvas` gives the source; margins are kept."""
    if geometry.window is not None:
        return _extended(_scaled(mask.crop(geometry.window), geometry, Image.Resampling.BILINEAR), geometry)
    scaled = _scaled(mask, geometry, Image.Resampling.BILINEAR)
    canvas = Image.new("L", geometry.canvas, 0)
    canvas.paste(scaled, geometry.offset)
    return canvas


def out_of_canvas(image: Image.Image, geometry: Geometry) -> Image.Image:
    """The part of a finished canvas that is the result; of a window's, at the size of the window."""
    part = image if geometry.output is None else image.crop(geometry.output)
    if geometry.window is None or part.size == geometry.window.size:
        return part
    return part.resize(geometry.window.size, Image.Resampling.LANCZOS)


def filling(image: Image.Image, size: Size) -> Image.Image:
    """The picture scaled until it fills the size, aspect kept, and what stands over cut off evenly."""
    return image if image.size == size else ImageOps.fit(image, size, Image.Resampling.LANCZOS)


def colour(name: str) -> tuple[int, int, int]:
    """Red, green and blue (0..255) of a colour's name; PlanError when there is none of that name."""
    try:
        red, green, blue = ImageColor.getrgb(name)[:3]
    except ValueError:
        hint = "write a name such as white or grey, or #808080"
        raise PlanError(f"there is no colour {name!r}", hint=hint, field="pad") from None
    return red, green, blue


def _scaled(image: Image.Image, geometry: Geometry, how: Image.Resampling = Image.Resampling.LANCZOS) -> Image.Image:
    return image if image.size == geometry.scaled else image.resize(geometry.scaled, how)


def _extended(image: Image.Image, geometry: Geometry) -> Image.Image:
    """The picture with its last column and row repeated until it fills the canvas."""
    right, below = geometry.canvas.width - image.width, geometry.canvas.height - image.height
    if not (right or below):
        return image
    values = np.asarray(image)
    beside = ((0, below), (0, right), (0, 0))[: values.ndim]
    return Image.fromarray(np.pad(values, beside, mode="edge"))
