"""Output folders on file systems without locks, renamed folders, clocks that were set, and many names."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from invoke_cli.output import files
from invoke_cli.output.entries import Entry
from invoke_cli.output.files import write_atomically
from invoke_cli.output.folder import OutputFolder
from invoke_cli.output.folder_names import read_folder_names
from tests.session_harness import SessionHarness, outputs

fcntl = pytest.importorskip("fcntl")
HOUR = 3600.0


@pytest.fixture(params=[errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def without_locks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `flock` fail, as on a network drive without a lock service."""

    def fail(*_: object) -> None:
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", fail)


def take(folder: OutputFolder, count: int, found: list[int]) -> None:
    for _ in range(count):
        found.extend(folder.reserve_numbers(3))


@pytest.mark.feature("no-locks")
def test_sessions_without_locks_never_take_the_same_number(tmp_path: Path, without_locks: None) -> None:
    numbers: list[int] = []
    machines = [OutputFolder(tmp_path) for _ in range(4)]  # each with a lock of its own, as processes have
    threads = [threading.Thread(target=take, args=[folder, 15, numbers]) for folder in machines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(numbers) == len(set(numbers)) == 4 * 15 * 3


@pytest.mark.feature("no-locks")
def test_a_session_without_locks_says_so_once_and_works(fake_session: SessionHarness, without_locks: None) -> None:
    assert len(fake_session.draw("a cat -s2 -S1 -n2")) == 2
    assert len([text for text in fake_session.notices if "cannot lock files" in text]) == 1
    assert [path.name for path in fake_session.draw("a dog -s2 -S5")] == ["000003.5.png"]
    assert not [text for text in fake_session.notices if "cannot lock files" in text]
    with sqlite3.connect(outputs(fake_session) / ".invoke" / "history.sqlite3") as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    fake_session.run("!history")
    assert fake_session.messages.count("a cat") == 2


def test_an_image_that_another_machine_may_be_writing_is_left_to_it(
    fake_session: SessionHarness, without_locks: None
) -> None:
    (path,) = fake_session.draw("a cat -s2 -S1")
    first = outputs(fake_session)
    history = OutputFolder(first).history
    history.mark_pending(1, path.name)
    history.mark_pending(2, "000002.5.png")  # not written yet
    assert OutputFolder(first).recover() == 0
    assert set(history.pending()) == {1, 2}
    os.utime(path, (time.time() - 2 * HOUR,) * 2)
    assert OutputFolder(first).recover() == 1
    assert set(history.pending()) == {2}


def test_claims_are_removed_when_they_are_old_and_counted(tmp_path: Path, without_locks: None) -> None:
    folder = OutputFolder(tmp_path)
    folder.reserve_numbers(5)
    claims = sorted((tmp_path / ".invoke" / "claims").iterdir())
    assert [claim.name for claim in claims] == ["1", "2", "3", "4", "5"]
    for claim in claims[:4]:
        os.utime(claim, (time.time() - 2 * HOUR,) * 2)
    (tmp_path / ".invoke" / "next_number").write_text("4\n", encoding="utf-8")  # another machine wrote it late
    OutputFolder(tmp_path).recover()
    assert sorted(claim.name for claim in claims if claim.exists()) == ["4", "5"]
    assert OutputFolder(tmp_path).reserve_numbers(1)[0] == 6


def test_a_session_with_locks_observes_the_claims_of_one_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".invoke" / "claims").mkdir(parents=True)
    (tmp_path / ".invoke" / "claims" / "1").touch()
    assert OutputFolder(tmp_path).reserve_numbers(2) == range(2, 4)


@pytest.mark.feature("renamed-folder")
def test_a_folder_that_is_renamed_between_images_is_created_again(fake_session: SessionHarness) -> None:
    fake_session.draw("a cat -s2 -S1 -n3")
    outputs(fake_session).rename(fake_session.folder / "holiday")
    assert [path.name for path in fake_session.draw("a dog -s2 -S5")] == ["000004.5.png"]
    assert len([text for text in fake_session.notices if "renamed or removed" in text]) == 1
    fake_session.draw("a dog -s2 -S6")
    assert not [text for text in fake_session.notices if "renamed" in text]
    assert len(list((fake_session.folder / "holiday").glob("*.png"))) == 3
    assert OutputFolder(fake_session.folder / "holiday").history.numbers() == {1, 2, 3}


