"""Postprocessing in lines: -U, --embiggen, --match_colors, --save_original, and its replay."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from invoke_cli.context.outcome import Outcome
from invoke_cli.imaging.color_transfer import lab_distance
from tests.sample_images import drawing
from tests.session_harness import SessionHarness, digest, pixels, size, values


@pytest.mark.feature("upscale-factor", "upscale")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a cat -s2 -S1 -U2", (128, 128)),
        ("a cat -s2 -S1 -U 1.3 .5", (83, 83)),
        ("oil -I sketch.png -s2 -S1 -f .5 -W 64 -H 64 -U2", (128, 86)),
        ("oil -I sketch.png -M mask.png -s2 -S1 -f .5 -U2 .1", (192, 128)),
        ("a cat -s2 -S1 --embiggen 2 1 .5 --embiggen_strength .5 --embiggen_tiles 2 9", (128, 128)),
        ("a cat -s2 -S1 -W 72 -n2 -U2", (144, 128)),
        ("a cat -s2 -S1 -U2 | oil -f .5 -s2", (128, 128)),
        ("a cat -s2 -S1 | oil -f .5 -U2 .5 --new_prompt sharp", (128, 128)),
        ("oil -I sketch.png -s2 -S1 -f .5 --match_colors", (64, 43)),
        ("oil -I sketch.png -M mask.png -s2 -S1 -f .5 --match_colors histogram", (96, 64)),
        ("a cat -s2 -S1 -W 96 -H 96 --hires_fix -U2 .5", (192, 192)),
        ("oil -I sketch.png -s2 -S1 -c top 32 -U2 .2", (192, 192)),
        ("!fix sketch.png -c right 32 -s2 -S1", (128, 64)),
        ("!fix sketch.png -U2", (192, 128)),
        ("!fix sketch.png -U 1.5 0", (144, 96)),
        ('!fix sketch.png --embiggen 2 --new_prompt "sharp, detailed" -S 3 -s 8', (192, 128)),
        ("!fix sketch.png -U2 | oil -f .5 -s 2", (192, 128)),
    ],
)
def test_postprocessed_images_have_the_exact_size_and_verify_and_replay(
    harness: SessionHarness, sketch: Path, line: str, expected: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    half = Image.new("L", (96, 64), 0)
    half.paste(255, (10, 10, 60, 40))
    half.save("mask.png")
    result = harness.draw(line)
    assert {size(path) for path in result} == {expected}
    sketch.unlink()
    (harness.folder / "mask.png").unlink()
    (harness.folder / "elsewhere").mkdir()
    monkeypatch.chdir(harness.folder / "elsewhere")
    assert harness.run(f"!verify {' '.join(map(str, result))}") is Outcome.OK, (harness.errors, harness.messages)
    assert harness.messages.count(": identical") == len(result)
    harness.run(f"!replay {result[0]}")
    assert pixels(harness.folder / "elsewhere" / harness.saved[0].path) == pixels(result[0])


def test_the_echoed_line_and_again_generate_the_same_image(real_session: SessionHarness) -> None:
    (first,) = real_session.draw("a cat -s2 -U2 .5 --new_prompt sharp")
    echoed = real_session.saved[0].line
    assert "-U 2 0.5 --new_prompt sharp" in echoed
    (pasted,) = real_session.draw(echoed)
    (again,) = real_session.draw("!again")
    assert pixels(first) == pixels(pasted) == pixels(again)


def test_one_tile_equals_stock_image_to_image_on_the_enlarged_image(
    real_session: SessionHarness, tiny_model: Path
) -> None:
    import torch
    from diffusers import DDIMScheduler, StableDiffusionImg2ImgPipeline

    drawing(32, 32).save("small.png")
    (result,) = real_session.draw("!fix small.png -U 2 .5 --new_prompt sharp -s 8 -S 3 -A ddim -C 5")
    pipeline = StableDiffusionImg2ImgPipeline.from_pretrained(tiny_model, safety_checker=None, dtype=torch.float32)
    options = {"clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1}
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config, **options)
    with Image.open("small.png") as small:
        large = small.convert("RGB").resize((64, 64), Image.Resampling.LANCZOS)
    (stock,) = pipeline(
        "sharp", image=large, strength=0.5, num_inference_steps=8, guidance_scale=5.0,
        generator=torch.Generator().manual_seed(3),
    ).images  # fmt: skip
    assert pixels(result) == stock.tobytes()


def test_detail_is_generated_tile_by_tile(real_session: SessionHarness) -> None:
    drawing(64, 64).rotate(90).save("turned.png")  # another image, since the engine caches what other tests encoded
    real_session.draw("!fix turned.png -U 2 .5 -s 4 --trace")
    assert any("9 tiles of 64x64" in text for text in real_session.notices)
    assert real_session.traces[-1] == "trace: encodes=9 decodes=9 denoiser_calls=18"


def test_chosen_tiles_leave_the_other_tiles_unchanged(real_session: SessionHarness) -> None:
    drawing(64, 64).save("small.png")
    (smooth,) = real_session.draw("!fix small.png --embiggen 2 --embiggen_strength 0")
    (corner,) = real_session.draw("!fix small.png --embiggen 2 --embiggen_strength .9 --embiggen_tiles 1 -s 4 -S1")
    before, after = (np.asarray(Image.open(path).convert("RGB")) for path in (smooth, corner))
    assert (before[:64, :64] != after[:64, :64]).any()
    assert (before[64:] == after[64:]).all() and (before[:, 64:] == after[:, 64:]).all()


def test_strength_0_only_resizes(real_session: SessionHarness, sketch: Path) -> None:
    (result,) = real_session.draw("!fix sketch.png -U 2 0")
    with Image.open(sketch) as source:
        assert pixels(result) == source.convert("RGB").resize((192, 128), Image.Resampling.LANCZOS).tobytes()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("!fix", "!fix needs an argument"),
        ("!fix sketch.png", "needs a switch that changes the image"),
        ("!fix nothing.png -U2", "there is no image nothing.png"),
        ("!fix sketch.png -U2 -o sketch.png", "never overwrites its source image"),
        ("!fix sketch.png -U2 -f .5", "-f has no effect with --fix"),
        ("!fix sketch.png --match_colors", "sketch.png records no init image for --match_colors"),
        ("--fix -I sketch.png --match_colors", "--match_colors has no effect with --fix"),
        ("a cat --match_colors=lab:", "takes a method and an image"),
        ("a cat --match_colors=lab:nothing.png", "there is no image nothing.png"),
        ("a cat --fix -U2", "--fix needs an init image"),
        ("a cat -I sketch.png --fix", "--fix needs a postprocessing switch"),
        ("a cat -s2 --match_colors", "--match_colors needs an init image"),
        ("a cat -U 1", "-U needs a factor above 1"),
        ("a cat -U 9", "takes a number from 1 to 8"),
        ("a cat -U 2 .3 4", "takes at most 2 numbers"),
        ("a cat -U 2 --embiggen 2", "-U and -embiggen cannot be combined"),
        ("a cat --embiggen_tiles 1", "--embiggen_tiles needs --embiggen"),
        ("a cat --new_prompt sharp", "--new_prompt needs -U or --embiggen"),
        ("a cat --upscaler nothing -U 2", "no such upscaler: nothing"),
        ("a cat -W 4096 -H 4096 -U 8", "an image of 32768x32768 is too large"),
        ("a cat --embiggen 2 1 .9", "tiles of 64 pixels cannot overlap by 58"),
        ("a cat -G .8", "the GFPGAN weights are missing"),
        ("a cat --sr 4", "--sr needs an image to enlarge"),
        ("a cat | --sr 4", "--sr 4 needs an x4 diffusion upscaler, but models.yaml has none"),
        ("a cat --sr 3", "takes a whole number from 4 to 4"),
        ("a cat -U 2 --save_original -o -", "only for one-shot calls"),
    ],
)
def test_impossible_postprocessing_is_an_error_before_loading(
    fake_session: SessionHarness, sketch: Path, line: str, message: str
) -> None:
    assert fake_session.run(line) is not Outcome.OK
    assert message in fake_session.errors[0], fake_session.errors
    from invoke_cli.events import Failed

    assert fake_session.of(Failed)[0].error.hint, "an error without a remedy"
    assert fake_session.session.context.open_engine is None or fake_session.session.context.engine.loaded() == ()


def test_a_high_upscaling_strength_gives_a_notice(fake_session: SessionHarness) -> None:
    fake_session.run("a cat -s2 -U 2 .75")
    assert any("regenerates much of the image" in text for text in fake_session.notices)


def test_ctrl_c_between_tiles_ends_the_line(real_session: SessionHarness) -> None:
    emit = real_session.session.context.emit
    drawing(64, 64).save("small.png")

    def stop(event: object) -> None:
        emit(event)  # type: ignore[arg-type]
        if getattr(event, "step", 0) == 5:
            real_session.session.stop()

    real_session.session.context.emit = stop
    assert real_session.run("!fix small.png -U2 .5 -s4") is Outcome.INTERRUPTED
    assert not real_session.saved


# -- keeping the original --------------------------------------------------------------------------------------------


@pytest.mark.feature("upscale-factor")
def test_the_saved_original_has_its_own_number(harness: SessionHarness) -> None:
    (plain,) = harness.draw("a cat -s2 -S1")
    original, large = harness.draw("a cat -s2 -S1 -U2 --save_original")
    assert [path.name for path in (original, large)] == ["000002.1.png", "000003.1.png"]
    assert pixels(original) == pixels(plain) and size(large) == (128, 128)
    assert "-U" not in harness.saved[0].line and "-U 2" in harness.saved[1].line
    assert harness.run(f"!verify {original} {large}") is Outcome.OK, harness.messages


def test_the_original_is_saved_beside_a_named_file(fake_session: SessionHarness) -> None:
    fake_session.draw("a cat -s2 -S1 -U2 --save_original -o big.png")
    assert size(Path("big.png")) == (128, 128) and size(Path("big.original.png")) == (64, 64)


# -- colours ---------------------------------------------------------------------------------------------------------


@pytest.mark.feature("match-colors")
@pytest.mark.parametrize("method", ["", "histogram", "lab", "chroma"])
def test_matched_colours_are_nearer_to_the_init_image(real_session: SessionHarness, sketch: Path, method: str) -> None:
    real_session.draw(f"oil -I sketch.png -s4 -S1 -f .5 --match_colors {method}")
    (echoed,) = (text for text in real_session.notices if "LAB distance" in text)
    before, after = map(float, re.findall(r"([\d.]+) (?:before|after)", echoed))
    assert after < before


def test_colours_are_unchanged_without_match_colors(real_session: SessionHarness, sketch: Path) -> None:
    (plain,) = real_session.draw("oil -I sketch.png -s2 -S1 -f .5")
    (off,) = real_session.draw("oil -I sketch.png -s2 -S1 -f .5 -G 0 --save_original")
    (matched,) = real_session.draw("oil -I sketch.png -s2 -S1 -f .5 --match_colors")
    assert digest(plain) == digest(off)
    assert pixels(plain) != pixels(matched)


@pytest.mark.feature("match-colors")
def test_match_colors_keeps_pixels_outside_the_mask_exactly(real_session: SessionHarness, sketch: Path) -> None:
    half = Image.new("L", (96, 64), 0)
    half.paste(255, (10, 10, 60, 40))
    half.save("mask.png")
    (path,) = real_session.draw("oil -I sketch.png -M mask.png -s2 -S1 -f .9 --match_colors")
    with Image.open(sketch) as source, Image.open(path) as result:
        kept = np.asarray(half) == 0
        assert (np.asarray(source.convert("RGB"))[kept] == np.asarray(result)[kept]).all()


# -- colours of other images -----------------------------------------------------------------------------------------


def colour_distance(path: Path, reference: Path | str) -> float:
    """Return the distance of two files' colours."""
    with Image.open(path) as one, Image.open(reference) as other:
        return lab_distance(one.convert("RGB"), other.convert("RGB"))


