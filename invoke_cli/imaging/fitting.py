"""Carrying out a geometry: a source onto its canvas, and the finished picture out of it. All resizing is Lanczos."""

from __future__ import annotations

from PIL import Image, ImageColor

from invoke_cli.errors import PlanError
from invoke_cli.imaging.sizes import Geometry


def onto_canvas(image: Image.Image, geometry: Geometry, fill: str = "black") -> Image.Image:
    """The RGB picture that the model is to work on, of the size `geometry.canvas`."""
    scaled = image if image.size == geometry.scaled else image.resize(geometry.scaled, Image.Resampling.LANCZOS)
    if scaled.size == geometry.canvas:
        return scaled
    canvas = Image.new("RGB", geometry.canvas, colour(fill))
    canvas.paste(scaled, geometry.offset)
    return canvas


def out_of_canvas(image: Image.Image, geometry: Geometry) -> Image.Image:
    """The part of a finished canvas that is the result."""
    return image if geometry.output is None else image.crop(geometry.output)


def colour(name: str) -> tuple[int, int, int]:
    """Red, green and blue (0..255) of a colour's name; PlanError when there is none of that name."""
    try:
        red, green, blue = ImageColor.getrgb(name)[:3]
    except ValueError:
        hint = "write a name such as white or grey, or #808080"
        raise PlanError(f"there is no colour {name!r}", hint=hint, field="pad") from None
    return red, green, blue
