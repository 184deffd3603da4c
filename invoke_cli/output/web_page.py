"""Web pages that work from disk: one file with its styles and its script, which loads nothing but images beside it."""

from __future__ import annotations

import html
import json
import os
import re
from pathlib import Path
from urllib.parse import quote_from_bytes

from invoke_cli.input_files import ASSET, read_input_text

_ASSETS = Path(__file__).resolve().parent.parent / "assets" / "pages"
_PLACE = re.compile(r"\[\[(\w+)\]\]")


def web_page(name: str, title: str, body: str) -> str:
    """Return a page.

    Args:
        name: The name of its style sheet and its script in the package.
        title: Its title as plain text.
        body: Its content as HTML, in which all texts are escaped.
    """
    parts = {
        "name": name,
        "title": html.escape(title),
        "style": "\n".join(page_asset(f"{each}.css") for each in ("common", name)),
        "body": body,
        "script": "\n".join(page_asset(f"{each}.js") for each in ("common", name)),
    }
    return _PLACE.sub(lambda place: parts[place[1]], page_asset("page.html"))


def page_asset(name: str) -> str:
    """Return a part of pages from the package."""
    return read_input_text(_ASSETS / name, ASSET).rstrip("\n")


def data_element(data: object) -> str:
    """Return data as an element that the script of a page reads. No text in it can end the element."""
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json" id="data">{text}</script>'


def link(path: Path, folder: Path) -> str:
    """Return the address of a file for a page in a folder: relative if possible, without characters to escape."""
    try:
        relative = os.path.relpath(path, folder)
    except ValueError:  # another drive on Windows
        return path.absolute().as_uri()
    return quote_from_bytes(os.fsencode(Path(relative).as_posix()))
