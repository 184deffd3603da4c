"""Optimizations: the same image within rounding, no state left, and rejected by name where unsupported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from invoke_cli.context.outcome import Outcome
from invoke_cli.engine import Engine, EngineSettings
from invoke_cli.engine.conditioning.prompt_embeds import Conditioning
from invoke_cli.engine.devices import choose_device
from invoke_cli.engine.diffusers_engine import DiffusersEngine
from invoke_cli.engine.job_run import JobRun
from invoke_cli.engine.loading.load import load_model
from invoke_cli.engine.sampling.vae import ImageEncoder
from invoke_cli.engine.staged_run import StagedRun
from invoke_cli.engine.stock_run import StockRun
from invoke_cli.errors import PlanError
from invoke_cli.planning.plan import Task
from tests.engine.jobs import Events
from tests.families.builders import Folder
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
