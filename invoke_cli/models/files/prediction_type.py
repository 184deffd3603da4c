"""What a single-file model predicts, noise (`epsilon`) or velocity (`v_prediction`), and what in the file says so.

The tensors have the same names and shapes either way. The signs, the surest first: the maker's own metadata (that of
Stability's model spec, the trainer's note), the empty tensor `v_pred` that newer files carry, the training step that
the first releases kept, and of Stable Diffusion 2 how widely a late layer's biases spread, which ComfyUI goes by, too.
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
_NARROW = 320  # the width of Stable Diffusion's UNet at full resolution
_BASE_STEP = 875_000
_LATE = "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias"
_SPREAD = 0.09
_OF_VERSION_2 = "cond_stage_model.model."

Header = Mapping[str, Any]
Sign = tuple[str, str]


def prediction_of(path: Path, header: Header) -> Sign | None:
    """What the model in a file predicts, and the sign in words; None when nothing in it tells."""
    return next((sign for look in _LOOKS if (sign := look(path, header)) is not None), None)


def _by_metadata(path: Path, _: Header) -> Sign | None:
    about = read_metadata(path)
    said = _SPEC.get(about.get("modelspec.prediction_type", "").lower())
    if said is not None:
        return said, "its metadata (modelspec.prediction_type)"
    trained = _TRAINER.get(about.get("ss_v_parameterization", ""))
    return (trained, "its trainer's note (ss_v_parameterization)") if trained is not None else None


def _by_mark(_: Path, header: Header) -> Sign | None:
    return (VELOCITY, "the tensor v_pred in it") if "v_pred" in header else None


def _by_step(path: Path, header: Header) -> Sign | None:
    numbers = read_numbers(path, header, "global_step")
    return (EPSILON, f"its training step, {_BASE_STEP}") if numbers == (float(_BASE_STEP),) else None


def _by_spread(path: Path, header: Header) -> Sign | None:
    if shape_of(dict(header), _LATE) != (_NARROW,) or not any(key.startswith(_OF_VERSION_2) for key in header):
        return None
    numbers = read_numbers(path, header, _LATE)
    if not numbers:
        return None
    spread = statistics.stdev(numbers)
    return (VELOCITY if spread > _SPREAD else EPSILON), f"its late biases, which spread by {spread:.3f}"


_LOOKS: tuple[Callable[[Path, Header], Sign | None], ...] = (_by_metadata, _by_mark, _by_step, _by_spread)


def with_prediction(facts: ModelFacts, said: str, name: str) -> ModelFacts:
    """The facts with what the entry of `name` says that the model predicts; ModelError where it cannot be said."""
    if said and facts.family.flow:
        message = f"prediction: is for models that predict noise or velocity, and {name} ({facts.family.label}) flows"
        raise ModelError(message, hint=f"take it out: !edit_model {name} prediction none", field="model")
    if not said or said == facts.prediction_type:
        return facts
    return replace(facts, prediction_type=said, prediction_type_source="its entry")
