"""Train the autoencoder on crops, and measure its latent scale and preview factors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from numpy.typing import NDArray

from training.networks.training_loop import TrainingRun, run_training
from training.rendering.image_pool import Pixels

Sizes = tuple[tuple[float, int, int], ...]
# Small crops first, whole images last: (share of the course, crop side in pixels, crops per step).
CROPS = ((0.55, 64, 32), (0.88, 128, 10), (1.01, 256, 3))
LARGE_CROPS = ((0.5, 128, 10), (1.01, 256, 3))
EDGE_WEIGHT, KL_WEIGHT = 0.5, 5e-4
# Squared errors weight the worst images: those with many small bright things, above all a city at night.
SQUARES_AT_LAST = 6.0


@dataclass(frozen=True, kw_only=True)
class PreviewFactors:
    """Linear factors that map scaled latents to RGB in 0..1: `rows` are (r, g, b) for each of the four channels and a
    bias.
    """

    rows: list[list[float]]


def to_model(pixels: NDArray[np.uint8]) -> torch.Tensor:
    """Convert images (n, H, W, 3) uint8 to (n, 3, H, W) float32 in -1..1."""
    return torch.from_numpy(np.array(pixels)).permute(0, 3, 1, 2).float() / 127.5 - 1.0


def train_autoencoder(vae: AutoencoderKL, pixels: Pixels, run: TrainingRun, work: Path) -> None:
    """Train on crops of the images, small ones first."""
    vae.to(memory_format=torch.channels_last)

    def loss_at(step: int) -> torch.Tensor:
        return _loss(vae, _crops(CROPS, pixels, run, step))

    run_training(run, vae, work, loss_at)


def refine_decoder(vae: AutoencoderKL, pixels: Pixels, run: TrainingRun, work: Path) -> None:
    """Train only the decoder, on large crops. The encoder, and thus every computed latent, stays the same."""
    vae.to(memory_format=torch.channels_last)
    for part in (vae.encoder, vae.quant_conv):
        part.requires_grad_(False)
    run_training(
        run, vae, work, lambda step: _loss(vae, _crops(LARGE_CROPS, pixels, run, step), squares=SQUARES_AT_LAST)
    )


def _crops(sizes: Sizes, pixels: Pixels, run: TrainingRun, step: int) -> torch.Tensor:
    rng = np.random.default_rng((run.seed, step))
    side, count = next((side, count) for until, side, count in sizes if step / run.steps < until)
    room = pixels.shape[1] - side
    corners = rng.integers(0, room + 1, size=(count, 2))
    chosen = rng.integers(0, len(pixels), size=count)
    crops = np.stack([pixels[i, y : y + side, x : x + side] for i, (y, x) in zip(chosen, corners, strict=True)])
    return to_model(crops).to(memory_format=torch.channels_last)


def _loss(vae: AutoencoderKL, crops: torch.Tensor, squares: float = 1.0) -> torch.Tensor:
    """Return L1 + `squares` * MSE + L1 of the differences between neighbouring pixels + a small KL term."""
    with torch.autocast("cpu", torch.bfloat16):
        mean, logvar = vae.quant_conv(vae.encoder(crops)).float().chunk(2, dim=1)
        logvar = logvar.clamp(-12.0, 4.0)
        latents = mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)
        decoded = vae.decode(latents).sample.float()
    kl = 0.5 * (mean**2 + logvar.exp() - 1.0 - logvar).mean()
    across = (decoded.diff(dim=-1) - crops.diff(dim=-1)).abs().mean()
    down = (decoded.diff(dim=-2) - crops.diff(dim=-2)).abs().mean()
    error = decoded - crops
    loss: torch.Tensor = (
        error.abs().mean() + squares * (error**2).mean() + EDGE_WEIGHT * (across + down) + KL_WEIGHT * kl
    )
    return loss


@torch.no_grad()
def encode(vae: AutoencoderKL, pixels: Pixels) -> torch.Tensor:
    """Return the latents' means (n, 4, H/8, W/8), float32, unscaled. Encodes one by one, which fits the CPU cache."""
    with torch.autocast("cpu", torch.bfloat16):
        means = [vae.encode(to_model(image[None])).latent_dist.mean.float() for image in pixels]
    return torch.cat(means)


@torch.no_grad()
def round_trip(vae: AutoencoderKL, image: Pixels) -> torch.Tensor:
    """Encode and decode the image (H, W, 3) in float32. Return (1, 3, H, W) in -1..1."""
    decoded: torch.Tensor = vae.decode(vae.encode(to_model(image[None])).latent_dist.mean).sample.float().clamp(-1, 1)
    return decoded


def round_trip_psnr(vae: AutoencoderKL, pixels: Pixels) -> list[float]:
    """Return the peak signal-to-noise ratio in dB of every image after encoding and decoding."""
    errors = [F.mse_loss(round_trip(vae, image), to_model(image[None])) for image in pixels]
    return [float(-10 * torch.log10(error / 4.0)) for error in errors]


def measure_scale(vae: AutoencoderKL, pixels: Pixels) -> None:
    """Set `scaling_factor` to 1 / standard deviation of the images' latents."""
    spread = torch.cat([encode(vae, pixels[i : i + 16]) for i in range(0, len(pixels), 16)]).std()
    vae.register_to_config(scaling_factor=round(float(1.0 / spread), 5))


def fit_preview(vae: AutoencoderKL, pixels: Pixels) -> PreviewFactors:
    """Fit by least squares the scaled latents to the mean colours of their 8 x 8 pixels, RGB in 0..1."""
    latents = torch.cat([encode(vae, pixels[i : i + 16]) for i in range(0, len(pixels), 16)])
    colours = F.avg_pool2d(to_model(pixels) * 0.5 + 0.5, 8)
    x = (latents * vae.config.scaling_factor).permute(0, 2, 3, 1).reshape(-1, 4)
    y = colours.permute(0, 2, 3, 1).reshape(-1, 3)
    solution = torch.linalg.lstsq(torch.cat([x, torch.ones(len(x), 1)], dim=1), y).solution
    return PreviewFactors(rows=[[round(float(v), 4) for v in row] for row in solution])
