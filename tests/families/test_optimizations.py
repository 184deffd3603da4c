"""Optimizations: the same image within rounding, no state left, and rejected by name where unsupported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from invoke_cli.context.outcome import Outcome
from invoke_cli.engine import Engine, EngineSettings
from invoke_cli.engine.conditioning.prompt_embeds import Conditioning
from invoke_cli.engine.devices import choose_device
from invoke_cli.engine.diffusers_engine import DiffusersEngine
from invoke_cli.engine.job_run import JobRun
from invoke_cli.engine.loading.load import load_model
from invoke_cli.engine.sampling.optimizations import optimizations
from invoke_cli.engine.sampling.vae import ImageEncoder
from invoke_cli.engine.staged_run import StagedRun
from invoke_cli.engine.stock_run import StockRun
from invoke_cli.errors import PlanError
from invoke_cli.planning.plan import Task
from tests.engine.jobs import Events
from tests.families.builders import BUILDERS, Folder
from tests.families.jobs import first_image, job, tiny
from tests.session_harness import SessionHarness

LINE = "a cat -s 3 -S 5"


def max_difference(first: Image.Image, second: Image.Image) -> int:
    return int(np.abs(np.asarray(first, np.int16) - np.asarray(second, np.int16)).max())


@pytest.mark.feature("attention")
@pytest.mark.parametrize("name", ["stable-diffusion", "flux", "sana", "z-image"])
@pytest.mark.parametrize("switch", ["--attention math", "--attention sdpa", "--vae_tiling", "--offload none"])
def test_an_optimization_gives_the_same_image_within_rounding(
    real_engine: Engine, folder_of: Folder, name: str, switch: str
) -> None:
    model = tiny(folder_of(name))
    plain = first_image(real_engine, job(LINE, model))
    assert max_difference(plain, first_image(real_engine, job(f"{LINE} {switch}", model))) <= 2
    assert first_image(real_engine, job(LINE, model)).tobytes() == plain.tobytes(), "no state is left"


@pytest.mark.parametrize("switch", ["--attention sliced", "--fast channels_last"])
def test_optimizations_of_unets_are_rejected_for_transformers(
    real_engine: Engine, folder_of: Folder, switch: str
) -> None:
    model = tiny(folder_of("sdxl"))
    plain = first_image(real_engine, job(LINE, model))
    assert max_difference(plain, first_image(real_engine, job(f"{LINE} {switch}", model))) <= 2
    assert first_image(real_engine, job(LINE, model)).tobytes() == plain.tobytes()
    with pytest.raises(PlanError, match="UNet"):
        first_image(real_engine, job(f"{LINE} {switch}", tiny(folder_of("flux"))))


@pytest.mark.feature("compile")
@pytest.mark.parametrize(
    "switch",
    [
        "--offload model",
        "--offload sequential",
        "--offload group",
        "--attention flash",
        "--fast compile",
        "--fast tf32",
    ],
)
def test_optimizations_that_need_a_gpu_are_rejected_before_loading(folder_of: Folder, switch: str) -> None:
    engine = DiffusersEngine(EngineSettings(device="cpu"))
    with pytest.raises(PlanError) as caught:
        first_image(engine, job(f"{LINE} {switch}", tiny(folder_of("sdxl"))))
    assert switch in caught.value.message and "GPU" in caught.value.message
    assert engine.loaded() == ()


def test_decoding_is_tiled_only_when_requested(
    real_engine: Engine, folder_of: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny(folder_of("stable-diffusion"))
    real_engine.load(model, Events().hooks())
    assert isinstance(real_engine, DiffusersEngine) and real_engine._loaded is not None
    vae = real_engine._loaded.vae
    tiled_decode, calls = vae.tiled_decode, []

    def counted(*arguments: Any, **named: Any) -> Any:
        calls.append(arguments)
        return tiled_decode(*arguments, **named)

    monkeypatch.setattr(vae, "tiled_decode", counted)
    first_image(real_engine, job(f"{LINE} -W 128 -H 128 --vae_tiling", model))
    assert len(calls) == 1 and not vae.use_tiling
    first_image(real_engine, job(f"{LINE} -W 128 -H 128", model))
    assert len(calls) == 1


@pytest.mark.feature("offload")
@pytest.mark.parametrize("name", ["stable-diffusion", "sdxl", "flux"])
@pytest.mark.parametrize("offload", ["model", "group"])
@pytest.mark.parametrize("task", [Task.TEXT_TO_IMAGE, Task.IMAGE_TO_IMAGE])
def test_offloading_gives_the_same_image(
    real_engine: Engine, folder_of: Folder, name: str, offload: str, task: Task
) -> None:
    """Test the hooks with the CPU as both devices; on a GPU, the same hooks move weights between two memories."""
    model = tiny(folder_of(name))
    requested = job(LINE, model, task)
    device = choose_device(EngineSettings(device="cpu"))
    loaded = load_model(model, device, {}, offload)
    assert isinstance(real_engine, DiffusersEngine)
    run, conditioning = JobRun(loaded, device, requested, Events().hooks()), Conditioning()
    staged = StagedRun(run, conditioning, ImageEncoder())
    (result,) = staged.images(1) if loaded.family.staged else StockRun(run, conditioning).images()
    assert max_difference(result.image, first_image(real_engine, requested)) <= 1


def test_optimizations_are_recorded_and_verify(real_session: SessionHarness, folder_of: Folder, tmp_path: Path) -> None:
    (result,) = real_session.draw(f"a cat -s 3 -S 5 --attention math --vae_tiling -m {folder_of('sdxl')}")
    assert "--attention math" in real_session.saved[0].line and "--vae_tiling" in real_session.saved[0].line
    assert real_session.run(f"!verify {result}") is Outcome.OK and "identical" in real_session.messages
    assert real_session.run("a cat --offload model") is Outcome.FAILED
    assert "GPU" in real_session.errors[0]


NEED_AN_IMAGE = {"pix2pix", "sdxl-refiner", "sdxl-inpainting", "flux-fill", "kandinsky-2.2-inpainting"}


@pytest.mark.feature("fast-auto")
@pytest.mark.parametrize(
    "name",
    [
        name if name in ("stable-diffusion", "flux") else pytest.param(name, marks=pytest.mark.slow)
        for name in sorted(set(BUILDERS) - NEED_AN_IMAGE)
    ],
)
def test_bfloat16_gives_nearly_the_same_image_and_leaves_no_state(
    real_engine: Engine, folder_of: Folder, name: str
) -> None:
    model = tiny(folder_of(name))
    plain = first_image(real_engine, job(LINE, model))
    narrow = first_image(real_engine, job(f"{LINE} --fast bfloat16", model))
    assert 0 < np.abs(np.asarray(plain, float) - np.asarray(narrow, float)).mean() < 12
    assert first_image(real_engine, job(f"{LINE} --fast bfloat16", model)).tobytes() == narrow.tobytes()
    assert first_image(real_engine, job(LINE, model)).tobytes() == plain.tobytes(), "the weights are as before"


@pytest.mark.feature("fast-auto")
def test_bfloat16_in_the_denoiser_equals_a_stock_unet_in_bfloat16(real_engine: Engine, folder_of: Folder) -> None:
    """The first step of one: what the UNet computes is what diffusers' own computes when it is loaded in bfloat16."""
    from diffusers import UNet2DConditionModel

    folder = folder_of("stable-diffusion")
    loaded = load_model(tiny(folder), choose_device(EngineSettings(device="cpu")), {})
    stock = UNet2DConditionModel.from_pretrained(folder, subfolder="unet", dtype=torch.bfloat16)
    size, width = stock.config.sample_size, stock.config.cross_attention_dim
    latents, states = torch.randn(1, 4, size, size), torch.randn(1, 7, width)
    request = job(f"{LINE} --fast bfloat16,channels_last", tiny(folder)).plan.request
    with optimizations(loaded, request, lambda _: None), torch.no_grad():
        ours = loaded.denoiser(latents, torch.tensor(999), encoder_hidden_states=states, return_dict=False)[0]
    with torch.no_grad():
        theirs = stock(latents.bfloat16(), 999, encoder_hidden_states=states.bfloat16()).sample
    assert ours.dtype is torch.float32
    assert torch.allclose(ours, theirs.float(), atol=0.02, rtol=0.02)
    assert all(parameter.dtype is torch.float32 for parameter in loaded.denoiser.parameters())


