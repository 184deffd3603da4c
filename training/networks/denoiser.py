"""Train the UNet on latents and text states with velocity prediction (Salimans and Ho 2022)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import PNDMScheduler, UNet2DConditionModel

from training.networks.attention import PlainAttention
from training.networks.latents import Half, Source
from training.networks.training_loop import TrainingRun, run_training
from training.networks.workers import WorkerPool

NOISE_LEVELS = 1000
# The levels at which samplers of ten and more steps begin.
FIRST_LEVELS = (880, 1000)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The composition of a step's batch: (source, count) pairs, of whole images or of half the side."""

    parts: tuple[tuple[str, int], ...]
    halved: bool
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A stage of the UNet's training. A share `high` of the noise levels is drawn from the upper half.

    A share `blind` of the samples is pure noise, as at the start of sampling. The highest noise level keeps .068 of the
    signal, which reveals the mean colour of a 256 px image; a model that relies on it sees grey in pure noise, and
    generates grey.
    """

    run: TrainingRun
    batches: tuple[Batch, ...]
    high: float = 0.0
    noise_only: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Noised:
    """Noise (n, 4, h, w) for latents at levels (n,) 0..999, with the signal's power (n,) and the noised latents."""

    noise: torch.Tensor
    levels: torch.Tensor
    kept: torch.Tensor
    shown: torch.Tensor


def build_scheduler() -> PNDMScheduler:
    """Return a scheduler with the configuration of Stable Diffusion 1.5, but velocity prediction."""
    scheduler = PNDMScheduler(
        num_train_timesteps=NOISE_LEVELS,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        skip_prk_steps=True,
        set_alpha_to_one=False,
        prediction_type="v_prediction",
        timestep_spacing="leading",
        steps_offset=1,
    )
    # PNDM itself has no such argument, but the samplers that are made from its configuration do.
    scheduler.register_to_config(clip_sample=False)
    return scheduler


def train_unet(unet: UNet2DConditionModel, sources: Mapping[str, Source], stage: Stage, work: Path) -> None:
    """Train the UNet for one stage."""
    kept = build_scheduler().alphas_cumprod
    unet.set_attn_processor(PlainAttention())
    crew = WorkerPool()
    weights = np.array([batch.weight for batch in stage.batches])

    def loss_at(step: int) -> torch.Tensor:
        rng = np.random.default_rng((stage.run.seed, step))
        batch = stage.batches[int(rng.choice(len(weights), p=weights / weights.sum()))]
        latents, states = gather(sources, batch, rng)
        levels, noise = draw_levels(rng, len(latents), stage.high), torch.randn_like(latents)
        noise_only = torch.from_numpy(rng.random(len(latents)) < stage.noise_only)
        levels[noise_only] = torch.from_numpy(rng.integers(*FIRST_LEVELS, size=int(noise_only.sum())))
        signal = kept[levels]
        shown = signal.masked_fill(noise_only, 0.0)

        def loss_of(share: slice) -> torch.Tensor:
            noised = Noised(noise=noise[share], levels=levels[share], kept=signal[share], shown=shown[share])
            return velocity_loss(unet, (latents[share], states[share]), noised).sum() / len(latents)

        return crew.propagate(loss_of)

    run_training(stage.run, unet, work, loss_at)


def velocity_loss(unet: UNet2DConditionModel, given: tuple[torch.Tensor, torch.Tensor], noised: Noised) -> torch.Tensor:
    """Return the squared error (n,) of the velocity sqrt(a) noise - sqrt(1 - a) x."""
    latents, states = given
    left, shown = (power[:, None, None, None] for power in (noised.kept, noised.shown))
    noisy = shown.sqrt() * latents + (1 - shown).sqrt() * noised.noise
    # Without the cache of converted weights, which threads cannot share: each weight is used once anyway.
    with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
        guess = unet(noisy, noised.levels, states, return_dict=False)[0]
    velocity = left.sqrt() * noised.noise - (1 - left).sqrt() * latents
    return F.mse_loss(guess.float(), velocity, reduction="none").mean(dim=(1, 2, 3))


def draw_levels(rng: np.random.Generator, count: int, high: float) -> torch.Tensor:
    """Draw noise levels (n,) 0..999, stratified over the batch; a share `high` of them is in 500..999."""
    even = (rng.permutation(count) + rng.random(count)) / count
    upper = rng.random(count) < high
    return torch.from_numpy(np.where(upper, 0.5 + even / 2, even) * NOISE_LEVELS).long()


def gather(sources: Mapping[str, Source], batch: Batch, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the latents (n, 4, h, w) and text states (n, 77, c) of one step, float32."""
    latents, states = [], []
    for name, count in batch.parts:
        source = sources[name]
        rows = np.sort(rng.choice(len(source.whole), size=count, replace=False))
        captions = rows * source.per + rng.integers(0, source.per, size=count)
        latents.append(_taken(source.halved if batch.halved else source.whole, rows))
        states.append(_taken(source.states, captions))
    return torch.cat(latents), torch.cat(states)


def _taken(store: Half, rows: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> torch.Tensor:
    return torch.from_numpy(np.asarray(store[rows], dtype=np.float32))
