"""Train the text encoder by itself: linear heads on its states predict the contents of the captioned scene.

They read two states, at the end of the text and in the padding after it, since the UNet uses both.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from transformers import CLIPTextModel, CLIPTokenizer

from training.networks.training_loop import TrainingRun, finished, run_training
from training.rendering.mixes import WIDE
from training.rendering.random_scenes import draw_scene
from training.text.captions import nonempty_caption
from training.text.labels import ATTRIBUTES, class_counts, labels

CAPTIONS_PER_STEP = 64


class Reader(nn.Module):
    """The text encoder under one linear head for all attributes."""

    def __init__(self, tower: CLIPTextModel) -> None:
        super().__init__()
        self.tower = tower
        self.head = nn.Linear(tower.config.hidden_size, sum(class_counts()))

    def forward(self, ids: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """Return scores (n, all classes) at one position of every text; `ids` is (n, 77), `places` (n,)."""
        states = self.tower(ids).last_hidden_state
        chosen: torch.Tensor = self.head(states[torch.arange(len(ids)), places])
        return chosen.float()


def tokens(tokenizer: CLIPTokenizer, texts: list[str]) -> torch.Tensor:
    """Convert the texts to token ids (n, 77), padded and cut."""
    ids: torch.Tensor = tokenizer(
        texts, padding="max_length", truncation=True, max_length=77, return_tensors="pt"
    ).input_ids
    return ids


def train_reader(tower: CLIPTextModel, tokenizer: CLIPTokenizer, run: TrainingRun, work: Path) -> dict[str, float]:
    """Train the text encoder on fresh captions. Return the accuracy of each attribute on unseen captions.

    An encoder that was trained already is only loaded, without figures.
    """
    reader = Reader(tower)
    if finished(run, reader, work):
        return {}

    def loss_at(step: int) -> torch.Tensor:
        ids, ends, wanted = _batch(tokenizer, (run.seed, step), CAPTIONS_PER_STEP)
        rng = np.random.default_rng((run.seed, step, 1))
        later = torch.from_numpy(rng.integers(ends.numpy(), 77))
        with torch.autocast("cpu", torch.bfloat16):
            states = reader.tower(ids).last_hidden_state
            rows = torch.arange(len(ids))
            scores = reader.head(torch.cat([states[rows, ends], states[rows, later]])).float()
        return _cross_entropy(scores, torch.cat([wanted, wanted]))

    run_training(run, reader, work, loss_at)
    return accuracy(reader, tokenizer, seed=run.seed + 1)


@torch.no_grad()
def accuracy(reader: Reader, tokenizer: CLIPTokenizer, seed: int, count: int = 1024) -> dict[str, float]:
    """Return the accuracy of every applicable attribute at the end of fresh captions, 0..1."""
    ids, ends, wanted = _batch(tokenizer, (seed, 0), count)
    parts = torch.split(reader(ids, ends), class_counts(), dim=1)
    figures = {}
    for number, (name, part) in enumerate(zip(ATTRIBUTES, parts, strict=True)):
        applies = wanted[:, number] > 0
        right = (part.argmax(dim=1) == wanted[:, number])[applies]
        figures[name] = float(right.float().mean()) if len(right) else 1.0
    return figures


def _batch(
    tokenizer: CLIPTokenizer, seed: tuple[int, int], count: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    scenes = [draw_scene(rng, WIDE) for _ in range(count)]
    ids = tokens(tokenizer, [nonempty_caption(scene, rng) for scene in scenes])
    ends = (ids == tokenizer.eos_token_id).int().argmax(dim=1)
    return ids, ends, torch.tensor([labels(scene) for scene in scenes])


def _cross_entropy(scores: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    parts = torch.split(scores, class_counts(), dim=1)
    losses = [F.cross_entropy(part, wanted[:, number]) for number, part in enumerate(parts)]
    return torch.stack(losses).sum() / 10
