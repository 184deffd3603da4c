"""Format values for the output of commands."""

from __future__ import annotations

from collections.abc import Mapping

from invoke_cli.models.files.folder import ModelFacts
from invoke_cli.models.files.weights_header import count_parameters, header_of

_PRECISIONS = {"F32": "float32", "F16": "float16", "BF16": "bfloat16", "F8_E4M3": "float8"}


def format_size(size: int) -> str:
    """Format a number of bytes as MB or GB."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def format_table(rows: Mapping[str, str]) -> str:
    """Format a two-column table, leaving out rows whose value is empty."""
    width = max(map(len, rows))
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows.items() if value)


def properties_item(rows: Mapping[str, str]) -> dict[str, object]:
    """Return such a table as an item of a model, under names without blanks."""
    properties = {name.lower().replace(" ", "_"): value or None for name, value in rows.items()}
    return {"kind": "properties", "bytes": None, "parameter_count": None, "size": None, **properties}


def count_model_parameters(facts: ModelFacts) -> tuple[int, list[str]]:
    """Count the parameters of a model.

    Returns:
        The number of parameters, from the headers of the weight files, and their dtypes in alphabetical order.
    """
    total, dtypes = 0, set()
    for path in facts.weights:
        header = header_of(path)
        if header:
            total += count_parameters(header)
            dtypes |= {_PRECISIONS.get(entry["dtype"], entry["dtype"].lower()) for entry in header.values()}
    return total, sorted(dtypes)
