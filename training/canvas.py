"""A sheet to draw on at twice the size asked for, in fractions of the picture, and the fields of numbers under it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFilter

from training.scene import RGB

Array = NDArray[np.float32]
Checkpoint = tuple[float, float]
OVERSAMPLING = 2


class Canvas:
    """A picture being drawn; points are (x, y) in 0..1 of its width and height, lengths in 0..1 of its shorter side."""

    def __init__(self, width: int, height: int, paper: RGB) -> None:
        self.width, self.height = width * OVERSAMPLING, height * OVERSAMPLING
        self.unit = float(min(self.width, self.height))
        self.image = Image.new("RGB", (self.width, self.height), paper)
        self._pen = ImageDraw.Draw(self.image)

    def pixel(self, point: Checkpoint) -> Checkpoint:
        """A point in pixels of the large sheet."""
        return point[0] * self.width, point[1] * self.height

    def about(self, centre: Checkpoint, radius: float, offsets: Iterable[Checkpoint]) -> list[Checkpoint]:
        """Offsets in radii around a centre, as pixels: shapes stay upright and round on sheets that are not square."""
        x, y = self.pixel(centre)
        reach = radius * self.unit
        return [(x + dx * reach, y + dy * reach) for dx, dy in offsets]

    def polygon(self, corners: Sequence[Checkpoint], colour: RGB) -> None:
        """Fill a polygon whose corners are pixels."""
        self._pen.polygon(list(corners), fill=colour)

    def disc(self, centre: Checkpoint, radius: float, colour: RGB, squash: float = 1.0) -> None:
        """Fill an ellipse, `squash` times as high as it is wide; the centre is a point."""
        x, y = self.pixel(centre)
        rx, ry = radius * self.unit, radius * self.unit * squash
        self._pen.ellipse((x - rx, y - ry, x + rx, y + ry), fill=colour)

    def spot(self, pixel: Checkpoint, radius_px: float, colour: RGB, squash: float = 1.0) -> None:
        """Fill an ellipse whose centre and radius are pixels."""
        x, y = pixel
        self._pen.ellipse((x - radius_px, y - radius_px * squash, x + radius_px, y + radius_px * squash), fill=colour)

    def stroke(self, pixels: Sequence[Checkpoint], width_px: float, colour: RGB) -> None:
        """Draw a line of round joints through pixels."""
        self._pen.line(list(pixels), fill=colour, width=max(1, round(width_px)), joint="curve")

    def blend(self, mask: Array, colour: RGB | Array) -> None:
        """Lay a colour, or a picture (H, W, 3) in 0..255, over the sheet; `mask` (H, W) in 0..1 says how thickly."""
        under = np.asarray(self.image, dtype=np.float32)
        over = np.asarray(colour, dtype=np.float32)
        mixed = under + (over - under) * np.clip(mask, 0.0, 1.0)[..., None]
        self.replace(mixed)

    def replace(self, pixels: Array) -> None:
        """Put a picture (H, W, 3) in 0..255 in the place of what was drawn."""
        self.image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
        self._pen = ImageDraw.Draw(self.image)

    def finished(self) -> Image.Image:
        """The picture at the size that was asked for."""
        return self.image.reduce(OVERSAMPLING)


def floats(values: ArrayLike) -> Array:
    """The values as float32."""
    return np.asarray(values, dtype=np.float32)


def grid(width: int, height: int) -> tuple[Array, Array]:
    """The x and the y of every pixel centre, (H, W) each, in 0..1."""
    ys, xs = np.meshgrid(
        (np.arange(height, dtype=np.float32) + 0.5) / height,
        (np.arange(width, dtype=np.float32) + 0.5) / width,
        indexing="ij",
    )
    return xs.astype(np.float32), ys.astype(np.float32)


def smooth_noise(rng: np.random.Generator, width: int, height: int, cells: int) -> Array:
    """Soft random hills (H, W) in 0..1, about `cells` of them across."""
    coarse = rng.random((cells + 1, cells + 1), dtype=np.float32)
    grown = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(grown, dtype=np.float32), 0.0, 1.0)


def blurred(field: Array, radius_px: float) -> Array:
    """A field (H, W) in 0..1 after a Gaussian blur."""
    picture = Image.fromarray((np.clip(field, 0, 1) * 255).astype(np.uint8))
    soft = np.asarray(picture.filter(ImageFilter.GaussianBlur(radius_px)), dtype=np.float32)
    return floats(soft / 255)


def mixed(first: RGB, second: RGB, share: float) -> RGB:
    """The colour that lies `share` of the way from the first to the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def vertical(width: int, height: int, stops: Sequence[tuple[float, RGB]]) -> Array:
    """A picture (H, W, 3) in 0..255 whose rows run through the stops, each (y in 0..1, colour)."""
    rows = (np.arange(height, dtype=np.float32) + 0.5) / height
    places = [place for place, _ in stops]
    channels = [np.interp(rows, places, [colour[i] for _, colour in stops]) for i in range(3)]
    column = np.stack(channels, axis=-1).astype(np.float32)
    return np.repeat(column[:, None, :], width, axis=1)
