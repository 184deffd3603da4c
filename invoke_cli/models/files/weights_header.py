"""Read the header of a weight file: its tensors, whether it is complete, and the values of small tensors."""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeGuard

from invoke_cli.documents import InvalidDocument, parse_json
from invoke_cli.errors import ModelError
from invoke_cli.input_files import WEIGHTS, UnsuitableFile, open_input
from invoke_cli.models.files import gguf

SAFETENSORS = ".safetensors"
SINGLE_FILES = (SAFETENSORS, gguf.SUFFIX)
_MAX_HEADER_BYTES = 100_000_000
_MAX_COUNT, _MAX_SIDES = 2**48, 8
_SIZES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
_NUMBERS = {"F64": "d", "F32": "f", "F16": "e", "I64": "q", "I32": "i"}


def read_header(path: Path) -> dict[str, Any] | None:
    """Read the header of a safetensors file.

    The file contains the length of the header (8 bytes, little-endian), the header as JSON, and the tensors.

    Returns:
        An entry (`dtype`, `shape`, `data_offsets`) for each tensor name; None if the file is invalid or truncated.

    Raises:
        ModelError: If the user has no permission to read the file.
    """
    try:
        header, length, size = _read_all(path)
    except (PermissionError, UnsuitableFile):
        raise ModelError(f"{path} cannot be read", hint="check its permissions", field="model") from None
    except (struct.error, ValueError):
        return None
    tensors = {str(key): entry for key, entry in header.items() if key != "__metadata__"}
    if not all(map(is_tensor_entry, tensors.values())):
        return None
    end = max((entry["data_offsets"][1] for entry in tensors.values()), default=0)
    return tensors if size == 8 + length + end else None


def _read_all(path: Path) -> tuple[dict[str, Any], int, int]:
    """Return the header of a safetensors file with its length, and the size of the file. Raises ValueError."""
    with open_input(path, WEIGHTS) as file:
        size = os.fstat(file.fileno()).st_size
        (length,) = struct.unpack("<Q", file.read(8))
        if length > min(size, _MAX_HEADER_BYTES):
            raise InvalidDocument("the header is too long")
        header = parse_json(file.read(length))
    if not isinstance(header, dict):
        raise InvalidDocument("the header is not an object")
    return header, length, size


def is_tensor_entry(entry: object) -> bool:
    """Return whether an entry describes a tensor: `{"dtype": "F16", "shape": [2], "data_offsets": [0, 4]}`."""
    if not isinstance(entry, dict) or not isinstance(entry.get("dtype"), str):
        return False
    shape, offsets = entry.get("shape"), entry.get("data_offsets")
    if not _are_counts(shape) or len(shape) > _MAX_SIDES or not _are_counts(offsets) or len(offsets) != 2:
        return False
    start, end = offsets
    size = _SIZES.get(entry["dtype"])
    return start <= end and (size is None or end - start == math.prod(shape) * size)


def _are_counts(values: object) -> TypeGuard[list[int]]:
    return isinstance(values, list) and all(type(value) is int and 0 <= value <= _MAX_COUNT for value in values)


def read_metadata(path: Path) -> dict[str, str]:
    """Return the metadata of a complete safetensors file; empty for other files."""
    if path.suffix.lower() != SAFETENSORS:
        return {}
    try:
        metadata = _read_all(path)[0].get("__metadata__", {})
    except (struct.error, ValueError):
        return {}
    return {str(key): str(value) for key, value in metadata.items()} if isinstance(metadata, dict) else {}


def read_numbers(path: Path, header: Mapping[str, Any], key: str) -> tuple[float, ...]:
    """Return the values of a small tensor in a safetensors file; empty if missing or of an unsupported dtype."""
    entry = header.get(key)
    if entry is None or path.suffix.lower() != SAFETENSORS or entry["dtype"] not in (*_NUMBERS, "BF16"):
        return ()
    start, end = entry["data_offsets"]
    with open_input(path, WEIGHTS) as file:
        (length,) = struct.unpack("<Q", file.read(8))
        file.seek(8 + length + start)
        data = file.read(end - start)
    if entry["dtype"] == "BF16":  # the upper half of a float32
        halves = struct.unpack(f"<{len(data) // 2}H", data)
        data = b"".join(struct.pack("<I", half << 16) for half in halves)
    code = _NUMBERS.get(entry["dtype"], "f")
    return tuple(map(float, struct.unpack(f"<{len(data) // struct.calcsize(code)}{code}", data)))


def header_of(path: Path) -> dict[str, Any] | None:
    """Read the header of a safetensors or GGUF file; None for other, invalid or truncated files."""
    if path.suffix.lower() == gguf.SUFFIX:
        return gguf.read_gguf(path)
    return read_header(path) if path.suffix.lower() == SAFETENSORS else None


def is_whole(path: Path) -> bool:
    """Return whether a safetensors file has the length stated in its header; it is read again only if it changes."""
    try:
        status = path.stat()
    except OSError:
        return False
    return _is_whole(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=256)
def _is_whole(path: Path, _modified: int, _size: int) -> bool:
    return read_header(path) is not None


def shape_of(header: dict[str, Any], key: str) -> tuple[int, ...]:
    """Return the shape of a tensor; empty if there is no such tensor."""
    return tuple(header[key]["shape"]) if key in header else ()


def count_parameters(header: dict[str, Any]) -> int:
    """Return the number of parameters in all tensors."""
    total = 0
    for entry in header.values():
        count = 1
        for side in entry["shape"]:
            count *= side
        total += count
    return total
