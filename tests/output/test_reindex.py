"""`!reindex` of many files: on all processors, with progress, and interruptible."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from invoke_cli.commands.history import browse
from invoke_cli.context.outcome import Outcome
from invoke_cli.errors import Interrupted
from invoke_cli.events import Step
from invoke_cli.output import entry_processes
from invoke_cli.output.entries import Entry
from invoke_cli.output.entry_processes import read_entries
from tests.session_harness import SessionHarness, outputs


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[str]]:
    """The processes that are started to read files: three, however few files there are."""
    started: list[subprocess.Popen[str]] = []
    original = entry_processes._start

    def start(work: list[tuple[int, str, str]], answers: entry_processes._Answers) -> subprocess.Popen[str]:
        started.append(original(work, answers))
        return started[-1]

    monkeypatch.setattr(entry_processes, "_MIN_FILES", 2)
    monkeypatch.setattr(entry_processes, "_processors", lambda: 3)
    monkeypatch.setattr(entry_processes, "_start", start)
    return started


def entries(harness: SessionHarness) -> list[Entry]:
    return harness.session.context.folder().history.all()


@pytest.fixture
def images(fake_session: SessionHarness) -> SessionHarness:
    """A session whose folder contains results, their copies under other names, a grid, and files of others."""
    fake_session.draw("a cat -s2 -S1 -n3 -g")
    fake_session.draw("ein Bär 🐻 [blurry] -s2 -S5 -I 1 -f .5 --fnformat {prompt}.png")
    folder = outputs(fake_session)
    (folder / "000020.copy.png").write_bytes((folder / "000001.1.png").read_bytes())
    (folder / "line\nbreak.png").write_bytes(b"no image")
    (folder / os.fsdecode(b"\xff.png")).write_bytes(b"no image")
    return fake_session


@pytest.mark.feature("reindex")
def test_several_processes_give_the_same_history(
    images: SessionHarness, processes: list[subprocess.Popen[str]]
) -> None:
    before = {entry.number: entry for entry in entries(images)}
    assert images.run("!reindex") is Outcome.OK, images.errors
    assert len(processes) == 3 and all(process.returncode is not None for process in processes)
    after = {entry.number: entry for entry in entries(images)}
    assert after.pop(20).line == before[1].line
    assert after == before


def test_files_that_an_ended_process_leaves_are_read(
    images: SessionHarness, monkeypatch: pytest.MonkeyPatch, processes: list[subprocess.Popen[str]]
) -> None:
    before = len(entries(images))
    original = entry_processes._start

    def start(*words: object) -> subprocess.Popen[str]:
        process = original(*words)  # type: ignore[arg-type]
        process.send_signal(signal.SIGKILL)
        return process

    monkeypatch.setattr(entry_processes, "_start", start)
    assert images.run("!reindex") is Outcome.OK, images.errors
    assert len(entries(images)) == before + 1


def test_progress_is_reported(images: SessionHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browse, "_REPORT_SECONDS", 0.0)
    images.run("!reindex")
    steps = images.of(Step)
    assert [step.step for step in steps] == sorted(step.step for step in steps)
    assert steps[-1].step == steps[-1].steps == 8


@pytest.mark.parametrize("after", [0, 3])
def test_reading_can_be_interrupted(images: SessionHarness, processes: list[subprocess.Popen[str]], after: int) -> None:
    before = entries(images)

    def progress(count: int) -> None:
        if count >= after:
            raise Interrupted("stopped")

    files = [(path, path.name) for path in outputs(images).glob("*.png")]
    with pytest.raises(Interrupted):
        read_entries(files, progress)
    assert processes and all(process.returncode is not None for process in processes)
    assert entries(images) == before


def test_a_file_that_disappears_meanwhile_is_left_out(tmp_path: Path) -> None:
    assert read_entries([(tmp_path / "gone.png", "gone.png")], lambda _: None) == [None]
