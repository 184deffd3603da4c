"""The eye: one small convolutional network that names the thing, place, colour, medium and look in a picture.

It learns from rendered compositions after the autoencoder, and is examined on others before it judges the model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from training.compositions.composition import LOOKS, PLACES, Composition
from training.compositions.drawing import render_composition
from training.compositions.random_compositions import Blend, compose
from training.networks.autoencoder import to_model
from training.networks.checkpoints import load_checkpoint, save_checkpoint
from training.pictures.things import things
from training.rendering.scene import MEDIA, PALETTE, SHAPES
from training.stages.views import PictureMaker

SIDE = 64
CHANNELS = (32, 64, 128, 192, 256)
# What the eye learns from: single things, large and medium, half of them in places.
SEEN = Blend(
    kinds=(1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0), recoloured=0.25, styled=0.15, sticker=0.08, sizes=(0.0, 0.3, 0.7)
)
Pixels = NDArray[np.uint8]
Seen = tuple[Pixels, NDArray[np.int64]]


def questions() -> dict[str, tuple[str, ...]]:
    """Return what the eye is asked, and the possible answers."""
    return {
        "thing": (*SHAPES, *(thing.code for thing in things())),
        "place": ("", *PLACES),
        "colour": ("", *PALETTE),
        "medium": MEDIA,
        "look": LOOKS,
        "backdrop": ("", *PALETTE),
    }


def truths(scene: Composition) -> list[int]:
    """Return the number of the right answer to every question."""
    figure, setting = scene.figures[0], scene.setting
    said = (figure.kind, setting.place, figure.colour, scene.medium, scene.look, setting.backdrop)
    return [answers.index(answer) for answers, answer in zip(questions().values(), said, strict=True)]


class Eye(nn.Module):
    """Five stages of two convolutions, each at half the side of the one before, and a linear head per question."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for channels in CHANNELS:
            for _ in range(2):
                layers += [nn.Conv2d(before, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU()]
                before = channels
            layers.append(nn.MaxPool2d(2))
        self.trunk = nn.Sequential(*layers)
        self.head = nn.Linear(before * 4, sum(len(answers) for answers in questions().values()))

    def forward(self, pixels: torch.Tensor) -> list[torch.Tensor]:
        """Return the scores of every question's answers; `pixels` is (n, 3, 64, 64) in -1..1."""
        scores = self.head(self.trunk(pixels).flatten(1)).float()
        return list(torch.split(scores, [len(answers) for answers in questions().values()], dim=1))


@dataclass(frozen=True, kw_only=True)
class Course:
    """How an eye is trained: the number of different pictures, how often each is seen, the batch, the highest rate."""

    pictures: int = 14_000
    rounds: int = 14
    batch: int = 96
    rate: float = 2e-3
    seed: int = 500


def small(image: Image.Image) -> Pixels:
    """Return the picture at the size of the eye (64, 64, 3)."""
    return np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX))


def seen_pictures(maker: PictureMaker, count: int, seed: int) -> Seen:
    """Return rendered pictures (n, 64, 64, 3) after the autoencoder at 128 px, and the right answers (n, questions)."""
    pixels, answers = [], []
    for part in _parts(count, 32):
        scenes = [_scene(seed, index) for index in part]
        images = np.stack([np.asarray(render_composition(scene, maker.sprites, 128, 128)) for scene in scenes])
        pixels += [small(image) for image in autoencoded(maker, images)]
        answers += [truths(scene) for scene in scenes]
    return np.stack(pixels), np.array(answers)


