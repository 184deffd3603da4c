"""Paths that a terminal opens when they are clicked (OSC 8), and the terminals that would show them as rubbish."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

_WITHOUT = ("dumb", "linux", "unknown", "")


def takes_links(out: TextIO) -> bool:
    """Whether a stream is a terminal that knows links, or at least leaves them out."""
    return out.isatty() and os.environ.get("TERM", "") not in _WITHOUT


def linked(text: str, path: str) -> str:
    """The text with the path in it as a link to the file."""
    address = f"file://{socket.gethostname()}{quote(str(Path(path).absolute()))}"
    return text.replace(path, f"\x1b]8;;{address}\x1b\\{path}\x1b]8;;\x1b\\", 1)
