"""Fit the map from latents to colours that draws previews, and measure it against the decoder.

The map is linear: a pixel's colours from the 3 x 3 scaled latents around it, fitted by least squares to the mean
colours of the 8 x 8 pixels that the decoder draws of the same latents. Previews show the predicted original samples of
a run, so those are what it is fitted on. One map for each part of a run is measured beside the one map for all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import DDIMScheduler, StableDiffusionPipeline
from numpy.typing import NDArray

from training.earlier.export import load_pipeline

Floats = NDArray[np.float64]
FITTED_PROMPTS = (
    *("a large red circle on a white background", "a house by a lake at night", "mountains with a lake at sunset"),
    *("a green tree on a hill", "a fire at night", "a blue star on yellow", "a forest in autumn, watercolor"),
    *("a boat on the sea, oil painting", "a purple square above a yellow triangle", "a field in spring, photograph"),
    *("a sun over the sea", "a small orange heart on black", "snowy mountains, pencil drawing", "a city at night"),
)
MEASURED_PROMPTS = ("a yellow circle on blue", "a lake in winter", "a red house on a green hill", "a river at dawn")
PARTS = 4
STEPS, SIDE, GUIDANCE = 20, 128, 5.0
# The first predictions are far outside the range of latents, where the decoder saturates and no linear map can follow.
FIRST_FITTED = 3


@dataclass(frozen=True, kw_only=True)
class Frames:
    """What previews are made of, for each step of a run.

    Attributes:
        latents: Predicted original samples (steps, channels, height, width), scaled.
        colours: What the decoder draws of them, averaged to a pixel for each latent (steps, 3, height, width), 0..1.
    """

    latents: torch.Tensor
    colours: torch.Tensor


@torch.no_grad()
def frames_of(pipeline: StableDiffusionPipeline, prompt: str, seed: int) -> Frames:
    """Draw a prompt with DDIM, and return the frames of its steps."""
    found: list[torch.Tensor] = []
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    step = pipeline.scheduler.step

    def observed(*arguments: object, **options: object) -> object:
        result = step(*arguments, **{**options, "return_dict": True})
        found.append(result.pred_original_sample[0])
        return (result.prev_sample,)

    pipeline.scheduler.step = observed
    generator = torch.Generator().manual_seed(seed)
    sizes = {"width": SIDE, "height": SIDE, "num_inference_steps": STEPS, "guidance_scale": GUIDANCE}
    pipeline(prompt, generator=generator, output_type="latent", **sizes)
    latents = torch.stack(found)
    decoded = pipeline.vae.decode(latents / pipeline.vae.config.scaling_factor).sample.clamp(-1, 1)
    return Frames(latents=latents, colours=F.avg_pool2d(decoded / 2 + 0.5, 8))


def rows_of(latents: torch.Tensor, reach: int) -> Floats:
    """Return a row for each pixel: the latents within `reach` of it, nine for each channel if that is 1, and a 1."""
    padded = F.pad(latents, (reach,) * 4, mode="replicate") if reach else latents
    patches = F.unfold(padded, 2 * reach + 1)
    rows = patches.permute(0, 2, 1).reshape(-1, patches.shape[1]).double().numpy()
    return np.concatenate([rows, np.ones((len(rows), 1))], axis=1)


def fitted(frames: Sequence[Frames], steps: slice, reach: int) -> Floats:
    """Return the least-squares map for a part of the steps: a row of RGB for each latent, and one for the offset."""
    x = np.concatenate([rows_of(each.latents[steps], reach) for each in frames])
    y = np.concatenate([_targets(each.colours[steps]) for each in frames])
    solution: Floats = np.linalg.lstsq(x, y, rcond=None)[0]
    return solution


def error_of(rows: Floats, frames: Sequence[Frames], steps: slice) -> float:
    """Return the mean difference from the decoder's colours in levels of 255."""
    reach = int(len(rows) > len(frames[0].latents[0]) + 1)
    drawn = [np.clip(rows_of(each.latents[steps], reach) @ rows, 0, 1) for each in frames]
    wanted = [_targets(each.colours[steps]) for each in frames]
    return float(np.abs(np.concatenate(drawn) - np.concatenate(wanted)).mean() * 255)


def _targets(colours: torch.Tensor) -> Floats:
    return colours.permute(0, 2, 3, 1).reshape(-1, 3).double().numpy()


def fit(folder: Path) -> tuple[Floats, dict[str, list[float]]]:
    """Fit the map of a model's folder.

    Returns:
        The rows of the 3 x 3 map for all steps, and the errors on prompts that were not fitted, for each part of a run:
        of this map, of one 3 x 3 map for each part, and of a map of single latents.
    """
    pipeline = load_pipeline(folder)
    frames = [frames_of(pipeline, prompt, seed) for seed, prompt in enumerate(FITTED_PROMPTS)]
    held_out = [frames_of(pipeline, prompt, 100 + seed) for seed, prompt in enumerate(MEASURED_PROMPTS)]
    parts = [slice(STEPS * part // PARTS, STEPS * (part + 1) // PARTS) for part in range(PARTS)]
    later = slice(FIRST_FITTED, None)
    whole, single = fitted(frames, later, 1), fitted(frames, later, 0)
    own = [fitted(frames, slice(max(part.start, FIRST_FITTED), part.stop), 1) for part in parts]
    errors = {
        "one 3 x 3 map": [error_of(whole, held_out, part) for part in parts],
        "a 3 x 3 map for each part": [error_of(rows, held_out, part) for rows, part in zip(own, parts, strict=True)],
        "a map of single latents": [error_of(single, held_out, part) for part in parts],
    }
    return whole, errors
