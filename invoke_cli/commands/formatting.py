"""How the commands put facts."""

from __future__ import annotations

from collections.abc import Mapping

from invoke_cli.models.files.folder import ModelFacts
from invoke_cli.models.files.weights_header import count_parameters, header_of

_PRECISIONS = {"F32": "float32", "F16": "float16", "BF16": "bfloat16", "F8_E4M3": "float8"}


def size_text(size: int) -> str:
    """Bytes for people."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def table_of(rows: Mapping[str, str]) -> str:
    """A row for each value that is there."""
    width = max(map(len, rows))
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows.items() if value)


def counted(facts: ModelFacts) -> tuple[int, list[str]]:
    """How many numbers the model's files hold, and of which kinds."""
    total, kinds = 0, set()
    for path in facts.weights:
        header = header_of(path)
        if header:
            total += count_parameters(header)
            kinds |= {_PRECISIONS.get(entry["dtype"], entry["dtype"].lower()) for entry in header.values()}
    return total, sorted(kinds)
