"""Chains: inheritance between stages, latents passed on undecoded, and one record for the whole chain."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from invoke_cli.context.outcome import Outcome
from invoke_cli.events import Planned
from invoke_cli.planning.seeds import next_seed
from tests.session_harness import SessionHarness, pixels, size
from tests.tiny_models import build_tiny_model


def plans(harness: SessionHarness) -> list[dict[str, object]]:
    return [dict(event.plan) for event in harness.of(Planned)]


def test_a_stage_inherits_settings_that_it_does_not_override(harness: SessionHarness) -> None:
    (path,) = harness.draw("a castle -s6 -C 5 -W 96 -H 72 -S 42 -A ddim | oil painting -f .5 | -s 4 -f .25")
    first, second, third = plans(harness)
    assert [plan["steps_real"] for plan in (first, second, third)] == [6, 3, 1]
    assert [plan["prompt"] for plan in (first, second, third)] == ["a castle", "oil painting", "oil painting"]
    assert {(plan["width"], plan["height"], plan["sampler"], plan["guidance_scale"]) for plan in plans(harness)} == {
        (96, 72, "ddim", 5.0)
    }
    assert [plan["seeds"] for plan in (first, second, third)] == [[42], [next_seed(42)], [next_seed(next_seed(42))]]
    assert size(path) == (96, 72) and path.name == "000001.42.png"


def test_strength_is_not_inherited_but_0_75_by_default(harness: SessionHarness, sketch: Path) -> None:
    harness.draw("a castle -s8 -I sketch.png -f .5 -S1 | oil painting")
    assert [plan["strength"] for plan in plans(harness)] == [0.5, 0.75]


def test_latents_pass_between_stages_without_decoding(real_session: SessionHarness) -> None:
    real_session.draw("a castle -s4 -S1 | oil painting -f .5 --trace")
    assert real_session.traces[-1] == "trace: encodes=0 decodes=1 denoiser_calls=6"


def test_a_chain_equals_stock_pipelines_called_in_sequence(real_session: SessionHarness, tiny_model: Path) -> None:
    import torch
    from diffusers import DDIMScheduler, StableDiffusionImg2ImgPipeline, StableDiffusionPipeline

    (path,) = real_session.draw("a castle -s6 -S42 -A ddim -C 6 -W 64 -H 64 | oil painting -f .5 -S 7")
    first = StableDiffusionPipeline.from_pretrained(tiny_model, dtype=torch.float32, local_files_only=True)
    forced = {"clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1}
    first.scheduler = DDIMScheduler.from_config(first.scheduler.config, **forced)
    first.set_progress_bar_config(disable=True)
    second = StableDiffusionImg2ImgPipeline(**first.components, requires_safety_checker=False)
    second.set_progress_bar_config(disable=True)
    common = {"num_inference_steps": 6, "guidance_scale": 6.0}
    seeded = {seed: torch.Generator("cpu").manual_seed(seed) for seed in (42, 7)}
    latents = first("a castle", width=64, height=64, output_type="latent", generator=seeded[42], **common).images
    expected = second("oil painting", image=latents, strength=0.5, generator=seeded[7], **common).images[0]
    assert pixels(path) == expected.tobytes()


def test_another_autoencoder_adds_one_decode_and_one_encode(real_session: SessionHarness, tmp_path: Path) -> None:
    other = build_tiny_model(tmp_path / "other", seed=5)
    real_session.draw(f"a castle -s4 -S1 --trace | oil painting -f .5 -m {other}")
    assert real_session.traces[-1] == "trace: encodes=1 decodes=2 denoiser_calls=6"
    assert any("decoded and encoded once" in text for text in real_session.notices)


def test_another_model_with_the_same_autoencoder_takes_the_latents(
    real_session: SessionHarness, tiny_model: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(build_tiny_model(tmp_path / "seed 5", seed=5), other)
    shutil.rmtree(other / "vae")
    shutil.copytree(tiny_model / "vae", other / "vae")
    real_session.draw(f"a castle -s4 -S1 --trace | oil painting -f .5 -m {other}")
    assert real_session.traces[-1] == "trace: encodes=0 decodes=1 denoiser_calls=6"


def test_stages_of_different_sizes_are_decoded_and_encoded(harness: SessionHarness) -> None:
    (path,) = harness.draw("a castle -s2 -S1 -W 64 -H 64 | oil painting -f .5 -W 96 -H 96")
    assert size(path) == (96, 96)
    assert any("decoded and encoded once" in text for text in harness.notices)


def test_a_list_of_strengths_equals_the_same_stages_typed_out(harness: SessionHarness, sketch: Path) -> None:
    (whole,) = harness.draw("oil painting -I sketch.png -s20 -S 5 -W 64 -H 64 --crop -f .6,.4,.2")
    assert [plan["steps_real"] for plan in plans(harness)] == [12, 8, 4]
    seeds = [5, next_seed(5), next_seed(next_seed(5))]
    assert [plan["seeds"] for plan in plans(harness)] == [[seed] for seed in seeds]
    chain = " | ".join(["oil painting -I sketch.png -s20 -S 5 -W 64 -H 64 --crop -f .6", "-f .4", "-f .2"])
    (typed,) = harness.draw(chain)
    assert pixels(whole) == pixels(typed)


@pytest.mark.parametrize(
    "line",
    [
        "a castle -s4 -S1 | oil painting -f .5",
        "a castle -s4 -S1..2 -n 2 | oil painting [trees] -f .5 -S 9 -C 3 | snow -f .2 -W 96",
        "oil -I sketch.png -s6 -S3 -f .6,.4,.2",
        "a castle -s3 -S1 | a lake -M mask.png -f 1 | oil -f .3",
        "a castle -s3 -S1 | same -f 0 | oil -f .5",
        "a castle -s3 -S1 -V 3:.2 | oil -f .5 -V 4:.1",
        "a castle -s3 -S1 -A k_euler_a | oil -f .5 -A k_lms",
    ],
)
def test_one_record_reproduces_the_whole_chain(
    harness: SessionHarness, sketch: Path, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = Image.new("L", (64, 64), 0)
    half.paste(255, (10, 10, 50, 40))
    half.save("mask.png")
    results = harness.draw(line)
    (harness.folder / "elsewhere").mkdir()
    sketch.unlink()
    (harness.folder / "mask.png").unlink()
    monkeypatch.chdir(harness.folder / "elsewhere")
    assert harness.run(f"!verify {' '.join(map(str, results))}") is Outcome.OK, harness.errors
    assert harness.messages.count(": identical") == len(results)


def test_the_echoed_and_fetched_line_contain_the_whole_chain(harness: SessionHarness) -> None:
    (path,) = harness.draw("a castle -s4 -S1 | oil painting -f .5")
    line = harness.saved[0].line
    assert line.count(" | ") == 1
    harness.run(f"!fetch {path}")
    assert harness.prefills == [line]
    (again,) = harness.draw(line)
    assert pixels(path) == pixels(again)
    harness.run("!again")
    assert pixels(harness.folder / harness.saved[0].path) == pixels(path)


def test_every_stage_can_be_saved_with_strips_and_intermediates(harness: SessionHarness) -> None:
    (path,) = harness.draw("a castle -s3 -S1 | oil painting -f .7 --save_all --strip --save_intermediates")
    stage = path.with_name("000001.1.stage-1.png")
    assert size(stage) == size(path) and pixels(stage) != pixels(path)
    steps = path.parent / "intermediates" / "000001.1"
    assert len(list((steps / "stage-1").glob("step-*.png"))) == 4
    assert len(list((steps / "stage-2").glob("step-*.png"))) == 3
    assert path.with_name("000001.1.steps.png").is_file()


@pytest.mark.parametrize(
    ("line", "message", "under"),
    [
        ("a castle -s2 | oil -I sketch.png", "-I is not valid in a later stage", "sketch.png"),
        ("a castle -s2 | oil -n 3", "-n is not valid in a later stage", "3"),
        ("a castle -s2 | oil -S 1,2", "-S is not valid in a later stage", "1,2"),
        ("a castle -s2 -f .6,.4", "a list of strengths needs an init image", ".6,.4"),
        ("a castle -s2 | oil -m nothing", "no such model: nothing", "nothing"),
    ],
)
def test_errors_have_spans_in_their_stage(
    harness: SessionHarness, sketch: Path, line: str, message: str, under: str
) -> None:
    assert harness.run(line) is not Outcome.OK
    assert message in harness.errors[0]
    from invoke_cli.events import Failed

    span = harness.of(Failed)[0].error.span
    assert span is not None and line[span.start : span.end] == under


def test_ctrl_c_between_stages_ends_the_line(harness: SessionHarness) -> None:
    emit = harness.session.context.emit

    def stop(event: object) -> None:
        emit(event)  # type: ignore[arg-type]
        if getattr(event, "stage", 1) == 2:
            harness.session.stop()

    harness.session.context.emit = stop
    assert harness.run("a castle -s3 -S1 | oil -f .9 -s 10") is Outcome.INTERRUPTED
    assert harness.saved == []
