"""Detect the prediction type of a single-file model: noise (`epsilon`) or velocity (`v_prediction`).

Tensor names and shapes are the same for both. The indicators, the most reliable first: metadata (Stability's model
spec, or the trainer's), the empty tensor `v_pred` of newer files, the training step in the first releases, and, for
Stable Diffusion 2, the standard deviation of the biases of a late layer (ComfyUI uses this, too).
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from invoke_cli.errors import ModelError
from invoke_cli.models.files.folder import ModelFacts
from invoke_cli.models.files.weights_header import read_metadata, read_numbers, shape_of

EPSILON, VELOCITY = "epsilon", "v_prediction"
_SPEC = {"epsilon": EPSILON, "eps": EPSILON, "v": VELOCITY, "v_prediction": VELOCITY, "vpred": VELOCITY}
_TRAINER = {"True": VELOCITY, "False": EPSILON}
_UNET_CHANNELS = 320  # channels of Stable Diffusion's UNet at full resolution
_BASE_STEP = 875_000
_LATE_BIAS = "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias"
_MIN_VELOCITY_SPREAD = 0.09
_SD2_PREFIX = "cond_stage_model.model."

Header = Mapping[str, Any]
Indicator = tuple[str, str]


def detect_prediction_type(path: Path, header: Header) -> Indicator | None:
    """Return the prediction type of the model in a file and a description of the indicator; None if unknown."""
    return next((indicator for detect in _DETECTORS if (indicator := detect(path, header)) is not None), None)


def _by_metadata(path: Path, _: Header) -> Indicator | None:
    metadata = read_metadata(path)
    prediction_type = _SPEC.get(metadata.get("modelspec.prediction_type", "").lower())
    if prediction_type is not None:
        return prediction_type, "its metadata (modelspec.prediction_type)"
    trained = _TRAINER.get(metadata.get("ss_v_parameterization", ""))
    return (trained, "its training metadata (ss_v_parameterization)") if trained is not None else None


def _by_tensor(_: Path, header: Header) -> Indicator | None:
    return (VELOCITY, "its tensor v_pred") if "v_pred" in header else None


def _by_step(path: Path, header: Header) -> Indicator | None:
    numbers = read_numbers(path, header, "global_step")
    return (EPSILON, f"its training step, {_BASE_STEP}") if numbers == (float(_BASE_STEP),) else None


def _by_spread(path: Path, header: Header) -> Indicator | None:
    is_sd2 = any(key.startswith(_SD2_PREFIX) for key in header)
    if not is_sd2 or shape_of(dict(header), _LATE_BIAS) != (_UNET_CHANNELS,):
        return None
    numbers = read_numbers(path, header, _LATE_BIAS)
    if not numbers:
        return None
    spread = statistics.stdev(numbers)
    prediction_type = VELOCITY if spread > _MIN_VELOCITY_SPREAD else EPSILON
    return prediction_type, f"the standard deviation of its late biases, {spread:.3f}"


_DETECTORS: tuple[Callable[[Path, Header], Indicator | None], ...] = (_by_metadata, _by_tensor, _by_step, _by_spread)


def with_prediction(facts: ModelFacts, prediction_type: str, name: str) -> ModelFacts:
    """Apply the prediction type in the entry of `name`. Raises ModelError for flow matching models."""
    if prediction_type and facts.family.flow:
        message = f"{name} ({facts.family.label}) is a flow matching model, which does not support prediction:"
        raise ModelError(message, hint=f"remove it: !edit_model {name} prediction none", field="model")
    if not prediction_type or prediction_type == facts.prediction_type:
        return facts
    return replace(facts, prediction_type=prediction_type, prediction_type_source="its entry")
