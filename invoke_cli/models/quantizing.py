"""Ways to keep a model's denoiser in fewer bits, as `quantize:` in its entry names them. Pure data."""

from __future__ import annotations

from dataclasses import dataclass


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
