"""Compare the weights in two sets of files, which may store one network in different precision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from invoke_cli.input_files import WEIGHTS, open_input
from invoke_cli.models.files.weights_header import SAFETENSORS, read_header

# The relative rounding error of each dtype, twice: a tensor may have been rounded more than once.
_ROUNDING: Mapping[str, float] = {"F32": 2.0**-23, "F16": 2.0**-10, "BF16": 2.0**-7}
_SMALLEST_HALF = 2.0**-24
_STORED: Mapping[str, str] = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Tensor:
    """A tensor in a file."""

    path: Path
    offset: int
    dtype: str
    shape: tuple[int, ...]

    def values(self) -> NDArray[np.float32]:
        """Read its values as float32."""
        count = int(np.prod(self.shape, dtype=np.int64))
        with open_input(self.path, WEIGHTS) as file:
            file.seek(self.offset)
            stored = np.fromfile(file, dtype=_STORED[self.dtype], count=count)
        if self.dtype == "BF16":  # the upper half of a float32
            return (stored.astype(np.uint32) << 16).view(np.float32)
        return stored.astype(np.float32)


def is_same_network(one: Sequence[Path], other: Sequence[Path]) -> bool:
    """Return whether two sets of safetensors files contain the same tensors, up to the rounding of their dtypes."""
    first, second = _tensors(one), _tensors(other)
    if first is None or second is None or first.keys() != second.keys():
        return False
    return all(_is_equal(first[name], second[name]) for name in first)


def _is_equal(one: _Tensor, other: _Tensor) -> bool:
    if one.shape != other.shape:
        return False
    relative = max(_ROUNDING[one.dtype], _ROUNDING[other.dtype])
    absolute = _SMALLEST_HALF if "F16" in (one.dtype, other.dtype) else 0.0
    return bool(np.allclose(one.values(), other.values(), rtol=relative, atol=absolute))


def _tensors(paths: Sequence[Path]) -> dict[str, _Tensor] | None:
    """Return the tensors in files by name; None for other files and other dtypes."""
    found: dict[str, _Tensor] = {}
    for path in paths:
        header = read_header(path) if path.suffix.lower() == SAFETENSORS and path.is_file() else None
        if header is None or any(entry.get("dtype") not in _STORED for entry in header.values()):
            return None
        size = max((entry["data_offsets"][1] for entry in header.values()), default=0)
        start = path.stat().st_size - size
        found |= {name: _tensor(path, entry, start) for name, entry in header.items()}
    return found


def _tensor(path: Path, entry: Mapping[str, Any], start: int) -> _Tensor:
    offset = start + int(entry["data_offsets"][0])
    return _Tensor(path=path, offset=offset, dtype=entry["dtype"], shape=tuple(entry["shape"]))
