"""The library: keyword arguments, images as values, results as they finish, errors that are raised."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import invoke_cli
from invoke_cli import InvokeError, Result, Session
from invoke_cli.api.arguments import LEFT_OUT, keywords
from invoke_cli.api.keywords import SessionSettings, Settings
from invoke_cli.engine import Engine
from invoke_cli.language.switches.table import SWITCHES
from invoke_cli.request import GenerationRequest
from tests.sample_images import drawing

SMALL: Any = {"steps": 2, "width": 64, "height": 64}


@pytest.fixture
def root(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root with one random model; the working directory is empty."""
    (tmp_path / "root" / "configs").mkdir(parents=True)
    entry = f"tiny:\n  description: random\n  path: {tiny_model}\n  default: true\n"
    (tmp_path / "root" / "configs" / "models.yaml").write_text(entry, encoding="utf-8")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "root"


@pytest.fixture
def session(root: Path, real_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """A session with the real engine."""
    monkeypatch.setattr("invoke_cli.session.open_engine", lambda _: real_engine)
    with Session(root=str(root), **SMALL) as session:
        yield session


def test_the_public_names_are_these() -> None:
    assert set(invoke_cli.__all__) == {"InvokeError", "Result", "Results", "Session", "__version__"}
    assert all(getattr(invoke_cli, name) is not None for name in invoke_cli.__all__)
    public = {name for name in vars(Session) if not name.startswith("_")}
    assert public == {"close", "draw", "generate", "history", "plan", "run", "stop"}
    assert set(Result.__dataclass_fields__) == {"image", "path", "number", "seed", "line", "seconds", "metadata"}


def test_arguments_are_the_fields_of_the_request_and_the_long_switches() -> None:
    assert set(Settings.__annotations__) == set(keywords())
    assert set(GenerationRequest.__dataclass_fields__) - LEFT_OUT == set(keywords().values())
    for row in SWITCHES:
        if row.field not in LEFT_OUT:
            assert keywords()[row.field] == row.field
    assert keywords()["steps"] == "num_inference_steps" and keywords()["seed"] == "seeds"
    assert {"device", "root", "offline"} <= set(SessionSettings.__annotations__)


@pytest.mark.feature("library")
def test_a_call_equals_the_line(session: Session) -> None:
    (one,) = session.generate("a (cat)1.2", seed=7, cfg_scale=4, sampler="k_euler")
    (other,) = session.run('"a (cat)1.2" -S 7 -C 4 -A k_euler')
    assert one.image.tobytes() == other.image.tobytes() and one.line == other.line
    assert one.path is not None and other.path is not None and one.path.read_bytes() == other.path.read_bytes()
    assert (one.seed, one.number, other.number) == (7, 1, 2)
    assert one.metadata["image"]["steps"] == 2 and one.metadata["image"]["seed"] == 7


@pytest.mark.feature("library")
def test_a_call_equals_stock_diffusers(session: Session, tiny_model: Path) -> None:
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(tiny_model, dtype=torch.float32, local_files_only=True)
    pipeline.scheduler = DDIMScheduler.from_config(
        pipeline.scheduler.config, clip_sample=False, set_alpha_to_one=False, steps_offset=1
    )
    pipeline.set_progress_bar_config(disable=True)
    stock = pipeline(
        "a cat", num_inference_steps=2, guidance_scale=5.0, width=64, height=64,
        generator=torch.Generator("cpu").manual_seed(5),
    ).images[0]  # fmt: skip
    ours = session.generate("a cat", seed=5, guidance_scale=5.0, sampler="ddim").first()
    assert ours.image.tobytes() == stock.tobytes()


@pytest.mark.feature("library")
def test_images_may_be_paths_pictures_and_arrays(session: Session) -> None:
    sketch = drawing().resize((64, 64))
    sketch.save("sketch.png")
    array = np.asarray(sketch)
    given: list[Any] = ["sketch.png", Path("sketch.png"), sketch, array, array.astype(np.float64) / 255]
    images = [session.generate("oil", init_image=each, strength=0.5, seed=3).first() for each in given]
    assert len({each.image.tobytes() for each in images}) == 1
    assert "invoke-" not in images[2].line and "-I image-" in images[2].line
    again = session.run(images[2].line).first()
    assert again.image.tobytes() == images[2].image.tobytes(), "the picture is stored with the outputs"
    mask = Image.new("L", (64, 64), 0)
    mask.paste(255, (0, 0, 32, 64))
    masked = session.generate("oil", init_image=sketch, init_mask=mask, mask_blur=0, strength=0.9, seed=3).first()
    assert np.array_equal(np.asarray(masked.image)[:, 32:], array[:, 32:])


@pytest.mark.feature("library")
def test_results_arrive_as_they_finish_and_leaving_the_loop_stops(session: Session) -> None:
    calls: list[int] = []
    results = session.generate("a cat", seed=[1, 2, 3, 4], on_step=lambda image: calls.append(image.info["image"]))
    for result in results:
        assert result.seed == 1
        break
    assert len(list(session.history.recent(9))) == 4 or results.stopped
    session.generate("a dog", seed=9).first()
    assert results.stopped and len(results.all()) < 4, "the rest was not generated"


@pytest.mark.feature("library")
def test_a_step_is_a_small_picture_and_false_stops(session: Session) -> None:
    seen: list[Image.Image] = []

    def show(image: Image.Image) -> bool:
        seen.append(image)
        return len(seen) < 3

    results = session.generate("a cat", seed=1, steps=9, on_step=show)
    assert results.all() == [] and len(seen) == 3
    assert [(each.info["step"], each.info["steps"]) for each in seen] in (
        [(0, 9), (1, 9), (2, 9)],
        [(1, 9), (2, 9), (3, 9)],
    )
    assert seen[0].mode == "RGB" and max(seen[0].size) <= 64
    with pytest.raises(InvokeError, match="no image was generated"):
        results.first()


@pytest.mark.feature("library")
def test_errors_are_raised(session: Session) -> None:
    with pytest.raises(TypeError, match=r"no argument stepz; did you mean steps\?"):
        session.generate("a cat", stepz=3)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="given twice: it is the same setting as num_inference_steps"):
        session.generate("a cat", steps=3, num_inference_steps=3)
    with pytest.raises(InvokeError, match=r"strength takes .* 3"):
        session.generate("a cat", strength=3)
    with pytest.raises(InvokeError, match="array"):
        session.generate("a cat", init_image=np.zeros((4, 4, 7)))
    with pytest.raises(InvokeError, match=r"there is no image nope\.png"):
        session.generate("a cat", init_image="nope.png").all()
    with pytest.raises(InvokeError, match="no such sampler"):
        session.run("a cat -A nope").first()
    with pytest.raises(InvokeError, match="no image 99"):
        session.run("!info 99").all()
    assert session.generate("a cat", seed=1).first().seed == 1, "the session goes on"


