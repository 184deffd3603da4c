"""A canvas at twice the requested size, in fractions of the image, and helpers for pixel fields."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFilter

from training.rendering.scene import RGB

Array = NDArray[np.float32]
Point = tuple[float, float]
OVERSAMPLING = 2


class Canvas:
    """An image that is being drawn.

    Points are (x, y) in 0..1 of width and height; lengths are in 0..1 of the shorter side.
    """

    def __init__(self, width: int, height: int, paper: RGB) -> None:
        self.width, self.height = width * OVERSAMPLING, height * OVERSAMPLING
        self.unit = float(min(self.width, self.height))
        self.image = Image.new("RGB", (self.width, self.height), paper)
        self._pen = ImageDraw.Draw(self.image)

    def pixel(self, point: Point) -> Point:
        """Convert a point to pixels of the canvas."""
        return point[0] * self.width, point[1] * self.height

    def about(self, centre: Point, radius: float, offsets: Iterable[Point]) -> list[Point]:
        """Convert offsets in radii around a centre to pixels.

        Shapes stay upright and round on canvases that are not square.
        """
        x, y = self.pixel(centre)
        reach = radius * self.unit
        return [(x + dx * reach, y + dy * reach) for dx, dy in offsets]

    def polygon(self, corners: Sequence[Point], colour: RGB) -> None:
        """Fill a polygon with corners in pixels."""
        self._pen.polygon(list(corners), fill=colour)

    def disc(self, centre: Point, radius: float, colour: RGB, squash: float = 1.0) -> None:
        """Fill an ellipse, `squash` times as high as wide, around a point."""
        x, y = self.pixel(centre)
        rx, ry = radius * self.unit, radius * self.unit * squash
        self._pen.ellipse((x - rx, y - ry, x + rx, y + ry), fill=colour)

    def spot(self, pixel: Point, radius_px: float, colour: RGB, squash: float = 1.0) -> None:
        """Fill an ellipse with centre and radius in pixels."""
        x, y = pixel
        self._pen.ellipse((x - radius_px, y - radius_px * squash, x + radius_px, y + radius_px * squash), fill=colour)

    def stroke(self, pixels: Sequence[Point], width_px: float, colour: RGB) -> None:
        """Draw a line with round joints through pixels."""
        self._pen.line(list(pixels), fill=colour, width=max(1, round(width_px)), joint="curve")

    def blend(self, mask: Array, colour: RGB | Array) -> None:
        """Blend a colour, or an image (H, W, 3) in 0..255, over the canvas; `mask` (H, W) in 0..1 is the opacity."""
        under = np.asarray(self.image, dtype=np.float32)
        over = np.asarray(colour, dtype=np.float32)
        mixed = under + (over - under) * np.clip(mask, 0.0, 1.0)[..., None]
        self.replace(mixed)

    def replace(self, pixels: Array) -> None:
        """Replace the drawing by an image (H, W, 3) in 0..255."""
        self.image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
        self._pen = ImageDraw.Draw(self.image)

    def finished(self) -> Image.Image:
        """Return the image at the requested size."""
        return self.image.reduce(OVERSAMPLING)


def floats(values: ArrayLike) -> Array:
    """Convert the values to float32."""
    return np.asarray(values, dtype=np.float32)


def grid(width: int, height: int) -> tuple[Array, Array]:
    """Return x and y of every pixel centre, (H, W) each, in 0..1."""
    ys, xs = np.meshgrid(
        (np.arange(height, dtype=np.float32) + 0.5) / height,
        (np.arange(width, dtype=np.float32) + 0.5) / width,
        indexing="ij",
    )
    return xs.astype(np.float32), ys.astype(np.float32)


def smooth_noise(rng: np.random.Generator, width: int, height: int, cells: int) -> Array:
    """Return smooth noise (H, W) in 0..1, with about `cells` hills across."""
    coarse = rng.random((cells + 1, cells + 1), dtype=np.float32)
    grown = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(grown, dtype=np.float32), 0.0, 1.0)


def blurred(field: Array, radius_px: float) -> Array:
    """Blur a field (H, W) in 0..1 with a Gaussian."""
    image = Image.fromarray((np.clip(field, 0, 1) * 255).astype(np.uint8))
    soft = np.asarray(image.filter(ImageFilter.GaussianBlur(radius_px)), dtype=np.float32)
    return floats(soft / 255)


def mixed(first: RGB, second: RGB, share: float) -> RGB:
    """Interpolate between two colours; `share` 0 is the first, 1 the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def vertical(width: int, height: int, stops: Sequence[tuple[float, RGB]]) -> Array:
    """Return an image (H, W, 3) in 0..255 with a vertical gradient through the stops, each (y in 0..1, colour)."""
    rows = (np.arange(height, dtype=np.float32) + 0.5) / height
    places = [place for place, _ in stops]
    channels = [np.interp(rows, places, [colour[i] for _, colour in stops]) for i in range(3)]
    column = np.stack(channels, axis=-1).astype(np.float32)
    return np.repeat(column[:, None, :], width, axis=1)
