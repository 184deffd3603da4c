"""The guarantee "Verification": !verify and !replay reproduce an image, or state what differs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from invoke_cli.context.outcome import Outcome
from invoke_cli.events import Failed
from invoke_cli.metadata.containers.text_chunks import read_chunks
from invoke_cli.output.png import pixel_hash
from invoke_cli.version import SCHEMA_VERSION, __version__
from tests.sample_images import drawing
from tests.session_harness import SessionHarness, image_facts, pixels

_LATER_KEYS = {
    "task", "facetool", "facetool_strength", "upscale", "init_mask", "hires_fix", "h_symmetry_time_pct",
    "v_symmetry_time_pct",
}  # fmt: skip


def rewrite(path: Path, top: Mapping[str, object] | None = None, version: str = "", **changes: Any) -> None:
    """Change fields under `image` in an image's sd-metadata, and at its top level; None removes one there."""
    chunks = read_chunks(path)
    document = json.loads(chunks["sd-metadata"])
    if version:  # as 0.1 wrote it: without the keys of InvokeAI 2.x, and with the model as a switch
        document["image"] = {key: value for key, value in document["image"].items() if key not in _LATER_KEYS}
        chunks["Dream"] = chunks["Dream"].replace(" # model_id=", " -m ")
    document["image"] |= changes
    document = {key: value for key, value in (document | (top or {})).items() if value is not None}
    chunks["sd-metadata"] = json.dumps(document)
    if version:
        chunks = {key: text.replace(__version__, version) for key, text in chunks.items()}
    info = PngInfo()
    for key, text in chunks.items():
        info.add_itxt(key, text)
    with Image.open(path) as image:
        image.load()
        image.save(path, pnginfo=info)


@pytest.mark.feature("verify")
def test_verification_of_new_files_is_identical(harness: SessionHarness, sketch: Path) -> None:
    harness.draw("a cat -s3 -n2")
    harness.draw("a cat -s4 -f.5 -I sketch.png --pad=white -W 128 -H 128")
    harness.draw("a cat -s4 -f.6 -v.2 -n3 -I sketch.png")
    harness.draw("a cat -s4 -f0 -I sketch.png")
    assert harness.run("!verify outputs/*.png") is Outcome.OK, harness.errors
    assert harness.messages.count("identical") == 7


def test_images_of_an_older_schema_are_verified_by_that_schema(harness: SessionHarness) -> None:
    (path,) = harness.draw("a cat -s3")
    assert json.loads(read_chunks(path)["sd-metadata"])["schema_version"] == SCHEMA_VERSION
    rewrite(path, {"app_version": "0.1.0", "schema_version": None}, version="0.1.0")
    assert harness.run(f"!verify {path}") is Outcome.OK and "identical" in harness.messages
    rewrite(path, scheduler="AnotherScheduler")
    assert harness.run(f"!verify {path}") is Outcome.FAILED
    assert "scheduler" in harness.messages


def test_two_passes_of_schema_4_are_verified_without_hires_fix(harness: SessionHarness) -> None:
    (path,) = harness.draw("a cat -s2 -S7 -W 128 -H 96 --hires_fix")
    rewrite(path, {"schema_version": 4}, hires_fix=False)
    assert harness.run(f"!verify {path}") is Outcome.OK and "identical" in harness.messages, harness.messages
    (again,) = harness.draw(f"!replay {path}")
    assert image_facts(again)["hires_fix"] is False
    rewrite(path, {"schema_version": 5})
    assert harness.run(f"!verify {path}") is Outcome.FAILED and "hires_fix" in harness.messages


def test_images_of_a_newer_schema_are_verified_by_their_pixels(harness: SessionHarness) -> None:
    (path,) = harness.draw("a cat -s3")
    rewrite(path, {"app_version": "9.0", "schema_version": 99, "a_new_key": 1})
    assert harness.run(f"!verify {path}") is Outcome.OK and "identical" in harness.messages


