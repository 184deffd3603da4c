"""Detect models that were trained with zero terminal SNR: their noise schedule must end in pure noise.

Lin et al., "Common Diffusion Noise Schedules and Sample Steps are Flawed" (2023).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from invoke_cli.errors import ModelError
from invoke_cli.models.files.folder import ModelFacts
from invoke_cli.models.files.weights_header import read_metadata

_TENSOR = "ztsnr"
_TRAINER = "ss_zero_terminal_snr"


def detect_zero_snr(path: Path, header: Mapping[str, Any]) -> str:
    """Return what shows that the model in a file was trained with zero terminal SNR; empty if nothing does."""
    if _TENSOR in header:
        return f"its tensor {_TENSOR}"
    trained = read_metadata(path).get(_TRAINER, "").lower() == "true"
    return f"its training metadata ({_TRAINER})" if trained else ""


def with_zero_snr(facts: ModelFacts, chosen: bool | None, name: str) -> ModelFacts:
    """Apply the setting zero_snr in the entry of `name`. Raises ModelError for flow matching models."""
    if chosen and facts.family.flow:
        message = f"{name} ({facts.family.label}) is a flow matching model, which does not support zero_snr:"
        raise ModelError(message, hint=f"remove it: !edit_model {name} zero_snr none", field="model")
    if chosen is None:
        return facts
    return replace(facts, zero_snr_source="its entry" if chosen else "")
