"""Values that are not finite: an error that names where they arose, and no image; float16 overflows are remedied."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from invoke_cli.engine import Engine, EngineSettings, open_engine
from invoke_cli.engine.devices import Device
from invoke_cli.errors import ModelError
from invoke_cli.events import Notice
from tests.engine.jobs import Events
from tests.families.builders import Folder
from tests.families.jobs import first_image, job, tiny
from tests.families.test_incomplete_weights import change, model_at
from tests.families.test_lora_formats import kohya, layers, save, with_lora

LINE = "a cat -s 2 -S 1"
Edit = Callable[[dict[str, Any]], dict[str, Any]]


def with_value(value: float, ending: str) -> Edit:
    """Return an edit that puts a value into the last tensor whose name has this ending."""

    def edit(tensors: dict[str, Any]) -> dict[str, Any]:
        name = max(name for name in tensors if name.endswith(ending))
        tensors[name].view(-1)[0] = value
        return tensors

    return edit


def error_of(engine: Engine, made: Any) -> ModelError:
    with pytest.raises(ModelError) as caught:
        list(engine.generate(made, Events().hooks()))
    assert "no image was written" in caught.value.message and caught.value.hint
    return caught.value


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize(
    ("name", "part", "ending", "label"),
    [
        ("stable-diffusion", "unet", "conv_out.bias", "UNet"),
        ("stable-diffusion", "vae", "decoder.conv_out.bias", "VAE"),
        ("stable-diffusion", "text_encoder", "layer_norm2.bias", "text encoder"),
        ("flux", "transformer", "proj_out.bias", "transformer"),
        ("flux", "vae", "decoder.conv_out.bias", "VAE"),
    ],
)
def test_a_damaged_network_is_named(
    real_engine: Engine, folder_of: Folder, tmp_path: Path, name: str, part: str, ending: str, label: str, value: float
) -> None:
    folder = shutil.copytree(folder_of(name), tmp_path / "damaged")
    change(next((folder / part).glob("*.safetensors")), with_value(value, ending))
    error = error_of(real_engine, job(LINE, model_at(folder)))
    assert error.field == "model" and f"the {label} of damaged contains values that are not finite" in error.message


@pytest.mark.parametrize("ending", ["lora_up.weight", "lora_down.weight"])
def test_a_damaged_lora_is_named(real_engine: Engine, folder_of: Folder, tmp_path: Path, ending: str) -> None:
    folder = folder_of("stable-diffusion")
    tensors = with_value(float("nan"), ending)(kohya(layers(folder)))
    error = error_of(real_engine, with_lora(LINE, folder, save(tensors, tmp_path / "bad.safetensors")))
    assert error.field == "loras" and "the LoRA bad contains values that are not finite" in error.message
    first_image(real_engine, job(LINE, tiny(folder)))


def float16_engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    import torch

    from invoke_cli.engine import diffusers_engine

    device = Device(torch_device=torch.device("cpu"), dtype=torch.float16)
    monkeypatch.setattr(diffusers_engine, "choose_device", lambda settings: device)
    return open_engine(EngineSettings(device="cpu"))


@pytest.mark.parametrize("name", ["stable-diffusion", "flux"])
def test_a_vae_that_overflows_float16_runs_in_float32_with_a_notice(
    folder_of: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder = shutil.copytree(folder_of(name), tmp_path / "wide")

    def widened(tensors: dict[str, Any]) -> dict[str, Any]:
        """Multiply one layer's result by 2e4 and divide by it later, which only float32 can represent."""
        tensors["decoder.conv_in.weight"] *= 6e4
        return tensors

    change(next((folder / "vae").glob("*.safetensors")), widened)
    engine, events = float16_engine(monkeypatch), Events()
    (result,) = engine.generate(job(LINE, replace(model_at(folder), facts=tiny(folder).facts)), events.hooks())
    assert "the VAE overflowed float16: running it in float32" in [e.text for e in events if isinstance(e, Notice)]
    assert "VAE in float32" in result.fallbacks and np.asarray(result.image).std() > 0
