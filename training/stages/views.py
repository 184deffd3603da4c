"""The views of a stage: rendered, encoded once, and drawn from a pool whose oldest are replaced at every step."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from transformers import CLIPTextModel, CLIPTokenizer

from training.compositions.random_compositions import Blend
from training.networks.autoencoder import to_model
from training.pictures.sprites import ColouredSprites
from training.stages.drawn_views import Drawer, drawer
from training.text.text_encoder import tokens

Half = NDArray[np.float16]
# How many pixels are encoded at once on a GPU and on a CPU, whose cache must hold what comes of them.
ENCODED_PIXELS = (256 * 256 * 64, 128 * 128 * 8)


@dataclass(frozen=True, kw_only=True)
class PictureMaker:
    """What renders pictures and encodes them: the pictures of things, and the frozen autoencoder."""

    sprites: ColouredSprites
    vae: AutoencoderKL
    device: str = "cpu"


@dataclass(frozen=True, kw_only=True)
class ViewMaker(PictureMaker):
    """Everything that makes views: what draws them, the frozen autoencoder, and the frozen text encoder."""

    tower: CLIPTextModel
    tokenizer: CLIPTokenizer
    draw: Drawer | None = None

    def make(self, blend: Blend, size: tuple[int, int], seeds: list[tuple[int, int]]) -> tuple[Half, Half]:
        """Return the scaled latents (n, 4, h, w) and text states (n, 77, c) of the views of these seeds."""
        draw = self.draw or drawer(self.sprites)
        pixels, captions = zip(*draw(blend, size, seeds), strict=True)
        states = encode_captions(self.tower, self.tokenizer, list(captions), self.device)
        return self._latents(np.stack(pixels)), states

    @torch.no_grad()
    def _latents(self, pixels: NDArray[np.uint8]) -> Half:
        at_once = ENCODED_PIXELS[self.device == "cpu"] // (pixels.shape[1] * pixels.shape[2]) or 1
        parts = [pixels[start : start + at_once] for start in range(0, len(pixels), at_once)]
        scale = self.vae.config.scaling_factor
        with torch.autocast(self.device, torch.bfloat16):
            means = [self.vae.encode(_ready(part, self.device)).latent_dist.mean.float() for part in parts]
        latents: Half = (torch.cat(means) * scale).to(torch.float16).cpu().numpy()
        return latents


def _ready(pixels: NDArray[np.uint8], device: str) -> torch.Tensor:
    return to_model(pixels).to(device).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def encode_captions(tower: CLIPTextModel, tokenizer: CLIPTokenizer, captions: list[str], device: str) -> Half:
    """Return the text encoder's last states (n, 77, c)."""
    with torch.autocast(device, torch.bfloat16):
        states = tower(tokens(tokenizer, captions).to(device)).last_hidden_state
    kept: Half = states.to(torch.float16).cpu().numpy()
    return kept


@dataclass(kw_only=True)
class ViewPool:
    """Views of one size that are learned from several times, each time with other noise.

    It grows to `capacity`; after that new views replace the oldest. `number` is the seed of the next view.
    """

    maker: ViewMaker
    blend: Blend
    size: tuple[int, int]
    capacity: int
    seed: int
    number: int = 0
    made: int = 0
    latents: Half = field(default_factory=lambda: np.zeros((0,), np.float16))
    states: Half = field(default_factory=lambda: np.zeros((0,), np.float16))

    def refresh(self, count: int) -> None:
        """Render and encode `count` new views."""
        seeds = [(self.seed, self.number + index) for index in range(count)]
        latents, states = self.maker.make(self.blend, self.size, seeds)
        if not len(self.latents):
            self.latents = np.zeros((self.capacity, *latents.shape[1:]), np.float16)
            self.states = np.zeros((self.capacity, *states.shape[1:]), np.float16)
        rows = np.arange(self.made, self.made + count) % self.capacity
        self.latents[rows], self.states[rows] = latents, states
        self.number += count
        self.made += count

    def batch(self, rng: np.random.Generator, count: int, fresh: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return latents and text states of `count` views, `fresh` of which are new."""
        self.refresh(fresh if self.made else count * 2)
        rows = np.sort(rng.choice(min(self.made, self.capacity), size=count, replace=False))
        return torch.from_numpy(self.latents[rows]).float(), torch.from_numpy(self.states[rows]).float()
