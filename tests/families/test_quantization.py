"""A quantized denoiser: images equal stock diffusers', and unsupported quantization is an error before any step."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from invoke_cli.context.outcome import Outcome
from tests.families.builders import Folder
from tests.session_harness import SessionHarness, pixels

LINE = "a cat -W 64 -H 64 -s 8 -C 20 -S 42 -A ddim"


def enter(harness: SessionHarness, name: str, path: Path, quantization: str = "") -> None:
    models_file = harness.folder / "root" / "configs" / "models.yaml"
    setting = f"  quantize: {quantization}\n" if quantization else ""
    models_file.write_text(f"{models_file.read_text()}{name}:\n  path: {path}\n{setting}")


def stock(folder: Path) -> bytes:
    import torch
    from diffusers import StableDiffusionPipeline, TorchAoConfig, UNet2DConditionModel
    from torchao.quantization import Int8WeightOnlyConfig

    unet = UNet2DConditionModel.from_pretrained(
        folder,
        subfolder="unet",
        local_files_only=True,
        torch_dtype=torch.float32,
        quantization_config=TorchAoConfig(Int8WeightOnlyConfig()),
    )
    pipeline: Any = StableDiffusionPipeline.from_pretrained(folder, unet=unet, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    arguments = {"width": 64, "height": 64, "num_inference_steps": 8, "guidance_scale": 20.0}
    image = pipeline("a cat", generator=torch.Generator("cpu").manual_seed(42), **arguments).images[0]
    return bytes(image.tobytes())


@pytest.mark.feature("quantize")
def test_images_with_int8_equal_stock_diffusers_own(real_session: SessionHarness, folder_of: Folder) -> None:
    pytest.importorskip("torchao")
    folder = folder_of("stable-diffusion")
    enter(real_session, "plain", folder)
    enter(real_session, "small", folder, "int8")
    (full,) = real_session.draw(f"{LINE} -m plain")
    (result,) = real_session.draw(f"{LINE} -m small")
    assert pixels(result) == stock(folder)
    assert pixels(result) != pixels(full), "8 bits differ from 32"
    assert real_session.run(f"!verify {result}") is Outcome.OK and "identical" in real_session.messages
    (again,) = real_session.draw(f"{LINE} -m plain")
    assert pixels(again) == pixels(full), "the model itself is unchanged"


def test_unsupported_quantization_is_an_error(
    real_session: SessionHarness, folder_of: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_session.session.context.engine.unload()
    enter(real_session, "bits", folder_of("stable-diffusion"), "bnb4")
    assert real_session.run(f"{LINE} -m bits") is Outcome.FAILED
    assert "needs an NVIDIA GPU" in real_session.errors[0]
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "torchao" else found(name, *a))
    enter(real_session, "small", folder_of("stable-diffusion"), "int8")
    real_session.session.context.settings._registry = None
    assert real_session.run(f"{LINE} -m small") is Outcome.FAILED
    assert "needs the package torchao" in real_session.errors[0]
    enter(real_session, "odd", folder_of("stable-diffusion"), "int2")
    real_session.session.context.settings._registry = None
    assert real_session.run(LINE) is Outcome.OK, "an entry that cannot be used stops no other"
    assert any("quantize must be int8 or float8 or bnb8 or bnb4" in text for text in real_session.notices)