@pytest.mark.parametrize("method", ["histogram", "lab", "chroma"])
def test_a_later_stage_matches_the_image_that_the_chain_started_from(
    real_session: SessionHarness, sketch: Path, method: str
) -> None:
    line = "oil -I sketch.png -s4 -S1 -f .5 -W 96 -H 64 | ink -f .5"
    (plain,) = real_session.draw(line)
    (path,) = real_session.draw(f"{line} --match_colors {method}")
    assert colour_distance(path, sketch) < colour_distance(plain, sketch)
    assert real_session.run(f"!verify {path}") is Outcome.OK and ": identical" in real_session.messages


def test_a_later_stage_matches_the_previous_result_in_a_chain_from_noise(real_session: SessionHarness) -> None:
    (first,) = real_session.draw("a castle -s4 -S1")
    (plain,) = real_session.draw("a castle -s4 -S1 | ink -f .9 -C 3")
    (path,) = real_session.draw("a castle -s4 -S1 | ink -f .9 -C 3 --match_colors=lab --trace")
    assert "encodes=0" in real_session.traces[-1]
    assert colour_distance(path, first) < colour_distance(plain, first)
    assert values(path).std() > 1, "the image is of one colour"


def test_a_run_that_resumes_matches_its_init_image(real_session: SessionHarness, sketch: Path) -> None:
    line = "oil -I sketch.png -s4 -S1 -f .9"
    (plain,) = real_session.draw(line)
    (whole,) = real_session.draw(f"{line} --match_colors --save_latents")
    (resumed,) = real_session.draw("-I @last:2")
    assert pixels(resumed) == pixels(whole) != pixels(plain)
    (added,) = real_session.draw(f"-I {plain.name}:2 --match_colors")
    assert pixels(added) == pixels(whole)
    assert real_session.run(f"!verify {resumed} {added}") is Outcome.OK, real_session.messages


