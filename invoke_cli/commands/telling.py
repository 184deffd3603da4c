"""How the commands put facts."""

from __future__ import annotations

from collections.abc import Mapping


def size_text(size: int) -> str:
    """Bytes for people."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def table_of(rows: Mapping[str, str]) -> str:
    """A row for each value that is there."""
    width = max(map(len, rows))
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows.items() if value)
