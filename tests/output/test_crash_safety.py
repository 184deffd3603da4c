"""The guarantee "Crash safety": killed sessions, full disks and damaged histories lose no image."""

from __future__ import annotations

import os

import pytest

from invoke_cli.context.outcome import Outcome
from invoke_cli.output.folder import OutputFolder
from tests.session_harness import SessionHarness, outputs


def test_no_partial_file_is_left(harness: SessionHarness) -> None:
    harness.draw("a cat -s2 -n3 --strip --save_intermediates")
    assert not list(harness.folder.rglob("*.part"))


def test_crash_safety_images_of_a_killed_session_enter_the_history(harness: SessionHarness) -> None:
    paths = harness.draw("a cat -s2 -n3")
    with OutputFolder(outputs(harness)).history.connection() as database:
        database.execute("DELETE FROM images WHERE number > 1")
    log = outputs(harness) / "invoke_log.txt"
    log.write_text(log.read_text().splitlines()[0] + "\n")
    harness.session.context._folders.clear()
    harness.run("!history")
    assert all(path.name in harness.messages for path in paths)
    assert all(path.name in log.read_text() for path in paths)
    assert any("interrupted session" in text for text in harness.notices)


@pytest.mark.parametrize("switches", ["-p", "--fnformat {seed}.png", ""])
def test_crash_safety_every_finished_image_enters_the_history(
    harness: SessionHarness, switches: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from invoke_cli.output.history import History

    with monkeypatch.context() as patch:
        patch.setattr(History, "add", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            harness.run(f"a cat -s2 -S1 {switches}")
    harness.session.context._folders.clear()
    entry = harness.session.context.folder().history.last()
    assert entry is not None and entry.line.startswith("a cat")
    assert harness.session.context.folder().history.pending() == {}


def test_a_begun_image_without_a_file_is_dropped(harness: SessionHarness) -> None:
    harness.draw("a cat -s2 -S1")
    harness.session.context.folder().history.mark_pending(2, "000002.5.png")
    harness.session.context._folders.clear()
    assert harness.session.context.folder().history.numbers() == {1}
    harness.draw("a cat -s2 -S2")


def test_a_full_disk_fails_the_line_and_not_the_session(
    fake_session: SessionHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert fake_session.run("a cat -s2") is Outcome.FAILED
    assert "No space left" in fake_session.errors[0]
    assert not list(outputs(fake_session).glob("*.png"))
    assert fake_session.draw("a cat -s2")


def test_unwritable_intermediates_do_not_lose_the_image(fake_session: SessionHarness) -> None:
    outputs(fake_session).mkdir()
    (outputs(fake_session) / "intermediates").write_text("in the way")
    assert fake_session.run("a cat -s2 -S1 --save_intermediates") is Outcome.FAILED
    assert fake_session.saved[0].path.endswith("000001.1.png") and "intermediates" in fake_session.errors[0]


def test_a_damaged_history_is_an_error(fake_session: SessionHarness) -> None:
    fake_session.draw("a cat -s2")
    (outputs(fake_session) / ".invoke" / "history.sqlite3").write_bytes(b"rubbish" * 1000)
    assert fake_session.run("!history") is Outcome.FAILED
    assert "history" in fake_session.errors[0]


@pytest.mark.parametrize("damage", [b"garbage", b"SQLite format 3\x00" + b"x" * 500])
def test_a_damaged_history_is_set_aside_and_rebuilt(harness: SessionHarness, damage: bytes) -> None:
    harness.draw("a cat -s2 -S1")
    database = outputs(harness) / ".invoke" / "history.sqlite3"
    database.write_bytes(damage)
    for part in ("-wal", "-shm"):
        database.with_name(database.name + part).unlink(missing_ok=True)
    harness.session.context._folders.clear()
    harness.draw("a dog -s2 -S2")
    assert harness.saved[0].number == 2
    harness.run("!history")
    assert "a cat" in harness.messages and "a dog" in harness.messages
    assert database.with_name("damaged-history.sqlite3").exists()
