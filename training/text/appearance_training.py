"""Train the text encoder further, so that what a thing looks like is a linear function of its states.

Labels alone are told apart in a few dimensions: after them nine tenths of the variance between things lay in nineteen.
The denoiser reads states by linear maps, and learns things slowly from such a code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from transformers import CLIPTextModel, CLIPTokenizer

from training.compositions.labels import attributes, class_counts
from training.networks.training_loop import TrainingRun, finished, run_training
from training.text.label_training import LabelReader, label_batch, label_loss, reading_places

# The numbers of components of the looks of the first thing in a caption, and of the second.
FIRST, SECOND = 96, 64
LOOKS_WEIGHT = 3.0


class LooksReader(nn.Module):
    """The reader of labels, and one linear head for the looks of two things."""

    def __init__(self, reader: LabelReader) -> None:
        super().__init__()
        self.reader = reader
        self.looks = nn.Linear(reader.tower.config.hidden_size, FIRST + SECOND)

    def forward(self, ids: torch.Tensor, places: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return scores of labels and looks at k positions of every text, as `LabelReader` does."""
        states = self.reader.states_at(ids, places)
        return self.reader.head(states).float(), self.looks(states).float()


def main_components(latents: torch.Tensor, count: int = FIRST) -> torch.Tensor:
    """Return the main components (n, count) of the latents of things (n, 4, h, w), the strong ones weakened.

    Each is divided by the root of its deviation, so that details count as well as the mean colour.
    """
    flat = latents.flatten(1).float()
    centred = flat - flat.mean(dim=0)
    left, strengths, _ = torch.linalg.svd(centred, full_matrices=False)
    kept = min(count, len(strengths))
    deviations = strengths[:kept] / len(flat) ** 0.5
    components = left[:, :kept] * len(flat) ** 0.5 * deviations.sqrt()
    components = components / components.std().clamp_min(1e-6)
    return torch.nn.functional.pad(components, (0, count - kept))


@dataclass(frozen=True, kw_only=True)
class LooksCourse:
    """The finished run of the labels, the run of the looks, and what computes them (things, FIRST), table order."""

    labels: TrainingRun
    looks: TrainingRun
    compute: Callable[[], torch.Tensor]
    captions: int = 128


def train_looks(tower: CLIPTextModel, tokenizer: CLIPTokenizer, course: LooksCourse, work: Path) -> None:
    """Train the text encoder on labels and looks. One that was trained already is only loaded."""
    reader = LabelReader(tower, sum(class_counts()))
    finished(course.labels, reader, work)
    module, run = LooksReader(reader), course.looks
    if finished(run, module, work):
        return
    looks = course.compute()
    names = list(attributes())
    first, second = names.index("kind"), names.index("second kind")
    shapes = 1 + len(attributes()["kind"]) - len(looks)

    def loss_at(step: int) -> torch.Tensor:
        ids, ends, wanted = label_batch(tokenizer, (run.seed, step), course.captions)
        ids, places = reading_places(ids, ends, run.seed, step)
        with torch.autocast("cpu", torch.bfloat16):
            scores, seen = module(ids, places)
        twice = torch.cat([wanted, wanted])
        error = _error(seen[:, :FIRST], twice[:, first] - shapes, looks)
        error = error + _error(seen[:, FIRST:], twice[:, second] - shapes, looks[:, :SECOND])
        if step % 50 == 0:
            print(f"looks: {float(error.detach()):.3f}", flush=True)
        return label_loss(scores, twice) + LOOKS_WEIGHT * error

    run_training(run, module, work, loss_at)


def _error(seen: torch.Tensor, rows: torch.Tensor, looks: torch.Tensor) -> torch.Tensor:
    """Return the mean squared error of the looks where there is a thing."""
    there = rows >= 0
    errors = (seen - looks[rows.clamp_min(0)]).square().mean(dim=1)
    return (errors * there).sum() / there.sum().clamp_min(1)


def rank_of(states: np.ndarray[tuple[int, ...], np.dtype[np.float32]], share: float = 0.9) -> int:
    """Return in how many dimensions a share of the variance of states (n, c) lies."""
    strengths = np.linalg.svd(states - states.mean(axis=0), compute_uv=False) ** 2
    return int((np.cumsum(strengths / strengths.sum()) < share).sum()) + 1
