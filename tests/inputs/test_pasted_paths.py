"""Paths as terminals and file managers paste them, in switches and commands; pipes as images."""

from __future__ import annotations

import os
import pty
import subprocess
import threading
from pathlib import Path

import pytest

from invoke_cli.context.outcome import Outcome
from invoke_cli.context.paths import expand_path
from invoke_cli.errors import ImageError
from invoke_cli.imaging.open_image import read_file
from invoke_cli.input_files import InputKind, UnsuitableFile, read_input
from invoke_cli.language.grammar.pasted_paths import pasted_forms
from invoke_cli.language.grammar.shell_words import split_words
from tests.sample_images import drawing
from tests.session_harness import SessionHarness, pixels

NAMES = {
    "our trip [2] & (more).png": [
        r"our\ trip\ \[2\]\ \&\ \(more\).png", "'our trip [2] & (more).png'", '"our trip [2] & (more).png"',
        "file://{here}/our%20trip%20%5B2%5D%20&%20(more).png", "'our trip [2] & (more).png '",
        r"{here}/our\ trip\ \[2\]\ \&\ \(more\).png",
    ],
    "the dogs' day.png": [r"the\ dogs\'\ day.png", r"'the dogs'\'' day.png'", '"the dogs\' day.png"'],
    "été $5.png": [r"été\ \$5.png", "'été $5.png'", "file://{here}/%C3%A9t%C3%A9%20$5.png"],
    "sub/cat.png": [r"sub\cat.png", r".\sub\cat.png"],
    r"odd\name.png": [r"odd\name.png", r"odd\\name.png"],
}  # fmt: skip
FORMS = [(name, form) for name, forms in NAMES.items() for form in forms]


@pytest.fixture
def pictures(harness: SessionHarness) -> SessionHarness:
    Path("sub").mkdir()
    for number, name in enumerate(NAMES):
        drawing(64, 64).rotate(30 * number).save(name)
    return harness


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_a_pasted_path_is_found_in_switches_and_commands(pictures: SessionHarness, name: str, form: str) -> None:
    pasted = form.replace("{here}", str(Path.cwd()))
    (expected,) = pictures.draw(
        f'a cat -s2 -S1 -f .5 -I "{name}"' if "\\" not in name else f"a cat -s2 -S1 -f .5 -I {name}"
    )
    (path,) = pictures.draw(f"a cat -s2 -S1 -I {pasted} -f .5")
    assert pixels(path) == pixels(expected)
    (again,) = pictures.draw(pictures.saved[0].line)
    assert pixels(again) == pixels(expected)
    for line in (f"!info {pasted}", f"!fix {pasted} -U 2", f"!info {pasted} "):
        assert pictures.run(line) is Outcome.OK, pictures.errors


def test_other_files_are_pasted_too(harness: SessionHarness) -> None:
    Path("my lines (1).txt").write_text("a cat -s2 -S1\n", encoding="utf-8")
    assert len(harness.draw(r"!replay my\ lines\ \(1\).txt")) == 1
    (path,) = harness.draw(r"a cat -s2 -S1 -o my\ new\ folder")
    assert path.parent.name == "my new folder"
    (path,) = harness.draw("a cat -s2 -S1 -o 'it'\\''s.png'")
    assert path.name == "it's.png"


def test_a_path_as_typed_comes_first(harness: SessionHarness) -> None:
    for name in (r"a\ b.png", "a b.png"):
        Path(name).touch()
    assert expand_path(r"a\ b.png").name == r"a\ b.png"
    assert expand_path(r"C:\pics\cat.png") == Path(r"C:\pics\cat.png")
    assert list(pasted_forms("file:///C:/a%20b.png")) == ["C:/a b.png"]


def test_a_backslash_at_the_end_of_a_folder_takes_no_switch(harness: SessionHarness) -> None:
    harness.draw("a cat -o out\\ -s2 -S1")
    assert harness.saved[0].steps_taken == 2


def test_words_of_commands_follow_the_shell() -> None:
    assert split_words(r"a\ b 'c'\''d' " r'"e f" g\h') == [r"a\ b", "c'd", "e f", r"g\h"]


def test_a_pipe_is_an_image_and_keeps_no_name(harness: SessionHarness, tmp_path: Path) -> None:
    drawing(64, 64).save("photo.png")
    (expected,) = harness.draw("a cat -I photo.png -s2 -S1 -f .5")
    sender = subprocess.Popen(["cat", "photo.png"], stdout=subprocess.PIPE)
    assert sender.stdout is not None
    with sender.stdout:
        (path,) = harness.draw(f"a cat -I /dev/fd/{sender.stdout.fileno()} -s2 -S1 -f .5")
    sender.wait()
    assert pixels(path) == pixels(expected)
    assert "-I pipe" in harness.saved[0].line
    assert harness.run(f"!verify {path}") is Outcome.OK


def test_pipes_never_hang_and_are_bounded(tmp_path: Path) -> None:
    kind = InputKind(name="picture", max_bytes=1000, seconds=0.3, may_be_piped=True)
    read, write = os.pipe()
    with pytest.raises(UnsuitableFile, match="took more than"):
        read_input(Path(f"/dev/fd/{read}"), kind)
    sender = threading.Thread(target=os.write, args=(write, b"x" * 5000))
    sender.start()
    with pytest.raises(UnsuitableFile, match="larger than"):
        read_input(Path(f"/dev/fd/{read}"), kind)
    sender.join()
    main, terminal = pty.openpty()
    with pytest.raises(UnsuitableFile, match="not a regular file"):
        read_input(Path(os.ttyname(terminal)), kind)
    with pytest.raises(UnsuitableFile, match="is a terminal"):
        read_input(Path(f"/dev/fd/{terminal}"), kind)
    os.mkfifo(tmp_path / "silent")
    with pytest.raises(ImageError, match="not a regular file"):
        read_file(tmp_path / "silent")
    for handle in (read, write, main, terminal):
        os.close(handle)
