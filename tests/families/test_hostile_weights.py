"""Hostile adapter and model files: one clear error, quickly, and nothing generated."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from invoke_cli.engine import Engine
from invoke_cli.errors import ModelError
from invoke_cli.models.files.trigger_words import trigger_words
from tests.engine.jobs import Events
from tests.families.builders import Folder
from tests.families.test_lora_formats import LINE, kohya, layers, save, with_lora

NAME = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q"


def raw(path: Path, header: Any, data: bytes = b"") -> Path:
    """Write a safetensors file from a header and its data as they are."""
    text = json.dumps(header).encode() if not isinstance(header, bytes) else header
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def tensor(dtype: str, shape: list[int], end: int) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [0, end]}


HEADERS: dict[str, Any] = {
    "no json": b"{]",
    "a list": [1, 2],
    "a gigabyte": {f"{NAME}.lora_down.weight": tensor("F32", [1 << 14, 1 << 14], 1 << 30)},
    "an unknown dtype": {f"{NAME}.lora_down.weight": tensor("F4_WIDE", [2, 2], 16)},
    "text as shape": {f"{NAME}.lora_down.weight": {"dtype": "F32", "shape": "2x2", "data_offsets": [0, 16]}},
    "no offsets": {f"{NAME}.lora_down.weight": {"dtype": "F32", "shape": [2, 2]}},
    "nothing": {},
}


def rejected(engine: Engine, folder: Path, file: Path) -> ModelError:
    with pytest.raises(ModelError) as caught:
        list(engine.generate(with_lora(LINE, folder, file), Events().hooks()))
    assert caught.value.field == "loras" and caught.value.hint and "\n" not in caught.value.message
    return caught.value


@pytest.mark.parametrize("kind", HEADERS)
def test_a_lora_with_a_hostile_header_is_rejected(
    real_engine: Engine, folder_of: Folder, tmp_path: Path, kind: str
) -> None:
    data = b"\0" * 16 if kind in ("an unknown dtype", "text as shape", "no offsets") else b""
    error = rejected(real_engine, folder_of("stable-diffusion"), raw(tmp_path / "bad.safetensors", HEADERS[kind], data))
    assert error.message.startswith("the LoRA bad ")


def test_a_truncated_lora_is_rejected(real_engine: Engine, folder_of: Folder, tmp_path: Path) -> None:
    file = save(kohya(layers(folder_of("stable-diffusion"))[:4]), tmp_path / "cut.safetensors")
    file.write_bytes(file.read_bytes()[:-7])
    assert "incomplete" in rejected(real_engine, folder_of("stable-diffusion"), file).message


@pytest.mark.parametrize("shape", [(), (3,), (2, 2, 2), (0, 16), (2, 5000)])
def test_matrices_of_absurd_shapes_are_rejected(
    real_engine: Engine, folder_of: Folder, tmp_path: Path, shape: tuple[int, ...]
) -> None:
    import torch

    tensors = {f"{NAME}.lora_down.weight": torch.zeros(shape), f"{NAME}.lora_up.weight": torch.zeros(shape)}
    error = rejected(real_engine, folder_of("stable-diffusion"), save(tensors, tmp_path / "odd.safetensors"))
    assert error.message.startswith("the LoRA odd does not fit stable-diffusion")


@pytest.mark.parametrize(
    "metadata",
    [
        {"ss_tag_frequency": "[" * 100_000},
        {"ss_tag_frequency": '{"a": 5, "b": {"x": "many"}}'},
        {"modelspec.trigger_phrase": ", ,,"},
        {"trained_words": '{"not": "a list"}'},
    ],
)
def test_hostile_trigger_words_are_at_most_text(metadata: dict[str, str]) -> None:
    assert all(isinstance(word, str) for word in trigger_words(metadata))
