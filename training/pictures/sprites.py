"""The pixels of things: pictures with transparency, cropped to what they show, in their own or another colour."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image, ImageDraw

from training.pictures.packages import FLUENT_3D
from training.pictures.recolouring import recoloured
from training.rendering.scene import PALETTE, RGB, SHAPES
from training.rendering.shapes import corners

SIDE = 256
MAIN_LOOK = "3d"
_OVERSAMPLING = 4


class SpriteSource(Protocol):
    """Something that has the pictures of things."""

    def sprite(self, kind: str, look: str) -> Image.Image:
        """Return the picture of a thing in a look: RGBA, square, cropped to what is opaque."""


class Sprites:
    """The pictures of things in a folder of unpacked packages."""

    def __init__(self, pictures: Path) -> None:
        self.pictures = pictures
        self.folder = pictures / FLUENT_3D.folder / "package" / "assets"
        self.files = {code_of(file.stem): file for file in sorted(self.folder.glob("*.webp"))}
        if not self.files:
            raise FileNotFoundError(f"{self.folder} has no pictures: run `python -m training fetch` first")
        self.known: dict[tuple[str, str], Image.Image] = {}

    def sprite(self, kind: str, look: str) -> Image.Image:
        """Return the picture of a thing in a look; it is read once."""
        if (kind, look) not in self.known:
            with Image.open(self._file(kind, look)) as image:
                self.known[kind, look] = squared(image.convert("RGBA"))
        return self.known[kind, look]

    def _file(self, kind: str, look: str) -> Path:
        if look == MAIN_LOOK:
            return self.files[kind]
        folder = raster_folder(self.pictures, look)
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder} is missing: run `python -m training rasterize` first")
        return folder / f"{kind}.png"


def raster_folder(pictures: Path, look: str) -> Path:
    """Return the folder of a look whose pictures were rendered from vectors."""
    return pictures / "rasterized" / look


def code_of(stem: str) -> str:
    """Return the code points in a file's name as the table of things has them, without variation selectors."""
    return "-".join(part for part in stem.lower().split("-") if part != "fe0f")


def squared(image: Image.Image) -> Image.Image:
    """Crop an RGBA picture to its opaque part, centre it on a square and scale that to SIDE."""
    box = image.getchannel("A").point(lambda value: 255 * (value > 8)).getbbox()
    shown = image.crop(box) if box else image
    side = max(shown.size)
    square = Image.new("RGBA", (side, side))
    square.paste(shown, ((side - shown.width) // 2, (side - shown.height) // 2))
    return square.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def shape_sprite(kind: str, rgb: RGB) -> Image.Image:
    """Return a plain shape in a colour as an RGBA picture."""
    side = SIDE * _OVERSAMPLING
    image = Image.new("RGBA", (side, side), (*rgb, 0))
    outline = [((1 + x / 1.16) * side / 2, (1 + y / 1.16) * side / 2) for x, y in corners(kind)]
    ImageDraw.Draw(image).polygon(outline, fill=(*rgb, 255))
    return squared(image.reduce(_OVERSAMPLING))


class ColouredSprites:
    """Sprites in any of the twelve colours. Recoloured ones are kept, since to compute them takes time."""

    def __init__(self, source: SpriteSource, kept: int = 600) -> None:
        self.source = source
        self.recoloured = lru_cache(maxsize=kept)(self._recoloured)

    def figure(self, kind: str, look: str, colour: str) -> Image.Image:
        """Return the picture of a thing or shape; `colour` "" is a thing's own."""
        return self.recoloured(kind, look, colour) if colour else self.source.sprite(kind, look)

    def _recoloured(self, kind: str, look: str, colour: str) -> Image.Image:
        if kind in SHAPES:
            return shape_sprite(kind, PALETTE[colour])
        pixels = np.asarray(self.source.sprite(kind, look))
        return Image.fromarray(recoloured(pixels, PALETTE[colour]))
