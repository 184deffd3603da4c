"""The training data of the UNet, computed once: latents of images and the text encoder's states of their captions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from transformers import CLIPTextModel, CLIPTokenizer

from training.networks.autoencoder import encode
from training.rendering.image_pool import CHUNK, Pixels, Pool, images
from training.text.captions import caption
from training.text.text_encoder import tokens

Half = NDArray[np.float16]


@dataclass(frozen=True, kw_only=True)
class Source:
    """A pool's latents, whole and halved, (n, 4, h, w) scaled, and `per` text states for each, (n * per, 77, c)."""

    whole: Half
    halved: Half
    states: Half
    per: int


@dataclass(frozen=True, kw_only=True)
class Encoders:
    """The trained encoders of images and captions."""

    vae: AutoencoderKL
    tower: CLIPTextModel
    tokenizer: CLIPTokenizer


def stored_source(pool: Pool, folder: Path, encoders: Encoders, per: int) -> Source:
    """Return the pool's latents and text states from a folder; they are computed first if missing."""
    if not (folder / "states.npy").exists():
        folder.mkdir(parents=True, exist_ok=True)
        _store_latents(pool, folder, encoders.vae)
        _store_states(pool, folder, encoders, per)
    whole, halved, states = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("whole", "halved", "states"))
    return Source(whole=whole, halved=halved, states=states, per=per)


@torch.no_grad()
def encode_texts(encoders: Encoders, texts: list[str]) -> torch.Tensor:
    """Return the text encoder's last states (n, 77, c), float32."""
    states: torch.Tensor = encoders.tower(tokens(encoders.tokenizer, texts)).last_hidden_state
    return states


def halved_images(pixels: Pixels) -> Pixels:
    """Halve width and height of the images (n, H, W, 3): means over 2 x 2 pixels."""
    count, height, width, _ = pixels.shape
    means: Pixels = pixels.reshape(count, height // 2, 2, width // 2, 2, 3).mean(axis=(2, 4)).round().astype(np.uint8)
    return means


def _store_latents(pool: Pool, folder: Path, vae: AutoencoderKL) -> None:
    h, w = pool.height // 8, pool.width // 8
    whole = _open(folder / "whole.npy", (pool.count, 4, h, w))
    halved = _open(folder / "halved.npy", (pool.count, 4, h // 2, w // 2))
    for number, chunk in enumerate(images(pool, workers=1)):
        rows = slice(number * CHUNK, number * CHUNK + len(chunk))
        whole[rows] = (encode(vae, chunk) * vae.config.scaling_factor).numpy()
        halved[rows] = (encode(vae, halved_images(chunk)) * vae.config.scaling_factor).numpy()
    whole.flush()
    halved.flush()


def _store_states(pool: Pool, folder: Path, encoders: Encoders, per: int) -> None:
    width = encoders.tower.config.hidden_size
    partial = folder / "states.partial.npy"
    states = _open(partial, (pool.count * per, 77, width))
    for start in range(0, pool.count, CHUNK):
        scenes = [pool.scene(i) for i in range(start, min(start + CHUNK, pool.count))]
        rng = np.random.default_rng((pool.seed, start, 2))
        texts = [caption(scene, rng) for scene in scenes for _ in range(per)]
        states[start * per : start * per + len(texts)] = encode_texts(encoders, texts).numpy()
    states.flush()
    partial.replace(folder / "states.npy")


def _open(path: Path, shape: tuple[int, ...]) -> np.memmap[tuple[int, ...], np.dtype[np.float16]]:
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=shape)