def test_an_error_that_nobody_asked_for_is_raised_by_close(root: Path, real_engine: Engine, monkeypatch: Any) -> None:
    monkeypatch.setattr("invoke_cli.session.open_engine", lambda _: real_engine)
    with pytest.raises(InvokeError, match=r"nope\.png"), Session(root=str(root), **SMALL) as session:
        session.generate("a cat", init_image="nope.png")


def test_a_block_that_ends_completes_its_calls(root: Path, real_engine: Engine, monkeypatch: Any) -> None:
    monkeypatch.setattr("invoke_cli.session.open_engine", lambda _: real_engine)
    with Session(root=str(root), **SMALL) as session:
        session.generate("a cat", seed=[1, 2])
    assert len(list(Path("outputs").glob("*.png"))) == 2
    for work in (lambda: session.generate("a cat"), lambda: session.run("a cat"), lambda: session.plan("a cat")):
        with pytest.raises(InvokeError, match="this session is closed"):
            work()
    session.close()


@pytest.mark.feature("library")
def test_no_files_with_outdir_none(root: Path, real_engine: Engine, monkeypatch: Any) -> None:
    monkeypatch.setattr("invoke_cli.session.open_engine", lambda _: real_engine)
    with Session(root=str(root), outdir=None, **SMALL) as session:
        first, second = session.generate("a cat", seed=[1, 2])
        again = session.run(second.line).first()
        assert again.image.tobytes() == second.image.tobytes()
        assert session.run("oil -I @last -f .5").first().path is None
    assert (first.path, first.number) == (None, None) and first.metadata["image"]["seed"] == 1
    assert list(Path.cwd().iterdir()) == []
    with Session(root=str(root), **SMALL) as session:
        assert session.generate("a cat", outdir=None).first().path is None
    assert list(Path.cwd().rglob("*.png")) == []


