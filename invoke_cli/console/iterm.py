"""A picture as iTerm2 shows them in the line; WezTerm and mintty do as well."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from invoke_cli.console.kitty import png_bytes
from invoke_cli.console.rendered_image import RenderedImage
from invoke_cli.console.terminal import Terminal
from invoke_cli.console.terminal_queries import through_tmux

if TYPE_CHECKING:
    from PIL import Image


def draw_iterm(image: Image.Image, columns: int, rows: int, terminal: Terminal, number: int = 0) -> RenderedImage:  # noqa: ARG001
    """The picture as a PNG, stretched by the terminal over its cells."""
    data = png_bytes(image)
    about = f"inline=1;size={len(data)};width={columns};height={rows};preserveAspectRatio=0"
    text = f"\x1b]1337;File={about}:{base64.standard_b64encode(data).decode()}\x07"
    return RenderedImage(columns=columns, rows=rows, image=through_tmux(text) if terminal.wrapped else text)
