"""The flat and the cartoon look: vector pictures of the icon packages, rendered once to PNG files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from training.pictures.packages import FLUENT_FLAT, NOTO, Package
from training.pictures.sprites import SIDE, code_of, raster_folder
from training.pictures.things import things

VECTOR_LOOKS: dict[str, Package] = {"flat": FLUENT_FLAT, "cartoon": NOTO}


def rasterize(pictures: Path) -> dict[str, int]:
    """Render all things in all vector looks into the folder of pictures. Return the number of files of each look.

    It needs `resvg_py`, which the extra `training` installs.
    """
    return {look: _rasterize_look(pictures, look, package) for look, package in VECTOR_LOOKS.items()}


def svg_bodies(package_folder: Path) -> dict[str, str]:
    """Return the SVG document of every icon in an unpacked icon package, by code points."""
    known = json.loads((package_folder / "icons.json").read_text(encoding="utf-8"))
    names = json.loads((package_folder / "chars.json").read_text(encoding="utf-8"))
    return {code_of(code): _document(known, name) for code, name in names.items() if _has(known, name)}


def _has(known: dict[str, Any], name: str) -> bool:
    return name in known["icons"] or name in known.get("aliases", {})


def _document(known: dict[str, Any], name: str) -> str:
    parent = name if name in known["icons"] else known["aliases"][name]["parent"]
    icon = known["icons"][parent]
    width, height = (icon.get(side, known[side]) for side in ("width", "height"))
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{icon["body"]}</svg>'


def _rasterize_look(pictures: Path, look: str, package: Package) -> int:
    from resvg_py import svg_to_bytes

    bodies = svg_bodies(pictures / package.folder / "package")
    folder = raster_folder(pictures, look)
    folder.mkdir(parents=True, exist_ok=True)
    for thing in things():
        png = svg_to_bytes(svg_string=bodies[thing.code], width=SIDE, height=SIDE, skip_system_fonts=True)
        (folder / f"{thing.code}.png").write_bytes(bytes(png))
    return len(things())
