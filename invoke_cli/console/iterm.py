"""Render an image in iTerm2's inline image protocol, which WezTerm and mintty also support."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from invoke_cli.console.kitty import png_bytes
from invoke_cli.console.rendered_image import RenderedImage
from invoke_cli.console.terminal import Terminal
from invoke_cli.console.terminal_queries import wrap_for_tmux

if TYPE_CHECKING:
    from PIL import Image


def render_iterm(image: Image.Image, columns: int, rows: int, terminal: Terminal, number: int = 0) -> RenderedImage:  # noqa: ARG001
    """Render an image as a PNG, which the terminal scales to its cells."""
    data = png_bytes(image)
    arguments = f"inline=1;size={len(data)};width={columns};height={rows};preserveAspectRatio=0"
    text = f"\x1b]1337;File={arguments}:{base64.standard_b64encode(data).decode()}\x07"
    return RenderedImage(columns=columns, rows=rows, image=wrap_for_tmux(text) if terminal.wrapped else text)