def test_verify_from_any_directory(harness: SessionHarness, sketch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = harness.draw("a cat -s4 -f.5 -I sketch.png")
    sketch.unlink()
    elsewhere = harness.folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert harness.run(f"!verify {path}") is Outcome.OK, harness.errors
    assert "identical" in harness.messages


def test_verify_ignores_session_defaults(harness: SessionHarness, sketch: Path) -> None:
    harness.draw("a cat -s3")
    harness.run("!set -s 7 -C 2 --neg ugly -I sketch.png --fit")
    assert harness.run("!verify 1") is Outcome.OK, harness.messages
    assert "identical" in harness.messages


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("steps", 4),
        ("seed", 6),
        ("cfg_scale", 3.0),
        ("sampler", "ddim"),
        ("steps_real", 9),
        ("orig_hash", "00"),
        ("size", [1, 1]),
    ],
)
def test_verify_names_the_field_that_differs(harness: SessionHarness, sketch: Path, field: str, value: Any) -> None:
    (path,) = harness.draw("a cat -s3 -S5 -f.9 -I sketch.png")
    rewrite(path, **{field: value})
    assert harness.run(f"!verify {path}") is Outcome.FAILED
    assert "differs" in harness.messages and field in harness.messages


@pytest.mark.feature("verify")
def test_verify_detects_changed_pixels(harness: SessionHarness) -> None:
    (path,) = harness.draw("a cat -s3 -S5")
    chunks = read_chunks(path)
    info = PngInfo()
    for key, text in chunks.items():
        info.add_itxt(key, text)
    Image.new("RGB", (64, 64), "red").save(path, pnginfo=info)
    assert harness.run(f"!verify {path}") is Outcome.FAILED
    assert "pixels:" in harness.messages


@pytest.mark.feature("replay")
def test_replay_of_an_image_reproduces_its_pixels(harness: SessionHarness, sketch: Path) -> None:
    (path,) = harness.draw("a cat -s3 -f.5 -I sketch.png")
    (again,) = harness.draw(f"!replay {path}")
    assert again != path
    assert again.read_bytes() == path.read_bytes()
    assert any("identical" in text for text in harness.notices)


def test_replay_without_the_init_image_is_an_error(harness: SessionHarness, sketch: Path) -> None:
    (path,) = harness.draw("a cat -s3 -f.5 -I sketch.png")
    sketch.unlink()
    shutil.rmtree(harness.folder / "outputs" / ".invoke" / "inputs")
    assert harness.run(f"!replay {path}") is Outcome.FAILED
    assert "sketch.png" in harness.errors[0]


def test_replay_never_opens_a_path_from_a_foreign_file(harness: SessionHarness, sketch: Path) -> None:
    info = PngInfo()
    info.add_text("Dream", f"a cat -s 2 -S 5 -A ddim -I {sketch} -f 0.5")
    drawing().save("theirs.png", pnginfo=info)
    assert harness.run("!replay theirs.png") is Outcome.FAILED
    assert "was not found" in harness.errors[0]


def test_replay_of_a_text_file_runs_its_lines(harness: SessionHarness) -> None:
    Path("lines.txt").write_text("# comment\na cat -s2 -S1\nbad -s 0\n!history\na dog -s2 -S2\n", encoding="utf-8")
    assert harness.run("!replay lines.txt") is Outcome.FAILED
    assert [event.seed for event in harness.saved] == [1, 2]
    assert len(harness.of(Failed)) == 1
    Path("loop.txt").write_text("!replay loop.txt\n")
    assert harness.run("!replay loop.txt") is Outcome.FAILED
    assert "replay each other endlessly" in harness.errors[-1]


def test_replay_reports_the_number_of_a_line_in_its_file(harness: SessionHarness) -> None:
    Path("lines.txt").write_text("# comment\r\na cat -s2 -S1\r\n\r\na cat -s none\r\n!nosuch\r\n", encoding="utf-8")
    harness.run("!replay lines.txt")
    assert [event.number for event in harness.of(Failed)] == [4, 5]


def test_replay_runs_the_log_of_a_folder_with_blanks(harness: SessionHarness) -> None:
    (path,) = harness.draw('a cat -s2 -S1 -o "my results"')
    (again,) = harness.draw('!replay "my results/invoke_log.txt"')
    assert pixels(again) == pixels(path)
    assert harness.saved[0].line.startswith("a cat -s 2")


