"""Estimate the disk space of results, before a line that may run for hours starts."""

from __future__ import annotations

from collections.abc import Sequence

from invoke_cli.planning.plan import Plan

_BYTES_PER_PIXEL = 1.0  # a PNG of a photograph needs more, one of a drawing less
_LATENT_BYTES_PER_PIXEL = 0.25  # 4 channels of float32 for 8x8 pixels; more in newer families


def expected_bytes(stages: Sequence[Plan]) -> int:
    """Return about how many bytes the results of a line will have: images, saved stages, intermediates and latents."""
    last = stages[-1]
    each = sum(_extra_bytes(stage) for stage in stages)
    kept = stages if last.output.save_all else (last,)
    each += sum(_pixels(stage) * _BYTES_PER_PIXEL for stage in kept)
    return int(len(stages[0].images) * each)


def _pixels(stage: Plan) -> int:
    return stage.result_size.width * stage.result_size.height


def _extra_bytes(stage: Plan) -> float:
    """Return the bytes of the files that are saved for the steps of a stage."""
    frames, pixels, output = stage.steps_left + 1, stage.width * stage.height, stage.output
    images = frames / output.save_intermediates + 1 if output.save_intermediates else 0
    latents = frames if output.save_latents else 0
    return pixels * (images * _BYTES_PER_PIXEL + latents * _LATENT_BYTES_PER_PIXEL)
