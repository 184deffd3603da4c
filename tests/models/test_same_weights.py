"""Networks are compared by their weights, whatever the precision of the files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from invoke_cli.models.files.same_weights import is_same_network

TENSORS = {"a.weight": torch.randn(40, 30, generator=torch.Generator().manual_seed(1)) * 1e-3, "a.bias": torch.ones(7)}


def saved(path: Path, tensors: dict[str, torch.Tensor], dtype: torch.dtype = torch.float32) -> Path:
    save_file({name: tensor.to(dtype) for name, tensor in tensors.items()}, path)
    return path


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("other", [torch.float32, torch.float16, torch.bfloat16])
def test_a_copy_in_another_precision_is_the_same_network(
    tmp_path: Path, dtype: torch.dtype, other: torch.dtype
) -> None:
    one, two = saved(tmp_path / "1.safetensors", TENSORS, dtype), saved(tmp_path / "2.safetensors", TENSORS, other)
    assert is_same_network([one], [two])


def test_a_network_in_several_files_is_the_same_network(tmp_path: Path) -> None:
    whole = saved(tmp_path / "whole.safetensors", TENSORS)
    parts = [saved(tmp_path / f"{name}.safetensors", {name: tensor}) for name, tensor in TENSORS.items()]
    assert is_same_network([whole], parts)


@pytest.mark.parametrize(
    "changed",
    [
        {**TENSORS, "a.weight": TENSORS["a.weight"] * 1.02},
        {**TENSORS, "a.bias": torch.ones(1, 7)},
        {"a.weight": TENSORS["a.weight"]},
        {**TENSORS, "b": torch.ones(2)},
    ],
)
def test_another_network_is_not_the_same(tmp_path: Path, changed: dict[str, torch.Tensor]) -> None:
    one, two = saved(tmp_path / "1.safetensors", TENSORS), saved(tmp_path / "2.safetensors", changed, torch.float16)
    assert not is_same_network([one], [two])


@pytest.mark.parametrize("data", [b"", b"x" * 64, b"\xff" * 8 + b"{}"])
def test_damaged_files_are_no_network(tmp_path: Path, data: bytes) -> None:
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(data)
    one = saved(tmp_path / "1.safetensors", TENSORS)
    assert not is_same_network([one], [broken]) and not is_same_network([one], [tmp_path / "missing.safetensors"])