@pytest.mark.parametrize(
    "start", ["outputs/img-samples/000003.7.png: ", "[3] outputs/000003.7.png: ", "000003.7.png: "]
)
def test_replay_runs_the_logs_of_invokeai(harness: SessionHarness, start: str) -> None:
    line = f'{start}"a cat" -s2 -b1 -W64 -H64 -C7.5 -mk_lms -S7'
    Path("dream_log.txt").write_text(f"\ufeff{line}\n\ufeffa dog -s2 -S8\ufeff\n", encoding="utf-8")
    harness.run("!replay dream_log.txt")
    assert [event.seed for event in harness.saved] == [7, 8]
    assert harness.saved[0].line.startswith("a cat -s 2 -S 7 -W 64 -H 64 -C 7.5 -A k_lms")
    assert harness.saved[1].line.startswith("a dog -s 2")
    assert "not carried over: -b1" in harness.notices


def test_verify_continues_after_an_image_of_a_missing_model(
    harness: SessionHarness, tiny_model: Path, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    shutil.copytree(tiny_model, gone)
    first, second = *harness.draw("a cat -s2 -S1 -m ./gone"), *harness.draw("a cat -s2 -S2")
    shutil.rmtree(gone)
    assert harness.run(f"!verify {first} {second}") is Outcome.FAILED
    assert "identical" in harness.messages and any("cannot be verified" in text for text in harness.notices)


def alter(path: Path, environment: Mapping[str, object], level: int = 1, *, keeps_hash: bool = False) -> None:
    """Change one pixel of an image, its recorded pixel hash and its recorded environment."""
    with Image.open(path) as image:
        changed = image.convert("RGB")
    values = np.array(changed)
    blue = int(values[5, 3, 2])
    values[5, 3, 2] = blue + level if blue < 128 else blue - level
    changed = Image.fromarray(values)
    document = json.loads(read_chunks(path)["sd-metadata"])
    document["environment"] |= dict(environment)
    if not keeps_hash:
        document["pixel_sha256"] = pixel_hash(changed)
    info = PngInfo()
    for key, text in (read_chunks(path) | {"sd-metadata": json.dumps(document)}).items():
        info.add_itxt(key, text)
    changed.save(path, pnginfo=info)


@pytest.mark.parametrize(
    ("key", "value"), [("torch", "1.13.1"), ("device", "abacus"), ("dtype", "float8"), ("threads", 100_000)]
)
def test_one_level_is_close_if_the_environment_cannot_be_had_again(
    harness: SessionHarness, key: str, value: object
) -> None:
    (path,) = harness.draw("a cat -s3 -S5")
    alter(path, {key: value})
    assert harness.run(f"!verify {path}") is Outcome.OK
    assert f"{path}: within 1/255 (other torch, threads or device)" in harness.messages
    assert f"{key}: recorded {value}, now " in harness.messages


@pytest.mark.parametrize(
    ("level", "keeps_hash", "environment"),
    [(2, False, {"torch": "1.13.1"}), (1, False, {}), (1, False, {"python": "3.6"}), (1, True, {"torch": "1.13.1"})],
)
def test_other_differences_of_pixels_are_not_close(
    harness: SessionHarness, level: int, keeps_hash: bool, environment: dict[str, object]
) -> None:
    (path,) = harness.draw("a cat -s3 -S5")
    alter(path, environment, level, keeps_hash=keeps_hash)
    assert harness.run(f"!verify {path}") is Outcome.FAILED
    assert f"{path}: differs" in harness.messages and f"at most by {level}/255" in harness.messages


@pytest.mark.parametrize("threads", [-3, 0, 10**30, "many", None, [2]])
def test_absurd_numbers_of_threads_are_not_used(harness: SessionHarness, threads: object) -> None:
    (path,) = harness.draw("a cat -s3 -S5")
    rewrite(path, {"environment": {"threads": threads}})
    assert harness.run(f"!verify {path}") is Outcome.OK
    assert "identical" in harness.messages


def test_a_recorded_number_of_threads_is_used_and_restored(real_session: SessionHarness) -> None:
    import torch

    used: list[int] = []
    before = torch.get_num_threads()
    (path,) = real_session.draw("a cat -s3 -S5")
    document = json.loads(read_chunks(path)["sd-metadata"])
    rewrite(path, {"environment": document["environment"] | {"threads": before + 2}})
    real_session.session.context.emit = lambda event: used.append(torch.get_num_threads())
    assert real_session.run(f"!replay {path}") is Outcome.OK
    assert before + 2 in used and torch.get_num_threads() == before
    again = path.with_name("000002.5.png")
    assert json.loads(read_chunks(again)["sd-metadata"])["environment"]["threads"] == before + 2
