"""Hyperlinks to files in the terminal (OSC 8), and the terminals that would print them as garbage."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

_UNSUPPORTED = ("dumb", "linux", "unknown", "")


def supports_hyperlinks(out: TextIO) -> bool:
    """Return whether a stream is a terminal that supports or ignores hyperlinks."""
    return out.isatty() and os.environ.get("TERM", "") not in _UNSUPPORTED


def add_hyperlink(text: str, path: str) -> str:
    """Replace a path in the text by a hyperlink to the file."""
    url = f"file://{socket.gethostname()}{quote(str(Path(path).absolute()))}"
    return text.replace(path, f"\x1b]8;;{url}\x1b\\{path}\x1b]8;;\x1b\\", 1)
