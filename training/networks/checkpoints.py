"""Checkpoints: the state of a training phase in one file that is written atomically."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write the state to a temporary file and rename it to the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """Return the state in the file, on the CPU; None if there is none."""
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def log(work: Path, phase: str, **figures: float) -> None:
    """Append a line of figures to the log, as JSON, and print it."""
    line = json.dumps({"phase": phase, **{name: round(value, 5) for name, value in figures.items()}})
    with (work / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(line + "\n")
    print(line, flush=True)
