"""The kept part of an image around the painted part, for previews and frames of masked runs."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from invoke_cli.imaging.canvas import crop_from_canvas
from invoke_cli.imaging.masks import Mask
from invoke_cli.imaging.sizes import Box, Geometry, Size

MAX_SIDE = 512


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """The image that a run paints into.

    Attributes:
        base: The whole image, RGB.
        alpha: The weight of the painted part at each pixel of the window, or of the whole image without one.
        geometry: How the image was fitted to the canvas.
    """

    base: Image.Image
    alpha: Mask
    geometry: Geometry

    def around(self, preview: Image.Image) -> Image.Image:
        """Return the whole image, reduced to the scale of a preview of the canvas, with the painted part in it."""
        box = self.geometry.window or Box(0, 0, *self.base.size)
        worked = self.geometry.output or Box(0, 0, *self.geometry.canvas)
        pixels = preview.width / self.geometry.canvas.width * worked.size.width / box.size.width
        scale = min(1.0, pixels, MAX_SIDE / max(self.base.size))
        size = Size(*(max(1, round(side * scale)) for side in self.base.size))
        left, top, right, bottom = (round(edge * scale) for edge in box)
        part_size = Size(max(1, right - left), max(1, bottom - top))
        painted = crop_from_canvas(preview.resize(self.geometry.canvas, Image.Resampling.BILINEAR), self.geometry)
        whole = self.base.resize(size, Image.Resampling.BOX)
        weights = Image.fromarray(self.alpha).resize(part_size, Image.Resampling.BOX)
        whole.paste(painted.resize(part_size, Image.Resampling.BOX), (left, top), weights)
        return whole
