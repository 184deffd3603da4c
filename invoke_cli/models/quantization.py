"""Quantization types for the denoiser of a model, as named by `quantize:` in its entry."""

from __future__ import annotations

from dataclasses import dataclass, replace

from invoke_cli.errors import ModelError
from invoke_cli.models.files.folder import ModelFacts


@dataclass(frozen=True, kw_only=True, slots=True)
class Quantization:
    """A quantization type. `package` implements it and is also the name of our extra; `on_gpu`: it requires CUDA."""

    name: str
    package: str
    on_gpu: bool = False


QUANTIZATIONS: tuple[Quantization, ...] = (
    Quantization(name="int8", package="torchao"),
    Quantization(name="float8", package="torchao", on_gpu=True),
    Quantization(name="bnb8", package="bitsandbytes", on_gpu=True),
    Quantization(name="bnb4", package="bitsandbytes", on_gpu=True),
)


def with_quantize(facts: ModelFacts, quantize: str, name: str) -> ModelFacts:
    """Add the quantization from the entry of `name` to the facts. Raises ModelError for a single file."""
    if quantize and facts.single_file:
        hint = f"remove it: !edit_model {name} quantize none; a GGUF file is already quantised"
        raise ModelError(f"{name} is a single file, which does not support quantize:", hint=hint, field="model")
    return replace(facts, quantize=quantize)
