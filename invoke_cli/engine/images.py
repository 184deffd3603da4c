"""Pictures into latents and back. An init image is kept as its distribution, from which every seed draws its own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from PIL import Image

from invoke_cli.engine.caches import RecentlyUsed
from invoke_cli.engine.loading import LoadedModel
from invoke_cli.engine.tracing import Tally

KEPT_IMAGES = 16
BLANKED_FROM = 128


class ImageEncoder:
    """Init images as distributions over latents, by model and pixels."""

    def __init__(self) -> None:
        self._cache: RecentlyUsed[torch.Tensor] = RecentlyUsed(KEPT_IMAGES)

    def moments(
        self, loaded: LoadedModel, image: Image.Image, tally: Tally, blanked: Image.Image | None = None, axes: str = ""
    ) -> torch.Tensor:
        """The parameters of the posterior, (1, 2 x channels, height / 8, width / 8); a repeated image costs nothing.

        `blanked` is a mask: what it paints is grey to the encoder. `axes` are those along which it wraps round.
        """

        def make() -> torch.Tensor:
            tally.encoded(*image.size)
            vae = loaded.pipeline.vae
            pixels = loaded.pipeline.image_processor.preprocess(image)
            if blanked is not None:
                pixels = pixels * torch.from_numpy(np.asarray(blanked) < BLANKED_FROM)
            with torch.no_grad():
                posterior = vae.encode(pixels.to(device=vae.device, dtype=vae.dtype)).latent_dist
            parameters: torch.Tensor = posterior.parameters
            return parameters

        digests = [hashlib.sha256(picture.tobytes()).hexdigest() for picture in (image, blanked) if picture is not None]
        key = (loaded.key, image.size, axes, *digests)
        return self._cache.get(key, make)

    def clear(self) -> None:
        """Forget all images."""
        self._cache.clear()


def draw_latents(loaded: LoadedModel, moments: torch.Tensor, source: torch.Generator) -> torch.Tensor:
    """Scaled latents (1, channels, height / 8, width / 8) from the posterior; advances the generator, as the stock
    pipeline does before it draws its noise.
    """
    sample = DiagonalGaussianDistribution(moments).sample(source)
    latents: torch.Tensor = loaded.pipeline.vae.config.scaling_factor * sample
    return latents


def decode(loaded: LoadedModel, latents: torch.Tensor, tally: Tally) -> Sequence[Image.Image]:
    """RGB pictures of scaled latents (n, channels, height, width), in order."""
    vae = loaded.pipeline.vae
    with torch.no_grad():
        pixels = vae.decode(latents.to(vae.dtype) / vae.config.scaling_factor, return_dict=False)[0]
    tally.decoded(len(latents))
    pictures: Sequence[Image.Image] = loaded.pipeline.image_processor.postprocess(
        pixels, output_type="pil", do_denormalize=[True] * len(latents)
    )
    return pictures