@pytest.mark.feature("fast-auto")
def test_auto_is_recorded_as_what_it_chose_and_verified(
    real_session: SessionHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = "invoke_cli.engine.sampling.optimizations.has_bfloat16_instructions"
    monkeypatch.setattr(module, lambda: True)
    (path,) = real_session.draw("a cat -s 3 -S 5 --fast auto")
    assert real_session.saved[0].line.endswith("--fast bfloat16,channels_last")
    assert real_session.run("!verify @last") is Outcome.OK
    assert real_session.draw(real_session.session.context.folder().history.last().line)[0].read_bytes() == (  # type: ignore[union-attr]
        path.read_bytes()
    )
    monkeypatch.setattr(module, lambda: False)
    real_session.draw("a cat -s 3 -S 5 --fast auto")
    assert "--fast" not in real_session.saved[0].line


def test_names_of_fast_are_put_in_order_and_checked(fake_session: SessionHarness) -> None:
    fake_session.draw("a cat -s 3 -S 5 --fast channels_last,bfloat16,bfloat16")
    assert fake_session.saved[0].line.endswith("--fast bfloat16,channels_last")
    assert fake_session.run("a cat --fast auto,bfloat16") is not Outcome.OK
    assert "takes auto alone" in fake_session.errors[0]
    assert fake_session.run("a cat --fast bfloat17") is not Outcome.OK
    engine = DiffusersEngine(EngineSettings(device="cpu", precision="bfloat16"))
    assert engine.best_fast(fake_session.session.context.settings.model()) == ""
