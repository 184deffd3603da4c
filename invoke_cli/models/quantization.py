"""Ways to keep a model's denoiser in fewer bits, as `quantize:` in its entry names them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from invoke_cli.errors import ModelError
from invoke_cli.models.files.folder import ModelFacts


@dataclass(frozen=True, kw_only=True, slots=True)
class Quantization:
    """One row. `package` does it and is an extra of ours of the same name; `on_gpu`: it needs CUDA."""

    name: str
    package: str
    on_gpu: bool = False


QUANTIZATIONS: tuple[Quantization, ...] = (
    Quantization(name="int8", package="torchao"),
    Quantization(name="float8", package="torchao", on_gpu=True),
    Quantization(name="bnb8", package="bitsandbytes", on_gpu=True),
    Quantization(name="bnb4", package="bitsandbytes", on_gpu=True),
)


def with_quantize(facts: ModelFacts, said: str, name: str) -> ModelFacts:
    """The facts with what the entry of `name` says of it; ModelError for a single file, which is as it is."""
    if said and facts.single_file:
        hint = f"take it out: !edit_model {name} quantize none; a GGUF file is quantised already"
        raise ModelError(f"quantize: of {name} is for models in folders", hint=hint, field="model")
    return replace(facts, quantize=said)
