"""Train the text encoder by itself: linear heads on its states predict what captions say of a picture.

The heads read the state at the end of the text and one in the padding after it, since the denoiser attends to both.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from transformers import CLIPTextModel, CLIPTokenizer

from training.compositions.labels import attributes, class_counts, composition_labels
from training.compositions.random_compositions import READING, draw_picture
from training.networks.builders import Widths, build_text_tower
from training.networks.training_loop import TrainingRun, finished, run_training
from training.text.text_encoder import tokens
from training.text.tokenizer import learn_merges, load_tokenizer, write_tokenizer
from training.text.words import said_caption, word_counts

POSITIONS = 77
# Most steps read no further than this: later states depend on earlier ones alone, and captions are short.
SHORT = 20
FULL_LENGTH_EVERY = 8
# Things have by far the most classes, and are what a caption is about.
WEIGHTS = {"kind": 2.0, "second kind": 3.0}
MOST_MERGES = 6000
TEXT_WIDTH, TEXT_LAYERS = 192, 4
Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


class LabelReader(nn.Module):
    """The text encoder under one linear head for all attributes."""

    def __init__(self, tower: CLIPTextModel, classes: int) -> None:
        super().__init__()
        self.tower = tower
        self.head = nn.Linear(tower.config.hidden_size, classes)

    def forward(self, ids: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """Return scores (k * n, classes) at k positions of every text; `ids` is (n, length), `places` (k, n)."""
        scores: torch.Tensor = self.head(self.states_at(ids, places))
        return scores.float()

    def states_at(self, ids: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """Return the states (k * n, c) at k positions of every text."""
        states = self.tower(ids).last_hidden_state
        rows = torch.arange(len(ids))
        return torch.cat([states[rows, place] for place in places])


def stored_vocabulary(folder: Path, seed: int) -> CLIPTokenizer:
    """Load the tokenizer of a folder; it is built if missing."""
    if (folder / "vocab.json").exists():
        return load_tokenizer(folder)
    return write_tokenizer(folder, learn_merges(word_counts(seed), MOST_MERGES))


def build_tower(tokenizer: CLIPTokenizer, width: int = TEXT_WIDTH, layers: int = TEXT_LAYERS) -> CLIPTextModel:
    """Return an untrained text encoder for the tokenizer."""
    widths = Widths(autoencoder=(), unet=(), text=width, text_layers=layers)
    tower = build_text_tower(widths, len(tokenizer), tokenizer.eos_token_id)
    # On a CPU twice as fast as the fused attention, at this width.
    tower.set_attn_implementation("eager")
    return tower


def train_labels(
    tower: CLIPTextModel, tokenizer: CLIPTokenizer, run: TrainingRun, work: Path, captions: int
) -> dict[str, float]:
    """Train the text encoder on fresh captions, `captions` a step.

    Return the accuracy of each attribute on unseen captions. An encoder that was trained already is only loaded.
    """
    reader = LabelReader(tower, sum(class_counts()))
    if finished(run, reader, work):
        return {}

    def loss_at(step: int) -> torch.Tensor:
        ids, ends, wanted = label_batch(tokenizer, (run.seed, step), captions)
        ids, places = reading_places(ids, ends, run.seed, step)
        with torch.autocast("cpu", torch.bfloat16):
            scores = reader(ids, places)
        return label_loss(scores, torch.cat([wanted, wanted]))

    run_training(run, reader, work, loss_at)
    return label_accuracy(reader, tokenizer, seed=run.seed + 1)


def reading_places(ids: torch.Tensor, ends: torch.Tensor, seed: int, step: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the texts, cut where all have ended in most steps, and two positions in each: its end and a later one."""
    longest = int(ends.max()) + 2
    length = POSITIONS if step % FULL_LENGTH_EVERY == 0 else min(POSITIONS, max(SHORT, longest))
    later = torch.from_numpy(np.random.default_rng((seed, step, 1)).integers(ends.numpy(), length))
    return ids[:, :length], torch.stack([ends, later])


@torch.no_grad()
def label_accuracy(reader: LabelReader, tokenizer: CLIPTokenizer, seed: int, count: int = 1536) -> dict[str, float]:
    """Return the accuracy of every applicable attribute at the end of fresh captions, 0..1."""
    ids, ends, wanted = label_batch(tokenizer, (seed, 0), count)
    scores = torch.cat(
        [reader(part, end[None]) for part, end in zip(torch.split(ids, 256), torch.split(ends, 256), strict=True)]
    )
    figures = {}
    for number, (name, part) in enumerate(zip(attributes(), torch.split(scores, class_counts(), dim=1), strict=True)):
        applies = wanted[:, number] > 0
        right = (part.argmax(dim=1) == wanted[:, number])[applies]
        figures[name] = float(right.float().mean()) if len(right) else 1.0
    return figures


def label_batch(tokenizer: CLIPTokenizer, seed: tuple[int, int], count: int) -> Batch:
    """Return token ids (n, 77), the position of the end of every text (n,), and the labels (n, attributes)."""
    rng = np.random.default_rng(seed)
    scenes = [draw_picture(rng, READING) for _ in range(count)]
    ids = tokens(tokenizer, [said_caption(scene, rng) for scene in scenes])
    ends = (ids == tokenizer.eos_token_id).int().argmax(dim=1)
    return ids, ends, torch.tensor([composition_labels(scene) for scene in scenes])


def label_loss(scores: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Return the sum of the cross entropies of all attributes, over ten."""
    parts = torch.split(scores, class_counts(), dim=1)
    losses = [
        WEIGHTS.get(name, 1.0) * F.cross_entropy(part, wanted[:, number])
        for number, (name, part) in enumerate(zip(attributes(), parts, strict=True))
    ]
    return torch.stack(losses).sum() / 10