@pytest.mark.feature("library")
def test_a_plan_and_the_history(session: Session) -> None:
    plan = session.plan("a cat", steps=5, seed=[1, 2], width=128)
    assert (plan.steps.scheduled, plan.width, plan.height) == (5, 128, 64)
    assert [image.seed for image in plan.images] == [1, 2]
    with pytest.raises(InvokeError):
        session.plan("a cat", width=100_000)
    session.generate("a red fox", seed=1).all()
    session.generate("a blue boat", seed=2).all()
    (entry,) = session.history.search("fox seed:1")
    assert entry.seed == 1 and session.history.path_of(entry).exists()
    assert [each.seed for each in session.history.search()] == [1, 2]
    assert session.history.get(9) is None


@pytest.mark.feature("library")
def test_commands_return_their_text_and_chains_their_images(session: Session) -> None:
    assert "tiny" in session.run("!models").text
    (image,) = session.run("a cat -S 1 | oil -f .5")
    assert "|" in image.line
    with pytest.raises(InvokeError, match="generates nothing"):
        session.run("")


@pytest.mark.slow
def test_two_sessions_in_one_process(root: Path) -> None:
    with Session(root=str(root), outdir="one", **SMALL) as one, Session(root=str(root), outdir="two", **SMALL) as two:
        pairs = list(zip(one.generate("a cat", seed=[1, 2]), two.generate("a cat", seed=[1, 2]), strict=True))
    assert all(first.image.tobytes() == second.image.tobytes() for first, second in pairs)
    assert [path.name for path in sorted(Path("two").glob("*.png"))] == ["000001.1.png", "000002.2.png"]


@pytest.mark.slow
def test_a_callback_may_use_another_session(root: Path) -> None:
    found: list[Result] = []
    with Session(root=str(root), **SMALL) as one, Session(root=str(root), outdir=None, **SMALL) as two:
        one.generate("a cat", seed=1, on_step=lambda _: found.append(two.generate("a dog", seed=2).first())).all()
    assert len(found) >= 2 and len({each.image.tobytes() for each in found}) == 1


@pytest.mark.slow
def test_calls_from_several_threads_take_turns(session: Session) -> None:
    seeds: list[int] = []
    threads = [
        threading.Thread(target=lambda seed=seed: seeds.append(session.generate("a cat", seed=seed).first().seed))
        for seed in range(1, 5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seeds) == [1, 2, 3, 4]


def test_draw_is_deprecated(session: Session) -> None:
    with warnings.catch_warnings(record=True, action="always") as found:
        (image,) = session.draw("a cat -S 1")
    assert image.seed == 1
    assert any(each.category is DeprecationWarning and "Session.run" in str(each.message) for each in found)


def test_a_result_displays_itself_in_a_notebook(session: Session) -> None:
    import asyncio

    async def cell() -> Result:
        return session.generate("a cat", seed=1).first()

    result = asyncio.run(cell())
    assert result._repr_png_().startswith(b"\x89PNG")


def test_a_progress_bar_is_shown_on_request(root: Path, real_engine: Engine, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setattr("invoke_cli.session.open_engine", lambda _: real_engine)
    with Session(root=str(root), progress=True, **SMALL) as session:
        session.generate("a cat", seed=[1, 2]).all()
    assert "/4" in capsys.readouterr().err