@torch.no_grad()
def autoencoded(maker: PictureMaker, images: Pixels) -> list[Image.Image]:
    """Return the images after the autoencoder."""
    results = []
    for part in np.array_split(images, max(1, len(images) // 8)):
        with torch.autocast(maker.device, torch.bfloat16):
            latents = maker.vae.encode(to_model(part).to(maker.device)).latent_dist.mean
            decoded = maker.vae.decode(latents).sample.float().cpu()
        shown = ((decoded.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
        results += [Image.fromarray(image) for image in shown]
    return results


def trained_eye(maker: PictureMaker, path: Path, course: Course | None = None) -> Eye:
    """Return the eye of a file; it is trained first if there is none."""
    eye = Eye()
    known = load_checkpoint(path)
    if known is None:
        chosen = course or Course()
        _train(eye, seen_pictures(maker, chosen.pictures, chosen.seed), chosen)
        save_checkpoint(path, {"module": eye.state_dict()})
    else:
        eye.load_state_dict(known["module"])
    eye.eval()
    return eye


@torch.no_grad()
def answers_of(eye: Eye, pixels: Pixels, first: int = 1) -> dict[str, NDArray[np.int64]]:
    """Return the `first` likeliest answers (n, first) to every question about pictures (n, 64, 64, 3)."""
    scores = [eye(_ready(part)) for part in np.array_split(pixels, max(1, len(pixels) // 256))]
    return {
        name: torch.cat([part[number] for part in scores]).topk(min(first, len(answers)), dim=1).indices.numpy()
        for number, (name, answers) in enumerate(questions().items())
    }


def examined(eye: Eye, maker: PictureMaker, count: int = 1600, seed: int = 900) -> dict[str, float]:
    """Return the share of right answers on rendered pictures that the eye has never seen, by question."""
    pixels, truth = seen_pictures(maker, count, seed)
    answers = answers_of(eye, pixels, first=5)
    figures = {
        name: float((found[:, 0] == truth[:, number]).mean()) for number, (name, found) in enumerate(answers.items())
    }
    within = float((answers["thing"] == truth[:, :1]).any(axis=1).mean())
    return {**figures, "thing within five": within}


def _scene(seed: int, index: int) -> Composition:
    """Return a random composition; the things take turns, so that all are seen equally often."""
    rng = np.random.default_rng((seed, index))
    scene = compose(rng, "single" if rng.random() < 0.6 else "placed", SEEN)
    if scene.figures[0].kind in SHAPES:
        return scene
    known = things()
    thing = known[index % len(known)]
    figure = scene.figures[0]
    mirrored = figure.mirrored and thing.mirrors
    return replace(scene, figures=(replace(figure, kind=thing.code, mirrored=mirrored),))


def _train(eye: Eye, seen: Seen, course: Course) -> None:
    pixels, truth = seen
    optimizer = torch.optim.AdamW(eye.parameters(), lr=course.rate, weight_decay=0.02)
    steps = course.rounds * (len(pixels) // course.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, course.rate, total_steps=steps, pct_start=0.15)
    torch.manual_seed(course.seed)
    eye.train()
    for chosen in _order(len(pixels), course):
        batch = _moved(_ready(pixels[chosen]))
        wanted = torch.from_numpy(truth[chosen])
        with torch.autocast("cpu", torch.bfloat16):
            scores = eye(batch)
        parts = [F.cross_entropy(part, wanted[:, i], label_smoothing=0.05) for i, part in enumerate(scores)]
        loss = parts[0] + 0.3 * torch.stack(parts[1:]).sum()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    eye.eval()


def _order(count: int, course: Course) -> Iterator[NDArray[np.int64]]:
    rng = np.random.default_rng(course.seed)
    for _ in range(course.rounds):
        mixed = rng.permutation(count)
        for start in range(0, count - course.batch + 1, course.batch):
            yield mixed[start : start + course.batch]


def _ready(pixels: Pixels) -> torch.Tensor:
    return to_model(pixels).contiguous(memory_format=torch.channels_last)


def _moved(batch: torch.Tensor) -> torch.Tensor:
    """Return the pictures shifted, scaled and brightened at random."""
    count = len(batch)
    scale = torch.empty(count).uniform_(0.85, 1.2)
    shift = torch.empty(count, 2).uniform_(-0.12, 0.12)
    zeros = torch.zeros(count)
    rows = [torch.stack([scale, zeros, shift[:, 0]], 1), torch.stack([zeros, scale, shift[:, 1]], 1)]
    where = F.affine_grid(torch.stack(rows, 1), list(batch.shape), align_corners=False)
    moved = F.grid_sample(batch, where, padding_mode="border", align_corners=False)
    light = torch.empty(count, 1, 1, 1).uniform_(-0.08, 0.08)
    return (moved + light).contiguous(memory_format=torch.channels_last)


def _parts(count: int, size: int) -> Sequence[range]:
    return [range(start, min(start + size, count)) for start in range(0, count, size)]
