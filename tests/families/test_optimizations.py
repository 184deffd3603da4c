"""Measures for memory and speed: they draw the same picture or nearly, end with the job, and are refused by name."""

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
from tests.families.jobs import job, ours, tiny
from tests.session_harness import SessionHarness

LINE = "a cat -s 3 -S 5"


def apart(first: Image.Image, second: Image.Image) -> int:
    return int(np.abs(np.asarray(first, np.int16) - np.asarray(second, np.int16)).max())


@pytest.mark.parametrize("name", ["stable-diffusion", "flux", "sana", "z-image"])
@pytest.mark.parametrize("measure", ["--attention math", "--attention sdpa", "--vae_tiling", "--offload none"])
def test_a_measure_draws_nearly_the_same(real_engine: Engine, folder_of: Folder, name: str, measure: str) -> None:
    model = tiny(folder_of(name))
    plain = ours(real_engine, job(LINE, model))
    assert apart(plain, ours(real_engine, job(f"{LINE} {measure}", model))) <= 2
    assert ours(real_engine, job(LINE, model)).tobytes() == plain.tobytes(), "nothing is left behind"


@pytest.mark.parametrize("measure", ["--attention sliced", "--fast channels_last"])
def test_a_measure_of_unets(real_engine: Engine, folder_of: Folder, measure: str) -> None:
    model = tiny(folder_of("sdxl"))
    plain = ours(real_engine, job(LINE, model))
    assert apart(plain, ours(real_engine, job(f"{LINE} {measure}", model))) <= 2
    assert ours(real_engine, job(LINE, model)).tobytes() == plain.tobytes()
    with pytest.raises(PlanError, match="UNet"):
        ours(real_engine, job(f"{LINE} {measure}", tiny(folder_of("flux"))))


@pytest.mark.parametrize(
    "measure",
    [
        "--offload model",
        "--offload sequential",
        "--offload group",
        "--attention flash",
        "--fast compile",
        "--fast tf32",
    ],
)
def test_what_needs_a_gpu_is_refused_before_anything_is_loaded(folder_of: Folder, measure: str) -> None:
    engine = DiffusersEngine(EngineSettings(device="cpu"))
    with pytest.raises(PlanError) as caught:
        ours(engine, job(f"{LINE} {measure}", tiny(folder_of("sdxl"))))
    assert measure in caught.value.message and "GPU" in caught.value.message
    assert engine.loaded() == ()


def test_large_pictures_are_tiled_when_asked(
    real_engine: Engine, folder_of: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny(folder_of("stable-diffusion"))
    real_engine.load(model, Events().hooks())
    assert isinstance(real_engine, DiffusersEngine) and real_engine._loaded is not None
    vae = real_engine._loaded.vae
    kept, calls = vae.tiled_decode, []

    def counted(*given: Any, **named: Any) -> Any:
        calls.append(given)
        return kept(*given, **named)

    monkeypatch.setattr(vae, "tiled_decode", counted)
    ours(real_engine, job(f"{LINE} -W 128 -H 128 --vae_tiling", model))
    assert len(calls) == 1 and not vae.use_tiling
    ours(real_engine, job(f"{LINE} -W 128 -H 128", model))
    assert len(calls) == 1


@pytest.mark.parametrize("name", ["stable-diffusion", "sdxl", "flux"])
@pytest.mark.parametrize("how", ["model", "group"])
@pytest.mark.parametrize("task", [Task.TEXT_TO_IMAGE, Task.IMAGE_TO_IMAGE])
def test_weights_that_come_and_go_draw_the_same(
    real_engine: Engine, folder_of: Folder, name: str, how: str, task: Task
) -> None:
    """The plumbing, with the CPU in the place of both: on a GPU the same hooks move between two memories."""
    model = tiny(folder_of(name))
    made = job(LINE, model, task)
    device = choose_device(EngineSettings(device="cpu"))
    loaded = load_model(model, device, {}, how)
    assert isinstance(real_engine, DiffusersEngine)
    run, conditioning = JobRun(loaded, device, made, Events().hooks()), Conditioning()
    staged = StagedRun(run, conditioning, ImageEncoder())
    (result,) = staged.images(1) if loaded.family.staged else StockRun(run, conditioning).images()
    assert apart(result.image, ours(real_engine, made)) <= 1


def test_measures_are_recorded_and_replayed(real_session: SessionHarness, folder_of: Folder, tmp_path: Path) -> None:
    (made,) = real_session.draw(f"a cat -s 3 -S 5 --attention math --vae_tiling -m {folder_of('sdxl')}")
    assert "--attention math" in real_session.saved[0].line and "--vae_tiling" in real_session.saved[0].line
    assert real_session.run(f"!verify {made}") is Outcome.OK and "identical" in real_session.messages
    assert real_session.run("a cat --offload model") is Outcome.FAILED
    assert "GPU" in real_session.errors[0]