@pytest.mark.feature("renamed-folder")
@pytest.mark.parametrize("moment", ["open", "replace"])
def test_a_folder_that_is_renamed_while_an_image_is_written_loses_none(
    fake_session: SessionHarness, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    folder = outputs(fake_session)
    fake_session.draw("a cat -s2 -S1")
    moved: list[bool] = []
    holder, name = (Path, "replace") if moment == "replace" else (files, "granted_mode")
    original: Callable[..., object] = getattr(holder, name)

    def rename_once(path: Path, *rest: object) -> object:
        if not moved and (path.name.endswith(".part") or moment == "open"):
            moved.append(True)
            folder.rename(folder.with_name("holiday"))
        return original(path, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(holder, name, rename_once)
        (path,) = fake_session.draw("a dog -s2 -S2")
    assert moved and path.exists()
    fake_session.session.context._folders.clear()
    assert 2 in fake_session.session.context.folder().history.numbers()


def stamps(now: float) -> Sequence[float]:
    return [now - 2 * HOUR, now + 2 * HOUR, now + 400 * 24 * HOUR]


def test_partial_files_are_removed_though_the_clock_was_set(tmp_path: Path) -> None:
    (tmp_path / ".invoke").mkdir()
    for place in (tmp_path, tmp_path / ".invoke"):
        for stamp in stamps(time.time()):
            part = place / f".{int(stamp)}.part"
            part.touch()
            os.utime(part, (stamp, stamp))
    recent = tmp_path / ".recent.part"
    recent.touch()
    OutputFolder(tmp_path).recover()
    assert [path.name for path in tmp_path.rglob("*.part")] == [recent.name]


def test_a_partial_file_that_a_session_with_another_clock_removes_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Path.replace
    removed: list[Path] = []

    def replace(path: Path, target: Path) -> Path:
        if not removed:
            removed.append(path)
            path.unlink()
        return original(path, target)

    monkeypatch.setattr(Path, "replace", replace)
    write_atomically(tmp_path / "a.png", b"image")
    assert removed and (tmp_path / "a.png").read_bytes() == b"image"
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("shift", [-400 * 24 * HOUR, 400 * 24 * HOUR])
def test_numbers_and_the_last_image_do_not_depend_on_the_clock(
    fake_session: SessionHarness, monkeypatch: pytest.MonkeyPatch, shift: float
) -> None:
    (first,) = fake_session.draw("a cat -s2 -S1")
    now = time.time()
    os.utime(first, (now - shift,) * 2)
    monkeypatch.setattr(time, "time", lambda: now + shift)
    fake_session.session.context._folders.clear()
    (second,) = fake_session.draw("a dog -s2 -S2")
    assert second.name == "000002.2.png"
    fake_session.run("!reindex", "!history")
    assert fake_session.messages.index("a cat") < fake_session.messages.index("a dog")
    fake_session.draw("-I @last -f .5 -s2 -S3")
    assert fake_session.saved[0].line.startswith("a dog")


NAMES = ("000001.5.png", "000001.a.png", "000002.b.steps.png", "1.png", "1234567890.1.png", "000003.png",
         "x000004.1.png", "000005.1.png.part", "new\nline", "000006.\n.png", "000007.1.jpg", "folder")  # fmt: skip


def test_numbered_names_are_found_among_others(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).touch()
    names = read_folder_names(tmp_path)
    assert names.numbered == {1: "000001.5.png", 2: "000002.b.steps.png", 6: "000006.\n.png"}
    assert sorted(names.others) == ["000005.1.png.part", "000007.1.jpg", "folder", "new\nline"]
    assert read_folder_names(tmp_path / "missing").numbered == {}


def test_a_number_is_above_those_of_files_and_history(tmp_path: Path) -> None:
    (tmp_path / "000007.1.png").touch()
    folder = OutputFolder(tmp_path)
    folder.history.add(Entry(number=9, path="x.png", line="a cat", seed=1, created="2026-01-01"))
    folder.recover()
    assert folder.reserve_numbers(1) == range(10, 11)
