"""The evaluation of a model: every table of prompts, drawn and judged, with what was missed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.earlier.export import load_pipeline
from training.evaluation.eye import Eye
from training.evaluation.measure import Marks, drawn, marks
from training.evaluation.prompts import TABLES, prompts_of
from training.evaluation.sheets import SheetOptions
from training.pictures.things import by_code


@dataclass(frozen=True, kw_only=True)
class Question:
    """How a model is asked: size of the pictures, seeds of each prompt, guidance, at most so many prompts a table."""

    side: int = 128
    seeds: int = 1
    guidance: float = 5.0
    most: int = 200
    tables: tuple[str, ...] = tuple(TABLES)


def evaluate(
    model: Path, eye: Eye, question: Question, out: Path, eye_shares: dict[str, float]
) -> dict[str, dict[str, float]]:
    """Return the shares of right answers of every table.

    They are also written to a file, after each table, with what was missed and how well the eye itself sees.
    """
    pipeline = load_pipeline(model)
    options = SheetOptions(guidance=question.guidance, width=question.side, height=question.side)
    figures: dict[str, dict[str, float]] = {}
    missed: dict[str, list[str]] = {}
    for table in question.tables:
        prompts = prompts_of(table, most=question.most)
        rounds = [marks(eye, prompts, images) for images in drawn(pipeline, prompts, question.seeds, options)]
        figures[table] = _mean(rounds)
        missed[table] = [f"{text}: {_named(seen)}" for found in rounds for text, seen in found.missed]
        asked = {"side": question.side, "seeds": question.seeds, "guidance": question.guidance}
        written = {"model": model.name, **asked, "eye": eye_shares, "figures": figures, "missed": missed}
        out.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    return figures


def _mean(rounds: list[Marks]) -> dict[str, float]:
    return {name: round(float(np.mean([found.shares[name] for found in rounds])), 4) for name in rounds[0].shares}


def _named(seen: str) -> str:
    """Return what was seen by name instead of by code points."""
    return " and ".join(by_code()[code].names[0] if code in by_code() else code for code in seen.split(" and "))