def test_latents_without_an_init_image_cannot_be_matched(real_session: SessionHarness) -> None:
    (path,) = real_session.draw("a cat -s4 -S1 --save_latents")
    latents = next(path.parent.glob("intermediates/*/step-04.safetensors"))
    for line in (f"-I {latents} -f .5 --match_colors", "-I @last:2 --match_colors histogram"):
        assert real_session.run(line) is not Outcome.OK
        assert "--match_colors needs an init image" in real_session.errors[0]


def test_a_finished_image_is_matched_to_its_recorded_init_image(harness: SessionHarness, sketch: Path) -> None:
    (path,) = harness.draw("oil -I sketch.png -s4 -S1 -f .9 -W 96 -H 64")
    with Image.open(sketch) as image:
        original = image.convert("RGB")
    sketch.unlink()
    (fixed,) = harness.draw("!fix !1 --match_colors")
    original.save("original.png")
    assert colour_distance(fixed, "original.png") < colour_distance(path, "original.png")
    assert harness.run(f"!verify {fixed}") is Outcome.OK and ": identical" in harness.messages


@pytest.mark.parametrize(
    "line", ["a cat -s2 -S1 {}", "!fix 1 {}", "oil -I @last -s4 -S2 -f .5 {}", "a cat -s2 -S1 | ink -f .5 {}"]
)
def test_the_colours_of_a_file_can_be_matched_and_verified(
    real_session: SessionHarness, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("RGB", (20, 50), (200, 40, 30)).save("warm photo.png")
    (plain,) = real_session.draw("a cat -s2 -S1")
    (path,) = real_session.draw(line.format('--match_colors="lab:warm photo.png"'))
    assert colour_distance(path, "warm photo.png") < 5 < colour_distance(plain, "warm photo.png")
    Path("warm photo.png").unlink()
    (real_session.folder / "elsewhere").mkdir()
    monkeypatch.chdir(real_session.folder / "elsewhere")
    assert real_session.run(f"!verify {path}") is Outcome.OK, (real_session.messages, real_session.notices)
    assert ": identical" in real_session.messages
