"""Read the header of a weight file: its tensors, whether it is complete, and the values of small tensors."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from invoke_cli.errors import ModelError
from invoke_cli.input_files import WEIGHTS, open_input
from invoke_cli.models.files import gguf

SAFETENSORS = ".safetensors"
SINGLE_FILES = (SAFETENSORS, gguf.SUFFIX)
_MAX_HEADER_BYTES = 100_000_000
_NUMBERS = {"F64": "d", "F32": "f", "F16": "e", "I64": "q", "I32": "i"}


def read_header(path: Path) -> dict[str, Any] | None:
    """Read the header of a safetensors file.

    The file contains the length of the header (8 bytes, little-endian), the header as JSON, and the tensors.

    Returns:
        An entry (`dtype`, `shape`, `data_offsets`) for each tensor name; None if the file is invalid or truncated.

    Raises:
        ModelError: If the user has no permission to read the file.
    """
    size = path.stat().st_size
    try:
        with open_input(path, WEIGHTS) as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > min(size, _MAX_HEADER_BYTES):
                return None
            header = json.loads(file.read(length))
        tensors = {str(key): entry for key, entry in header.items() if key != "__metadata__"}
        ends = [int(entry["data_offsets"][1]) for entry in tensors.values()]
    except PermissionError:
        raise ModelError(f"{path} cannot be read", hint="check its permissions", field="model") from None
    except (struct.error, ValueError, KeyError, TypeError, AttributeError):
        return None
    return tensors if size == 8 + length + max(ends, default=0) else None


def read_metadata(path: Path) -> dict[str, str]:
    """Return the metadata of a complete safetensors file; empty for other files."""
    if path.suffix.lower() != SAFETENSORS:
        return {}
    with open_input(path, WEIGHTS) as file:
        (length,) = struct.unpack("<Q", file.read(8))
        metadata = json.loads(file.read(length)).get("__metadata__", {})
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
    """Return whether a safetensors file has the length stated in its header."""
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
