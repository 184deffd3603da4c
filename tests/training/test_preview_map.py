"""The map of the previews is fitted to what the decoder draws."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from invoke_cli.engine.sampling.preview import to_image
from training.evaluation.preview_map import Frames, error_of, fitted, rows_of

EVERY_STEP = slice(None)


def frames(seed: int) -> Frames:
    """Return frames whose colours are an exact function of the 3 x 3 latents around each pixel."""
    latents = torch.randn((3, 4, 6, 5), generator=torch.Generator().manual_seed(seed))
    kernel = torch.randn((3, 4, 3, 3), generator=torch.Generator().manual_seed(0)) * 0.02
    padded = torch.nn.functional.pad(latents, (1, 1, 1, 1), mode="replicate")
    return Frames(latents=latents, colours=torch.nn.functional.conv2d(padded, kernel) + 0.5)


def test_the_fit_finds_a_map_that_exists() -> None:
    rows = fitted([frames(1), frames(2)], EVERY_STEP, 1)
    assert rows.shape == (37, 3)
    assert error_of(rows, [frames(3)], EVERY_STEP) < 0.01


def test_single_latents_cannot_do_what_their_neighbours_can() -> None:
    rows = fitted([frames(1), frames(2)], EVERY_STEP, 0)
    assert rows.shape == (5, 3)
    assert error_of(rows, [frames(3)], EVERY_STEP) > 1


@pytest.mark.parametrize("reach", [0, 1])
def test_the_program_draws_a_fitted_map_as_it_was_fitted(reach: int) -> None:
    fit = fitted([frames(1), frames(2)], EVERY_STEP, reach)
    latents = frames(3).latents[:1]
    wanted = (np.clip(rows_of(latents, reach) @ fit, 0, 1) * 255).round().reshape(6, 5, 3)
    drawn = np.asarray(to_image(latents[0], tuple(map(tuple, fit.tolist()))), dtype=float)
    assert np.abs(drawn - wanted).max() <= 1
