"""LyCORIS files, whose weights are changed by their formulas (Yeh et al., 2023)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from invoke_cli.engine import Engine
from tests.families.builders import Folder
from tests.families.test_lora_formats import LINE, Layer, Tensors, check, kohya, layers, rejected, save, with_lora


def lycoris(kind: str, chosen: list[Layer]) -> tuple[Tensors, list[Layer]]:
    """Return a LyCORIS file of a kind and the plain differences that it means, as layers of full rank."""
    import torch

    tensors: Tensors = {}
    means = []
    for layer in chosen:
        name = next(iter(kohya([layer]))).partition(".")[0]
        rows, columns = layer.up.shape[0], layer.down.shape[1]
        if kind == "loha":
            own = {f"hada_w{number}_{side}": torch.randn(*shape) * 0.7
                   for number in (1, 2) for side, shape in (("a", (rows, 2)), ("b", (2, columns)))}  # fmt: skip
            tensors[f"{name}.alpha"] = torch.tensor(1.0)
            change = (own["hada_w1_a"] @ own["hada_w1_b"]) * (own["hada_w2_a"] @ own["hada_w2_b"]) / 2
        elif kind == "lokr":
            own = {"lokr_w1": torch.randn(2, 2) * 0.3, "lokr_w2": torch.randn(rows // 2, columns // 2) * 0.3}
            tensors[f"{name}.alpha"] = torch.tensor(1.0)
            change = torch.kron(own["lokr_w1"], own["lokr_w2"])
        elif kind == "lokr-low-rank":
            own = {"lokr_w1": torch.randn(2, 2), "lokr_w2_a": torch.randn(rows // 2, 2) * 0.4,
                   "lokr_w2_b": torch.randn(2, columns // 2) * 0.4}  # fmt: skip
            tensors[f"{name}.alpha"] = torch.tensor(1.0)
            change = torch.kron(own["lokr_w1"], own["lokr_w2_a"] @ own["lokr_w2_b"]) / 2
        else:
            own = {"diff": torch.randn(rows, columns) * 0.1}
            change = own["diff"]
        tensors |= {f"{name}.{key}": value for key, value in own.items()}
        means.append(replace(layer, up=change, down=torch.eye(columns), alpha=None))
    return tensors, means


@pytest.mark.parametrize("kind", ["loha", "lokr", "lokr-low-rank", "full"])
def test_lycoris_files_change_the_weights_by_their_formula(
    real_engine: Engine, folder_of: Folder, tmp_path: Path, kind: str
) -> None:
    pytest.importorskip("lycoris")
    folder = folder_of("stable-diffusion")
    tensors, means = lycoris(kind, [each for each in layers(folder, conv=False) if "attn" in each.path])
    check(real_engine, folder, tmp_path, save(tensors, tmp_path / f"{kind}.safetensors"), means, 0.8)


def test_without_lycoris_the_error_names_the_package(
    real_engine: Engine, folder_of: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "lycoris" else found(name))
    folder = folder_of("stable-diffusion")
    tensors, _ = lycoris("loha", layers(folder, conv=False)[:2])
    error = rejected(real_engine, with_lora(LINE, folder, save(tensors, tmp_path / "loha.safetensors")))
    assert "a LyCORIS file (LoHa)" in error.message and "invoke-cli[lycoris]" in error.hint
