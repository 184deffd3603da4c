"""Read the header of a GGUF file: its tensors and their quantization. Checks that the file is complete.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, BinaryIO

from invoke_cli.input_files import WEIGHTS, open_input

SUFFIX = ".gguf"
_MAGIC, _VERSIONS = b"GGUF", (2, 3)
_ALIGNMENT = "general.alignment"
_MAX_COUNT = 1_000_000
_STRING, _ARRAY = 8, 9
# struct formats of the number types in metadata.
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
# Tensor types: name, numbers per block, bytes per block.
_TENSOR_TYPES: dict[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 20: ("IQ4_NL", 32, 18), 23: ("IQ4_XS", 256, 136),
    30: ("BF16", 1, 2),
}  # fmt: skip


def read_gguf(path: Path) -> dict[str, Any] | None:
    """Read the header of a GGUF file.

    Returns:
        An entry (`dtype`, `shape`) for each tensor name; None if the file is invalid or truncated.
    """
    try:
        with open_input(path, WEIGHTS) as file:
            if file.read(4) != _MAGIC or _number(file, "I") not in _VERSIONS:
                return None
            count, metadata_count = _number(file, "Q"), _number(file, "Q")
            if max(count, metadata_count) > _MAX_COUNT:
                return None
            metadata = {_text(file): _value(file, _number(file, "I")) for _ in range(metadata_count)}
            tensors = dict(_tensor(file) for _ in range(count))
            end = max((entry.pop("end") for entry in tensors.values()), default=0)
            alignment = int(metadata.get(_ALIGNMENT, 32))
            start = -(-file.tell() // alignment) * alignment
    except (OSError, struct.error, UnicodeDecodeError, ValueError, KeyError, TypeError, ZeroDivisionError):
        return None
    return tensors if tensors and path.stat().st_size >= start + end else None


def _tensor(file: BinaryIO) -> tuple[str, dict[str, Any]]:
    name = _text(file)
    sides = [int(_number(file, "Q")) for _ in range(min(8, int(_number(file, "I"))))]
    kind, offset = int(_number(file, "I")), int(_number(file, "Q"))
    numbers = 1
    for side in sides:
        numbers *= side
    label, block, size = _TENSOR_TYPES.get(kind, (f"kind {kind}", 1, 0))
    return name, {"dtype": label, "shape": sides[::-1], "end": offset + numbers // block * size}


def _value(file: BinaryIO, kind: int) -> Any:
    if kind == _STRING:
        return _text(file)
    if kind == _ARRAY:
        inner, count = int(_number(file, "I")), int(_number(file, "Q"))
        if inner == _ARRAY or count > _MAX_COUNT:
            raise ValueError("invalid array in metadata")
        return [_value(file, inner) for _ in range(count)]
    return _number(file, _NUMBERS[kind])


def _text(file: BinaryIO) -> str:
    length = int(_number(file, "Q"))
    if length > _MAX_COUNT:
        raise ValueError("text too long")
    return file.read(length).decode("utf-8")


def _number(file: BinaryIO, letter: str) -> Any:
    (value,) = struct.unpack(f"<{letter}", file.read(struct.calcsize(f"<{letter}")))
    return value
