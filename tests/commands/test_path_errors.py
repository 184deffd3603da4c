"""`!set` rejects what cannot be used when it is set; an error about an existing path says what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from invoke_cli.context.outcome import Outcome
from invoke_cli.events import Failed
from tests.session_harness import SessionHarness

REJECTED = [
    ("-I none.png", "there is no image none.png"),
    ("-I notes.txt", "notes.txt is text, not an image of a known format"),
    ("-I empty", "no images in empty"),
    ("-M lost/mask.png", "there is no image lost/mask.png: lost does not exist"),
    ("-M notes.txt/mask.png", "there is no image notes.txt/mask.png: notes.txt is not a folder"),
    ("-I link.png", "link.png is a link to gone.png, which does not exist"),
    ("-M empty", "empty is a folder, but one image is needed"),
    ("-m nope", "no such model: nope"),
    ("-m empty", "empty is not a model: the folder contains no model_index.json"),
    ("-m notes.txt", "notes.txt is not a model, but a file of another kind"),
    ("-A k_eulr", "no such sampler: k_eulr"),
    ("--lora nope", "no such LoRA: nope"),
    ("--lora ./notes.txt", "./notes.txt is not in the folder of the LoRAs"),
    ("--control canny:none.png", "no control model for canny"),
    ("--upscaler nope", "no such upscaler: nope"),
    ("--upscaler empty", "empty is not an upscaler"),
    ("--match_colors lab:none.png", "there is no image none.png"),
    ("-o notes.txt", "notes.txt is a file, not a folder"),
]


@pytest.fixture
def folder(fake_session: SessionHarness) -> Path:
    """The folder of the session, with files and folders that are no images and no models."""
    folder = fake_session.folder
    (folder / "notes.txt").write_text("a list of ideas, é 日本\n" * 99, encoding="utf-8")
    (folder / "empty").mkdir()
    (folder / "link.png").symlink_to("gone.png")
    return folder


@pytest.mark.feature("defaults-checked", "path-errors")
@pytest.mark.parametrize(("switches", "message"), REJECTED)
def test_a_default_that_cannot_be_used_is_rejected_when_it_is_set(
    fake_session: SessionHarness, folder: Path, switches: str, message: str
) -> None:
    assert fake_session.run("!set -s 7") is Outcome.OK
    line = f"!set -C 3 {switches}"
    assert fake_session.run(line) is Outcome.FAILED
    (failed,) = fake_session.of(Failed)
    assert failed.error.message.startswith(message), failed.error.message
    span = failed.error.span
    assert failed.error.line == line and span is not None and line[slice(*span)] == switches.split(" ", 1)[1]
    assert fake_session.session.context.settings.session_request.set_fields() == {"num_inference_steps": 7}
    assert sorted(path.name for path in folder.iterdir()) == ["empty", "link.png", "notes.txt", "root"]


def test_defaults_that_are_known_only_later_are_accepted(fake_session: SessionHarness, sketch: Path) -> None:
    for switches in ("-I @last", "-I -1", "-I @last:4", f"-I {sketch}", f"-I {sketch.parent}", "-o later", "-f .5"):
        assert fake_session.run(f"!set {switches}") is Outcome.OK, fake_session.errors
    assert not (fake_session.folder / "later").exists()


@pytest.mark.feature("path-errors")
def test_commands_say_what_is_wrong_with_a_path(fake_session: SessionHarness, folder: Path) -> None:
    for line in ("!info empty", "!fetch empty", "!tree empty", "!mask empty -tm sky", "!strip empty"):
        assert fake_session.run(line) is Outcome.FAILED
        assert fake_session.errors[0].startswith("empty is a folder"), line
    for line in ("!info notes.txt", "!mask notes.txt -c top 64", "oil -I notes.txt"):
        fake_session.run(line)
        assert fake_session.errors == ["notes.txt is text, not an image of a known format"], line
    fake_session.run("!import_model notes.txt")
    assert "notes.txt is not a model, but a file of another kind" in fake_session.errors[0]


def test_near_names_are_suggested(fake_session: SessionHarness, sketch: Path) -> None:
    fake_session.run(f"oil -I {sketch.with_suffix('.jpg')}")
    (failed,) = fake_session.of(Failed)
    assert failed.error.hint == f"did you mean {sketch}?"
    fake_session.run("oil -I photograph.png")
    assert "did you mean" not in fake_session.of(Failed)[0].error.hint


def test_a_folder_of_files_names_a_model_in_it(fake_session: SessionHarness, folder: Path) -> None:
    (folder / "empty" / "xl.safetensors").touch()
    fake_session.run("a cat -m empty")
    assert "-m empty/xl.safetensors" in fake_session.of(Failed)[0].error.hint


@pytest.mark.parametrize("data", [b"\xff\xfe\0text", b"a\0b", b"\x89PNG\r\n\x1a\n", "é".encode() * 501, b"x" * 999])
def test_only_text_is_called_text(fake_session: SessionHarness, data: bytes) -> None:
    (fake_session.folder / "some.png").write_bytes(data)
    fake_session.run("oil -I some.png")
    is_text = "is text" in fake_session.errors[0]
    assert is_text == ((data.isascii() and b"\0" not in data and b"PNG" not in data) or data.startswith("é".encode()))
