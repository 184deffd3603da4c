"""Resuming from steps and saved latents: unchanged settings give the same image with every sampler."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path

import pytest
from PIL import Image

from invoke_cli.context.outcome import Outcome
from invoke_cli.errors import ExitStatus
from invoke_cli.events import Failed, Planned
from invoke_cli.models.samplers import SAMPLERS
from tests.sample_images import drawing
from tests.session_harness import SessionHarness, pixels
from tests.tiny_models import build_tiny_model

BUNDLED = "-m sketchbook -W 64 -H 64 -C 4"


def save_half_mask() -> None:
    """Save a mask of about half of the sketch as mask.png."""
    mask = Image.new("L", (96, 64), 0)
    mask.paste(255, (10, 10, 60, 50))
    mask.save("mask.png")


@pytest.mark.feature("resume")
@pytest.mark.parametrize("sampler", [row.name for row in SAMPLERS] + ["lms_k", "dpmpp_2m_sde_k"])
def test_every_saved_step_resumes_to_the_same_image(real_session: SessionHarness, sampler: str) -> None:
    (whole,) = real_session.draw(f"a red star -s4 -S 3 -A {sampler} {BUNDLED} --save_latents")
    for step in range(5):
        (again,) = real_session.draw(f"-I !1:{step} --trace")
        assert pixels(again) == pixels(whole), step
        assert not any("recomputing" in text for text in real_session.notices)
        assert real_session.traces[-1].startswith("trace: encodes=0 decodes=1 ")
    assert real_session.run(f"!verify {again} outputs/000003.3.png") is Outcome.OK
    assert real_session.messages.count(": identical") == 2


@pytest.mark.feature("resume")
@pytest.mark.parametrize("sampler", [row.name for row in SAMPLERS])
def test_a_step_that_was_not_saved_is_recomputed(real_session: SessionHarness, sampler: str) -> None:
    (whole,) = real_session.draw(f"a red star -s3 -S 3 -A {sampler} -C 4 --perlin .1 -V 5:.2 --threshold 2")
    for step in (1, 2):
        (again,) = real_session.draw(f"-I !1:{step}")
        assert pixels(again) == pixels(whole)
        assert any("was not saved: recomputing it" in text for text in real_session.notices)


@pytest.mark.parametrize("sampler", ["ddim --eta 0.6", "k_heun", "dpmpp_2m_sde"])
@pytest.mark.parametrize(
    "start",
    [
        "-I sketch.png -f .8",
        "-I sketch.png -f .6 -W 128 -H 128 --pad=white",
        "-I sketch.png -f .7 -W 128 -H 128 --fit",
        "-I sketch.png -M mask.png -f .8",
        "-I sketch.png -M mask.png -f 1 --invert_mask -W 64 -H 64",
        "-W 64 -H 64 --h_symmetry_time_pct .5 --seamless",
    ],
)
def test_image_to_image_and_inpainting_resume_to_the_same_image(
    real_session: SessionHarness, sketch: Path, start: str, sampler: str
) -> None:
    save_half_mask()
    (whole,) = real_session.draw(f"a lake -s5 -S 9 -A {sampler} {start} --save_latents")
    sketch.unlink()
    Path("mask.png").unlink()
    taken = real_session.saved[0].steps_taken
    results = [real_session.draw(f"-I @last{step + 1}:{step}")[0] for step in range(taken + 1)]
    assert [pixels(path) for path in results] == [pixels(whole)] * (taken + 1)
    assert real_session.run(f"!verify {' '.join(map(str, results))}") is Outcome.OK


@pytest.mark.parametrize("channels", [9])
def test_an_inpainting_model_resumes_to_the_same_image(
    real_session: SessionHarness, tiny_inpainting_model: Path, sketch: Path, channels: int
) -> None:
    save_half_mask()
    line = f"a lake -s4 -S 9 -A k_euler_a -I sketch.png -M mask.png -f .8 -m {tiny_inpainting_model} --save_latents"
    (whole,) = real_session.draw(line)
    for step in range(4):
        assert pixels(real_session.draw(f"-I !1:{step}")[0]) == pixels(whole), step


def test_a_new_prompt_changes_the_remaining_steps(real_session: SessionHarness) -> None:
    (star,) = real_session.draw(f"a red star on a white background -s8 -S 3 {BUNDLED}")
    (early,) = real_session.draw('-I @last:2 "a blue circle on a white background"')
    (late,) = real_session.draw('-I !1:7 "a blue circle on a white background"')
    assert real_session.saved[0].line.endswith("-I 000001.3.step-07.safetensors")
    assert len({pixels(star), pixels(early), pixels(late)}) == 3
    (direct,) = real_session.draw('"a blue circle on a white background" -s8 -S 3 ' + BUNDLED)
    assert pixels(direct) not in (pixels(early), pixels(late))
    logged = [
        line for line in (real_session.folder / "outputs" / "invoke_log.txt").read_text().splitlines() if ":" in line
    ]
    for path in (early, late):
        (line,) = (entry.split(": ", 1)[1] for entry in logged if path.name in entry)
        assert pixels(real_session.draw(line)[0]) == pixels(path), "the recorded line reproduces it"


def test_a_resumed_image_can_be_resumed_again(real_session: SessionHarness) -> None:
    real_session.draw("a red star -s6 -S 3 -A k_dpmpp_2")
    (second,) = real_session.draw("a lake -I @last:2 --save_latents")
    steps = real_session.folder / "outputs" / "intermediates" / second.stem
    assert [path.name for path in sorted(steps.iterdir())] == [f"step-0{n}.safetensors" for n in range(2, 7)]
    for reference in ("-1:4", "@last2:2", f"{second.name}:5", "000002:3"):
        assert pixels(real_session.draw(f"-I {reference}")[0]) == pixels(second)
    shutil.rmtree(steps)
    assert pixels(real_session.draw("-I !2:4")[0]) == pixels(second)


def test_seeds_change_the_remaining_steps_of_ancestral_samplers(real_session: SessionHarness) -> None:
    real_session.draw("a red star -s6 -S 3 -A k_euler_a")
    results = real_session.draw("-I !1:3 -n 3")
    assert len({pixels(path) for path in results}) == 3 and pixels(results[0]) == pixels(
        real_session.folder / "outputs/000001.3.png"
    )
    assert real_session.run(f"!verify {' '.join(map(str, results))}") is Outcome.OK


def test_resuming_a_chain_uses_its_last_stage(real_session: SessionHarness) -> None:
    (whole,) = real_session.draw("a castle -s4 -S1 | oil painting -f .5 -s 6 --save_latents")
    (saved,) = real_session.draw("-I !1:2")
    shutil.rmtree(real_session.folder / "outputs" / "intermediates")
    (again,) = real_session.draw("-I !1:1")
    assert pixels(saved) == pixels(again) == pixels(whole)
    (longer,) = real_session.draw("-I !1:1 | snow -f .5")
    assert real_session.run(f"!verify {longer} {again}") is Outcome.OK, real_session.errors


def test_a_resumed_image_replays_from_another_folder(
    real_session: SessionHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = real_session.draw("a red star -s4 -S 3 -A k_heun")
    (second,) = real_session.draw("a lake -I @last:2")
    first.unlink()
    (real_session.folder / "elsewhere").mkdir()
    monkeypatch.chdir(real_session.folder / "elsewhere")
    assert real_session.run(f"!verify {second}") is Outcome.OK
    assert real_session.run(f"!replay {second}") is Outcome.OK
    assert pixels(Path(real_session.saved[0].path)) == pixels(second)


@pytest.mark.feature("latents-files")
def test_finished_latents_are_an_init_image_without_encoding(real_session: SessionHarness) -> None:
    (first,) = real_session.draw("a red star -s4 -S 3 -W 96 -H 64 --save_latents")
    latents = real_session.folder / "outputs" / "intermediates" / first.stem / "step-04.safetensors"
    (oil,) = real_session.draw(f"oil painting -I {latents} -f .5 -s 6 -A ddim -S 8 --trace")
    assert real_session.traces[-1] == "trace: encodes=0 decodes=1 denoiser_calls=3"
    assert real_session.run(f"!verify {oil}") is Outcome.OK
    (chained,) = real_session.draw("a red star -s4 -S 3 -W 96 -H 64 | oil painting -f .5 -s 6 -A ddim -S 8")
    assert pixels(oil) == pixels(chained), "as in a chain"


def test_resuming_from_the_last_step_says_that_nothing_is_left_to_do(real_session: SessionHarness) -> None:
    real_session.draw("a red star -s4 -S 3 --save_latents")
    for line in ("-I @last:4", "a blue star -I @last:4", "-I outputs/intermediates/000001.3/step-04.safetensors -C 3"):
        real_session.draw(line.replace("@last", "!1"))
        assert any("nothing is left to do" in text and "-f" in text for text in real_session.notices)
    for line in ("-I !1:3", "-I !1:4 -f .5"):
        real_session.draw(line)
        assert not any("nothing is left to do" in text for text in real_session.notices)


def test_a_dry_run_of_resuming_counts_the_remaining_steps(
    fake_session: SessionHarness, real_session: SessionHarness
) -> None:
    real_session.draw("a red star -s6 -S 3")
    real_session.draw("-I @last:4 --dry_run --trace")
    assert real_session.of(Planned)[0].plan["steps_real"] == 2
    assert real_session.traces == [] and not real_session.saved


# -- what cannot be resumed -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "message", "under"),
    [
        ("a lake -I @last:9", "000001.3.png has the steps 0 to 4, not 9", "@last:9"),
        ("a lake -I !1:2 -s 9", "-s cannot be changed when resuming", "9"),
        ("a lake -I !1:2 -A ddim", "-A cannot be changed when resuming", "ddim"),
        ("a lake -I !1:2 -W 128", "-W cannot be changed when resuming", "128"),
        ("a lake -I !1:2 -f .5", "-f cannot be changed when resuming", ".5"),
        ("a lake -I !1:2 -V 1:.5", "-V cannot be changed when resuming", "1:.5"),
        ("a lake -I !1:2 --perlin .5", "--perlin cannot be changed when resuming", ".5"),
        ("a lake -I !9:2", "has no image 9", "!9:2"),
        ("a lake -I plain.png:2", "contains no generation metadata", "plain.png:2"),
        ("a lake -I sketch.png -M !1:2", "is a step of an image", "!1:2"),
    ],
)
def test_settings_fixed_by_the_earlier_steps_cannot_be_changed(
    real_session: SessionHarness, sketch: Path, line: str, message: str, under: str
) -> None:
    drawing().save("plain.png")
    real_session.draw("a red star -s4 -S 3 -A k_lms")
    assert real_session.run(line) is Outcome.FAILED
    error = real_session.of(Failed)[0].error
    assert message in error.message and error.hint, error.message
    assert error.span is not None and line[error.span.start : error.span.end] == under
    assert real_session.draw("-I !1:2 -s 4 -A lms -W 64 -H 64"), "repeating the same settings is allowed"


def broken_latents(good: Path, folder: Path) -> dict[str, str]:
    data = good.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"]["invoke-cli"] = "{}"
    text = json.dumps(header).encode()
    foreign_header = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    results = {
        "empty": b"",
        "cut": data[:-7],
        "short": data[:5],
        "text": b"not latents at all",
        "foreign": struct.pack("<Q", len(foreign_header)) + foreign_header + b"0000",
        "silent": struct.pack("<Q", len(text)) + text + data[8 + length :],
    }
    for name, content in results.items():
        (folder / f"{name}.safetensors").write_bytes(content)
    return {
        "empty": "is damaged", "cut": "is damaged", "short": "is damaged", "text": "is damaged",
        "foreign": "no latents of this program", "silent": "is damaged", "missing": "there is no image",
    }  # fmt: skip


def test_damaged_and_foreign_latents_are_errors(real_session: SessionHarness) -> None:
    (first,) = real_session.draw("a red star -s4 -S 3 --save_latents")
    good = real_session.folder / "outputs" / "intermediates" / first.stem / "step-02.safetensors"
    for name, message in broken_latents(good, real_session.folder).items():
        assert real_session.run(f"a lake -I {name}.safetensors") is Outcome.FAILED, name
        error = real_session.of(Failed)[0].error
        assert message in error.message and error.exit_status is ExitStatus.FAILED, (name, error.message)


def test_latents_of_another_vae_are_rejected(real_session: SessionHarness, tmp_path: Path) -> None:
    other = build_tiny_model(tmp_path / "other", seed=5)
    real_session.draw("a red star -s4 -S 3")
    assert real_session.run(f"a lake -I @last:2 -m {other}") is Outcome.FAILED
    assert "generated with another VAE" in real_session.errors[0]


def test_latents_of_a_private_image_contain_no_prompt(real_session: SessionHarness) -> None:
    (first,) = real_session.draw("a red star -s4 -S 3 --private --save_latents")
    step = real_session.folder / "outputs" / "intermediates" / first.stem / "step-02.safetensors"
    assert b"red star" not in step.read_bytes()
    assert real_session.run("-I @last:2") is Outcome.FAILED and "--private" in real_session.errors[0]
    assert pixels(real_session.draw("a red star -I @last:2")[0]) == pixels(first)
