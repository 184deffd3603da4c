"""Adapters that do not fit the model: one error that names both, before any step, and an unchanged model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from invoke_cli.context.outcome import Outcome
from invoke_cli.events import Step
from tests.inputs.test_loras import train
from tests.sample_images import drawing
from tests.session_harness import SessionHarness, pixels
from tests.tiny_controls import build_ip_adapter, build_t2i_adapter
from tests.tiny_models import build_tiny_model

LINE = "a cat -s2 -C5 -A ddim -S 5"
LATE = ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D")


@pytest.fixture
def control_session(real_session: SessionHarness) -> SessionHarness:
    drawing(64, 64).save("guide.png")
    return real_session


def rejection(control_session: SessionHarness, line: str) -> str:
    """Return the error message of a line that must fail before any step."""
    assert control_session.run(line) is not Outcome.OK
    assert not control_session.of(Step) and not control_session.saved
    return control_session.errors[0]


def import_model(control_session: SessionHarness, path: Path, kind: str) -> str:
    """Import a control model and return a line that uses it."""
    assert control_session.run(f"!import_model {path} control={kind}") is Outcome.OK, control_session.errors
    return f"{LINE} --control {path.stem}:guide.png"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"layers_per_block": 2}, "the layers of a block are 2, those of the model's UNet 1"),
        ({"block_out_channels": (16, 32, 32), "down_block_types": LATE}, "the channels of its blocks are 16, 32, 32"),
        ({"in_channels": 8}, "it takes latents with 8 channels, the model's have 4"),
        ({"conditioning_channels": 1}, "it takes images with 1 channels"),
    ],
)
def test_a_controlnet_of_another_layout_is_rejected(
    control_session: SessionHarness, tiny_model: Path, changes: dict[str, Any], reason: str
) -> None:
    import diffusers

    unet = diffusers.UNet2DConditionModel.from_pretrained(tiny_model / "unet", local_files_only=True)
    plain = dict(diffusers.ControlNetModel.from_unet(unet).config)
    diffusers.ControlNetModel.from_config({**plain, **changes}).save_pretrained("other")
    line = import_model(control_session, control_session.folder / "other", "depth")
    assert rejection(control_session, line).startswith(
        f"the ControlNet other does not fit tiny (Stable Diffusion 1.x): {reason}"
    )


def test_a_t2i_adapter_of_another_layout_is_rejected(control_session: SessionHarness) -> None:
    import diffusers

    line = import_model(control_session, build_t2i_adapter(control_session.folder / "hinter", 1), "pose")
    assert rejection(control_session, line) == (
        "the T2I-Adapter hinter does not fit tiny (Stable Diffusion 1.x): block 1 of its UNet takes 16 channels of "
        "4 x 4, the adapter gives 16 channels of 8 x 8"
    )
    early = build_tiny_model(control_session.folder / "early", early=True)
    control_session.draw(f"{line} -m {early}")
    light = diffusers.T2IAdapter(channels=[16, 32], num_res_blocks=1, adapter_type="light_adapter")
    light.save_pretrained("light")
    line = import_model(control_session, control_session.folder / "light", "mlsd")
    assert "the control model light does not fit early" in rejection(control_session, f"{line} -m {early}")


@pytest.mark.parametrize("damage", ["fewer", "wider", "other encoder"])
def test_an_ip_adapter_of_another_layout_is_rejected(
    control_session: SessionHarness, tiny_model: Path, damage: str
) -> None:
    (plain,) = control_session.draw(LINE)
    file = build_ip_adapter(control_session.folder / "ip", tiny_model)
    tensors = load_file(file)
    if damage == "fewer":
        tensors = {name: tensor for name, tensor in tensors.items() if ".7." not in name}
    elif damage == "wider":
        tensors = {name: torch.cat([each] * 2) if ".to_" in name else each for name, each in tensors.items()}
    else:
        tensors["image_proj.proj.weight"] = tensors["image_proj.proj.weight"].repeat(1, 2)
    save_file(tensors, file)
    message = {
        "fewer": "does not fit tiny (Stable Diffusion 1.x): it has 3 layers, the model has 4 cross-attention layers",
        "wider": "does not fit tiny (Stable Diffusion 1.x): its layers have width 64, the model's "
        "cross-attention layers 32",
        "other encoder": "cannot be used with tiny: mat1 and mat2 shapes cannot be multiplied",
    }[damage]
    assert f"the IP-Adapter ip-adapter {message}" in rejection(
        control_session, import_model(control_session, file, "ip")
    )
    assert pixels(control_session.draw(LINE)[0]) == pixels(plain)


@pytest.mark.parametrize("damage", ["wide", "half", "rank", "text"])
def test_a_lora_that_does_not_fit_is_rejected_beside_one_that_does(
    control_session: SessionHarness, tiny_model: Path, damage: str
) -> None:
    (plain,) = control_session.draw(LINE)
    folder = control_session.folder / "root" / "loras"
    train(tiny_model, folder / "film.safetensors", 1, ["to_q"], text=damage == "text")
    other = build_tiny_model(control_session.folder / "other", block=32) if damage == "wide" else tiny_model
    train(other, folder / "bad.safetensors", 2, ["to_q"], text=damage == "text")
    tensors = load_file(folder / "bad.safetensors")
    name = next(name for name in tensors if ".down." in name and name.startswith("text_encoder") is (damage == "text"))
    cut = {"half": {}, "rank": {name: torch.ones(5, 32)}, "text": {name: torch.ones(2, 48)}}
    if damage in cut:
        save_file(
            {**{key: value for key, value in tensors.items() if key != name}, **cut[damage]}, folder / "bad.safetensors"
        )
    message = {
        "wide": "has width 32 in the model and 64 in",
        "half": "has only one of its two matrices",
        "rank": "has rank 5",
        "text": "and 48 in",
    }[damage]
    error = rejection(control_session, f"{LINE} --lora film --lora bad")
    assert error.startswith("the LoRA bad does not fit tiny (Stable Diffusion 1.x): ") and message in error
    assert pixels(control_session.draw(LINE)[0]) == pixels(plain), "the LoRA that fits is removed, too"
    assert pixels(control_session.draw(f"{LINE} --lora film")[0]) != pixels(plain)


def test_evicted_loras_are_loaded_again(control_session: SessionHarness, tiny_model: Path) -> None:
    folder = control_session.folder / "root" / "loras"
    train(tiny_model, folder / "l0.safetensors", 1, ["to_q"])
    tensors = load_file(folder / "l0.safetensors")
    for number in range(1, 9):
        save_file({name: tensor + number / 50 for name, tensor in tensors.items()}, folder / f"l{number}.safetensors")
    (both,) = control_session.draw(f"{LINE} --lora l0 --lora l8")
    control_session.draw(f"{LINE} -s1 {' '.join(f'--lora l{number}' for number in range(8))}")
    assert pixels(control_session.draw(f"{LINE} --lora l0 --lora l8")[0]) == pixels(both)


@pytest.mark.parametrize("shape", [(), (0, 32)])
def test_an_embedding_without_vectors_is_rejected(control_session: SessionHarness, shape: tuple[int, ...]) -> None:
    (control_session.folder / "root" / "embeddings").mkdir()
    save_file({"emb_params": torch.zeros(shape)}, control_session.folder / "root" / "embeddings" / "nought.safetensors")
    message = "the embedding <nought> does not fit tiny (Stable Diffusion 1.x): it contains no vectors"
    assert rejection(control_session, f"a <nought> {LINE}").startswith(message)
