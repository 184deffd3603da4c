"""Encode images to latents and decode them. Init images are cached as distributions, which every seed samples anew."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast

import numpy as np
import torch
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from PIL import Image

from invoke_cli.engine.counters import Counters
from invoke_cli.engine.loading.load import LoadedModel
from invoke_cli.engine.lru_cache import LRUCache

MAX_CACHED_IMAGES = 16
MASK_THRESHOLD = 128


class ImageEncoder:
    """A cache of encoded init images, as distributions over latents, keyed by model and pixels."""

    def __init__(self) -> None:
        self._cache: LRUCache[torch.Tensor] = LRUCache(MAX_CACHED_IMAGES)

    def moments(
        self,
        loaded: LoadedModel,
        image: Image.Image,
        counters: Counters,
        blanked: Image.Image | None = None,
        axes: str = "",
    ) -> torch.Tensor:
        """Encode an image with the VAE, or return its cached posterior.

        Args:
            loaded: The model.
            image: An RGB image at the canvas size.
            counters: Counts the encoding.
            blanked: A mask (mode L); pixels at or above 128 are set to grey before encoding.
            axes: The seamless axes, which change the encoding.

        Returns:
            The parameters of the posterior, (1, 2 x channels, height / 8, width / 8): means and log variances.
        """

        def make() -> torch.Tensor:
            counters.encoded(*image.size)
            vae = loaded.vae
            pixels = loaded.pipeline.image_processor.preprocess(image)
            if blanked is not None:
                pixels = pixels * torch.from_numpy(np.asarray(blanked) < MASK_THRESHOLD)
            with torch.no_grad(), in_full_precision(loaded):
                posterior = vae.encode(pixels.to(device=loaded.device, dtype=vae.dtype)).latent_dist
            parameters: torch.Tensor = posterior.parameters
            return parameters

        digests = [hashlib.sha256(each.tobytes()).hexdigest() for each in (image, blanked) if each is not None]
        key = (loaded.key, str(loaded.vae.dtype), image.size, axes, *digests)
        return self._cache.get(key, make)

    def clear(self) -> None:
        """Remove all images."""
        self._cache.clear()


def sample_latents(loaded: LoadedModel, moments: torch.Tensor, source: torch.Generator) -> torch.Tensor:
    """Sample scaled latents (1, channels, height / 8, width / 8) from the posterior.

    Advances the generator, as the stock pipeline does before it draws its noise.
    """
    sample = DiagonalGaussianDistribution(moments).sample(source)
    statistics, scale = _statistics(loaded, sample), loaded.vae.config.scaling_factor
    if statistics is None:
        return cast(torch.Tensor, scale * sample)
    mean, deviation = statistics
    return cast(torch.Tensor, (sample - mean) * scale / deviation)


def decode(loaded: LoadedModel, latents: torch.Tensor, counters: Counters) -> torch.Tensor:
    """Decode scaled latents (n, channels, height, width) to pixels (n, 3, height, width), -1 to 1."""
    vae, scale = loaded.vae, loaded.vae.config.scaling_factor
    with torch.no_grad(), in_full_precision(loaded):
        latents = latents.to(vae.dtype)
        statistics = _statistics(loaded, latents)
        latents = latents / scale if statistics is None else latents * statistics[1] / scale + statistics[0]
        pixels: torch.Tensor = vae.decode(latents, return_dict=False)[0]
    counters.decoded(len(latents))
    return pixels


def images_of(loaded: LoadedModel, pixels: torch.Tensor) -> Sequence[Image.Image]:
    """Convert decoded pixels (n, 3, height, width), -1 to 1, to RGB images, in order."""
    images: Sequence[Image.Image] = loaded.pipeline.image_processor.postprocess(
        pixels, output_type="pil", do_denormalize=[True] * len(pixels)
    )
    return images


def _statistics(loaded: LoadedModel, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Return each latent channel's mean and standard deviation, (1, channels, 1, 1), if the VAE's config has them."""
    config = loaded.vae.config
    if config.get("latents_mean") is None or config.get("latents_std") is None:
        return None
    mean, deviation = (torch.tensor(config[name]).view(1, -1, 1, 1) for name in ("latents_mean", "latents_std"))
    return mean.to(like.device, like.dtype), deviation.to(like.device, like.dtype)


@contextmanager
def in_full_precision(loaded: LoadedModel) -> Iterator[None]:
    """Run the VAE in float32 if its activations overflow float16 (SDXL's first VAE)."""
    dtype = loaded.vae.dtype
    if dtype != torch.float16 or not (loaded.family.upcasts and loaded.vae.config.get("force_upcast")):
        yield
        return
    loaded.vae.to(torch.float32)
    try:
        yield
    finally:
        loaded.vae.to(dtype)
