"""Folders and files that cannot be written: reading works, generating fails before the work is done."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from invoke_cli.context.outcome import Outcome
from invoke_cli.language.limits import MAX_NUMBER
from invoke_cli.output.folder import OutputFolder
from tests.fake_engine import FakeEngine
from tests.session_harness import SessionHarness, outputs

MakeReadOnly = Callable[[Path], None]
READING = ("!history", "!search cat", "!info 1", "!verify 1", "!tree 1", "!1", "!plan a dog -I !1 -f .5",
           "!diff 1 2")  # fmt: skip


def _mount(*words: str) -> None:
    command = shutil.which(words[0])
    if command is None or subprocess.run([command, *words[1:]], capture_output=True, check=False).returncode:
        pytest.skip("mounts are not permitted here")


@pytest.fixture
def make_read_only() -> Iterator[MakeReadOnly]:
    """Make a folder read-only: by its permissions, or by a mount, since permissions do not bind root."""
    folders: list[Path] = []

    def make(folder: Path) -> None:
        if os.geteuid():
            for path in (*folder.rglob("*"), folder):
                path.chmod(0o555 if path.is_dir() else 0o444)
            return
        _mount("mount", "--bind", str(folder), str(folder))
        folders.append(folder)
        _mount("mount", "-o", "remount,bind,ro", str(folder))

    yield make
    for folder in folders:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def reopened(fake_session: SessionHarness, tiny_model: Path, fake_engine: FakeEngine) -> Callable[[], SessionHarness]:
    """A function that opens another session in the folder of one that has generated two images."""
    fake_session.draw("a cat -s2 -S1 -n2")
    fake_session.session.close()
    return lambda: SessionHarness(fake_session.folder, tiny_model, lambda _: fake_engine)


@pytest.mark.feature("read-only-outputs")
def test_reading_works_in_a_read_only_folder_and_generating_fails_first(
    reopened: Callable[[], SessionHarness], make_read_only: MakeReadOnly, fake_engine: FakeEngine
) -> None:
    make_read_only(Path("outputs"))
    harness = reopened()
    for line in READING:
        assert harness.run(line) is Outcome.OK, (line, harness.errors)
    fake_engine.jobs.clear()
    for line in ("a dog -s2", "!again", "!sweep a dog -s1,2", "!fix 1 -U2", "!grid 1 2", "!tag 1 good", "!rm 1"):
        assert harness.run(line) is not Outcome.OK, line
        assert not [error for error in harness.errors if "internal" in error], (line, harness.errors)
        assert fake_engine.jobs == [], line
    harness.run("a dog -s2")
    assert "ead-only" in harness.errors[0]
    assert harness.run("a dog -s2 -S1 -I outputs/000001.1.png -f .5 -o elsewhere") is Outcome.OK, harness.errors


def test_an_unusable_lock_is_reported_and_reading_works(
    reopened: Callable[[], SessionHarness], fake_engine: FakeEngine
) -> None:
    lock = Path("outputs/.invoke/lock")
    lock.unlink(missing_ok=True)
    lock.mkdir()  # it cannot be opened, not even by root
    harness = reopened()
    for line in READING:
        assert harness.run(line) is Outcome.OK, (line, harness.errors)
    fake_engine.jobs.clear()
    assert harness.run("a dog -s2") is not Outcome.OK
    assert "lock" in harness.errors[0] and "internal" not in harness.errors[0]
    assert fake_engine.jobs == []


@pytest.mark.parametrize("name", ["invoke_log.txt", "invoke_log.md"])
def test_a_log_that_cannot_be_written_is_one_notice(fake_session: SessionHarness, name: str) -> None:
    (outputs(fake_session) / name).mkdir(parents=True)
    assert len(fake_session.draw("a cat -s2 -S1 -n2")) == 2
    assert len([notice for notice in fake_session.notices if name in notice]) == 1
    assert len(fake_session.draw("a cat -s2 -S9")) == 1
    assert not [notice for notice in fake_session.notices if name in notice]
    assert fake_session.run("!history") is Outcome.OK
    assert fake_session.messages.count("a cat") == 3


HUGE = "9" * 25


@pytest.mark.parametrize(
    "line", [f"!info !{HUGE}", f"a cat -s2 -I !{HUGE}", f"!history {HUGE}", f"!{HUGE}", f"!rm {HUGE}", f"!tag {HUGE} x",
             f"!rate {HUGE} 5", f"!search number>{HUGE}", f"!info {10**11}", f"a cat -s2 -I !{2**63}:3"]
)  # fmt: skip
def test_numbers_beyond_the_range_are_no_internal_error(fake_session: SessionHarness, line: str) -> None:
    fake_session.draw("a cat -s2 -S1")
    fake_session.run(line)
    assert not [error for error in fake_session.errors if "internal" in error]


def test_foreign_names_and_counters_do_not_stop_numbering(fake_session: SessionHarness) -> None:
    folder = outputs(fake_session)
    (folder / ".invoke").mkdir(parents=True)
    (folder / f"{HUGE}.1.png").write_bytes(b"")
    (folder / ".invoke" / "next_number").write_text(HUGE, encoding="utf-8")
    (path,) = fake_session.draw("a cat -s2 -S1")
    assert path.name.startswith("000001.")
    assert fake_session.run("!reindex") is Outcome.OK, fake_session.errors
    assert fake_session.run("a cat -s2 -S2") is Outcome.OK


def test_a_folder_without_numbers_left_fails_before_the_work(
    fake_session: SessionHarness, fake_engine: FakeEngine
) -> None:
    folder = outputs(fake_session)
    folder.mkdir()
    (folder / f"{MAX_NUMBER}.1.png").write_bytes(b"")
    OutputFolder(folder).state_folder.mkdir()
    (folder / ".invoke" / "next_number").write_text(str(MAX_NUMBER + 1), encoding="utf-8")
    assert fake_session.run("a cat -s2 -S1") is not Outcome.OK
    assert "no more numbers" in fake_session.errors[0] and fake_engine.jobs == []


@pytest.mark.parametrize("place", ["", ".invoke", ".invoke/inputs", "a cat", "intermediates/000001.1"])
def test_partial_files_are_swept_wherever_they_are(reopened: Callable[[], SessionHarness], place: str) -> None:
    old, new = (Path("outputs") / place / name for name in (".0123456789abcdef.part", ".fedcba9876543210.part"))
    for part in (old, new):
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(b"x")
    os.utime(old, (1, 1))
    reopened().run("!history")
    assert not old.exists() and new.exists()
