"""Chains: inheritance between stages, latents passed on undecoded, and one record for the whole chain."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from invoke_cli.context.outcome import Outcome
from invoke_cli.events import Planned
from invoke_cli.planning.seeds import next_seed
from tests.families.builders import Folder
from tests.sample_images import drawing
from tests.session_harness import SessionHarness, pixels, size, values
from tests.tiny_models import build_tiny_model


def plans(harness: SessionHarness) -> list[dict[str, object]]:
    return [dict(event.plan) for event in harness.of(Planned)]


@pytest.mark.feature("chain")
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


@pytest.mark.feature("chain-latents")
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


@pytest.mark.feature("chain-latents")
def test_another_autoencoder_adds_one_decode_and_one_encode(real_session: SessionHarness, tmp_path: Path) -> None:
    other = build_tiny_model(tmp_path / "other", seed=5)
    real_session.draw(f"a castle -s4 -S1 --trace | oil painting -f .5 -m {other}")
    assert real_session.traces[-1] == "trace: encodes=1 decodes=2 denoiser_calls=6"
    assert any("decoded and encoded once" in text for text in real_session.notices)


@pytest.mark.feature("chain-models")
def test_another_model_with_the_same_autoencoder_takes_the_latents(
    real_session: SessionHarness, tiny_model: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(build_tiny_model(tmp_path / "seed 5", seed=5), other)
    shutil.rmtree(other / "vae")
    shutil.copytree(tiny_model / "vae", other / "vae")
    real_session.draw(f"a castle -s4 -S1 --trace | oil painting -f .5 -m {other}")
    assert real_session.traces[-1] == "trace: encodes=0 decodes=1 denoiser_calls=6"


def test_an_autoencoder_stored_in_half_precision_takes_the_latents(
    real_session: SessionHarness, tiny_model: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    other = tmp_path / "half"
    shutil.copytree(tiny_model, other)
    (weights,) = (other / "vae").glob("*.safetensors")
    save_file({name: tensor.half() for name, tensor in load_file(weights).items()}, weights)
    real_session.draw(f"a castle -s4 -S1 --trace | oil painting -f .5 -m {other}")
    assert real_session.traces[-1] == "trace: encodes=0 decodes=1 denoiser_calls=6"


def test_stages_of_different_sizes_are_decoded_and_encoded(harness: SessionHarness) -> None:
    (path,) = harness.draw("a castle -s2 -S1 -W 64 -H 64 | oil painting -f .5 -W 96 -H 96")
    assert size(path) == (96, 96)
    assert any("decoded and encoded once" in text for text in harness.notices)


@pytest.mark.feature("refine")
def test_a_list_of_strengths_equals_the_same_stages_typed_out(harness: SessionHarness, sketch: Path) -> None:
    (whole,) = harness.draw("oil painting -I sketch.png -s20 -S 5 -W 64 -H 64 --crop -f .6,.4,.2")
    assert [plan["steps_real"] for plan in plans(harness)] == [12, 8, 4]
    seeds = [5, next_seed(5), next_seed(next_seed(5))]
    assert [plan["seeds"] for plan in plans(harness)] == [[seed] for seed in seeds]
    chain = " | ".join(["oil painting -I sketch.png -s20 -S 5 -W 64 -H 64 --crop -f .6", "-f .4", "-f .2"])
    (typed,) = harness.draw(chain)
    assert pixels(whole) == pixels(typed)


@pytest.mark.feature("chain-replay")
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


# -- lists of strengths ----------------------------------------------------------------------------------------------


def painted_area(width: int = 96, height: int = 64) -> Image.Image:
    """Return a mask that paints a rectangle."""
    mask = Image.new("L", (width, height), 0)
    mask.paste(255, (20, 16, 60, 48))
    return mask


@pytest.mark.parametrize(
    "switches", ["-M mask.png", "-M inverse.png --invert_mask", "-M mask.png -W 96 -H 64", "-M mask.png -U 2 0"]
)
def test_each_pass_of_a_list_of_strengths_keeps_the_mask(
    harness: SessionHarness, sketch: Path, switches: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    painted_area().save("mask.png")
    ImageOps.invert(painted_area()).save("inverse.png")
    (path,) = harness.draw(f"oil -I sketch.png -s10 -S5 -f .6,.4,.2 --mask_blur 0 --save_all {switches}")
    unchanged = np.asarray(painted_area()) == 0
    finished = [path.with_name(f"{path.stem}.stage-{number}.png") for number in (1, 2)]
    for each in [*finished, *([] if "-U" in switches else [path])]:
        assert size(each) == (96, 64)
        assert (values(each)[unchanged] == values(sketch)[unchanged]).all()
        assert (values(each)[~unchanged] != values(sketch)[~unchanged]).any()
    assert size(path) == ((192, 128) if "-U" in switches else (96, 64))
    (harness.folder / "elsewhere").mkdir()
    for name in ("mask.png", "inverse.png"):
        (harness.folder / name).unlink()
    sketch.unlink()
    monkeypatch.chdir(harness.folder / "elsewhere")
    assert harness.run(f"!verify {path}") is Outcome.OK, (harness.messages, harness.notices)
    assert ": identical" in harness.messages


def test_each_pass_keeps_the_mask_of_a_transparent_init_image(harness: SessionHarness) -> None:
    image = drawing()
    image.putalpha(ImageOps.invert(painted_area()))
    image.save("hole.png")
    (path,) = harness.draw("oil -I hole.png -s10 -S5 -f .6,.4,.2 --mask_blur 0")
    unchanged = np.asarray(painted_area()) == 0
    assert (values(path)[unchanged] == np.asarray(drawing().convert("RGB"))[unchanged]).all()
    assert harness.run(f"!verify {path}") is Outcome.OK and ": identical" in harness.messages
    (pasted,) = harness.draw("!again")
    (again,) = harness.draw(harness.saved[0].line)
    assert pixels(pasted) == pixels(again) == pixels(path)


def test_each_pass_of_an_extended_image_paints_only_the_borders(harness: SessionHarness, sketch: Path) -> None:
    (path,) = harness.draw("oil -I sketch.png -s10 -S5 -f .6,.4 -c right 32 --mask_blur 0")
    assert size(path) == (128, 64)
    assert (values(path)[:, :64] == values(sketch)[:, :64]).all()
    assert harness.run(f"!verify {path}") is Outcome.OK and ": identical" in harness.messages


def test_postprocessing_of_a_list_of_strengths_happens_once_at_the_end(harness: SessionHarness, sketch: Path) -> None:
    (path,) = harness.draw("oil -I sketch.png -s10 -S5 -W 96 -H 64 -f .6,.4,.2 -U 2 0 --match_colors --save_all")
    assert size(path) == (192, 128)
    assert [size(path.with_name(f"{path.stem}.stage-{number}.png")) for number in (1, 2)] == [(96, 64)] * 2
    assert harness.saved[-1].line.count("-U 2") == harness.saved[-1].line.count("--match_colors") == 1
    assert sum("LAB distance" in text for text in harness.notices) == 1


def test_defaults_for_postprocessing_apply_once_at_the_end_of_a_chain(harness: SessionHarness) -> None:
    harness.run("!set -U 2 0")
    (path,) = harness.draw("a castle -s2 -S1 | oil -f .5 | ink -f .5")
    assert size(path) == (128, 128)


@pytest.mark.parametrize("enlarging", ["-U 2 0", "--embiggen 2"])
def test_later_stages_keep_the_size_of_an_enlarged_image(harness: SessionHarness, enlarging: str) -> None:
    (path,) = harness.draw(f"a castle -s2 -S1 -W 64 -H 72 {enlarging} | oil -f .5 | ink -f .5")
    assert size(path) == (128, 144)


def test_an_inherited_sampler_is_replaced_by_one_that_the_next_model_supports(
    real_session: SessionHarness, folder_of: Folder
) -> None:
    flux = folder_of("flux")
    line = f"a castle -s3 -S1 -A dpmpp_sde -C 5 | oil -f .7 -C 1 -m {flux}"
    (path,) = real_session.draw(line)
    assert any("does not support the sampler" in text and "using" in text for text in real_session.notices)
    assert real_session.run(f"!verify {path}") is Outcome.OK and ": identical" in real_session.messages
    assert real_session.run(f"{line} -A dpmpp_sde") is Outcome.FAILED
    assert "does not support the sampler" in real_session.errors[0]


@pytest.mark.feature("pad")
def test_a_padded_result_keeps_its_size_in_the_next_stage_without_a_notice(harness: SessionHarness) -> None:
    drawing(200, 100).save("wide.png")
    (path,) = harness.draw("a cat -I wide.png -W 192 -H 192 --pad -s2 | b -f .5 | c -f.5")
    assert size(path) == (192, 96)
    assert not any("--fit" in text for text in harness.notices)
    harness.draw("a cat -I wide.png -W 192 -H 192 --pad -s2 | b -f .5 -W 96 -H 192")
    assert any("using --fit" in text for text in harness.notices), "the second stage asks for another aspect"


def test_a_number_of_steps_beside_real_steps_gives_a_notice(harness: SessionHarness, sketch: Path) -> None:
    def ineffective(line: str) -> list[str]:
        harness.draw(line)
        return [text for text in harness.notices if "has no effect" in text]

    assert ineffective("a -I sketch.png -s 9 --real_steps 3 -f .5") == [
        "-s 9 has no effect: --real_steps 3 needs 6 steps"
    ]
    assert ineffective("a -I sketch.png -s 6 --real_steps 3 -f .5") == []
    assert ineffective("a -I sketch.png --real_steps 3 -f .5") == []
    assert ineffective("a -s 4 | b -f .5 --real_steps 3") == [], "-s belongs to the first stage"
    assert len(ineffective("a -s 4 | b -f .5 --real_steps 3 -s 9")) == 1
    harness.run("!set --real_steps 3")
    assert len(ineffective("a -I sketch.png -s 9 -f .5")) == 1


@pytest.mark.feature("few-steps-tip")
def test_few_steps_give_no_tip_if_they_were_chosen(harness: SessionHarness, sketch: Path) -> None:
    harness.draw("a -I sketch.png --real_steps 3 -f .4")
    assert not any("--real_steps" in text for text in harness.notices)
    harness.draw("a -I sketch.png -s 8 -f .4")
    assert any("--real_steps" in text for text in harness.notices)


@pytest.mark.feature("strength-zero")
def test_strength_0_reports_that_the_image_is_returned_unchanged(harness: SessionHarness, sketch: Path) -> None:
    for line, name in [("a -I sketch.png -f 0", "the init image"), ("a -s 2 | b -f 0", "the previous result")]:
        harness.draw(line)
        assert [text for text in harness.notices if "unchanged" in text] == [
            f"strength 0: {name} is returned unchanged, apart from its size"
        ]
        harness.draw(line.replace("-f 0", "-f .5"))
        assert not any("unchanged" in text for text in harness.notices)


def test_trace_counts_the_work_for_each_image(real_session: SessionHarness, sketch: Path) -> None:
    def counts(line: str) -> list[str]:
        real_session.session.context.engine.unload()
        real_session.draw(f"{line} --trace")
        return [text for text in real_session.traces if text.startswith("trace")]

    assert counts("a cat -s 2 -n 2 -I sketch.png -f 1") == [
        "trace of image 1: encodes=1 decodes=1 denoiser_calls=2",
        "trace of image 2: encodes=0 decodes=1 denoiser_calls=2",
        "trace: encodes=1 decodes=2 denoiser_calls=4",
    ]
    assert counts("a cat -s 2 -n 3 --parallel 2")[:2] == [
        "trace of images 1 to 2: encodes=0 decodes=2 denoiser_calls=2",
        "trace of image 3: encodes=0 decodes=1 denoiser_calls=2",
    ]
    assert counts("a cat -s 2 -n 2 | b -s 4 -f .5")[1] == "trace of image 2: encodes=0 decodes=1 denoiser_calls=4"
    assert counts("a cat -s 2 -n 3 -I sketch.png -f 1 -v .1")[2].startswith("trace of image 3: ")
    assert counts("a {cat|dog} -s 2")[1] == "trace of image 1: encodes=0 decodes=1 denoiser_calls=2"
    assert len(counts("a cat -s 2")) == 1
