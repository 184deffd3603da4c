"""What must never go wrong with files: killed sessions, full disks, damaged histories lose no picture."""

from __future__ import annotations

import os

import pytest

from invoke_cli.context.outcome import Outcome
from invoke_cli.output.folder import OutputFolder
from tests.session_harness import House, outputs


def test_no_part_of_a_file_is_left_behind(house: House) -> None:
    house.draw("a cat -s2 -n3 --strip --save_intermediates")
    assert not list(house.folder.rglob("*.part"))


def test_law_9_images_that_a_killed_session_did_not_enter_are_entered(house: House) -> None:
    paths = house.draw("a cat -s2 -n3")
    with OutputFolder(outputs(house)).history.opened() as database:
        database.execute("DELETE FROM images WHERE number > 1")
    log = outputs(house) / "invoke_log.txt"
    log.write_text(log.read_text().splitlines()[0] + "\n")
    house.session.workshop._folders.clear()
    house.run("!history")
    assert all(path.name in house.messages for path in paths)
    assert all(path.name in log.read_text() for path in paths)
    assert any("interrupted session" in text for text in house.notices)


@pytest.mark.parametrize("switches", ["-p", "--fnformat {seed}.png", "-o named.png", ""])
def test_law_9_every_finished_image_is_entered(house: House, switches: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from invoke_cli.output.history import History

    with monkeypatch.context() as patch:
        patch.setattr(History, "add", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            house.run(f"a cat -s2 -S1 {switches}")
    house.session.workshop._folders.clear()
    entry = house.session.workshop.folder().history.last()
    assert entry is not None and entry.line.startswith("a cat")
    assert house.session.workshop.folder().history.begun() == {}


def test_an_image_that_never_appeared_is_given_up(house: House) -> None:
    house.draw("a cat -s2 -S1")
    house.session.workshop.folder().history.begin(2, "000002.5.png")
    house.session.workshop._folders.clear()
    assert house.session.workshop.folder().history.numbers() == {1}
    house.draw("a cat -s2 -S2")


def test_a_disk_that_refuses_fails_the_line_and_not_the_session(
    fake_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert fake_house.run("a cat -s2") is Outcome.FAILED
    assert "No space left" in fake_house.errors[0]
    assert not list(outputs(fake_house).glob("*.png"))
    assert fake_house.draw("a cat -s2")


def test_steps_that_cannot_be_written_cost_no_picture(fake_house: House) -> None:
    outputs(fake_house).mkdir()
    (outputs(fake_house) / "intermediates").write_text("in the way")
    assert fake_house.run("a cat -s2 -S1 --save_intermediates") is Outcome.FAILED
    assert fake_house.saved[0].path.endswith("000001.1.png") and "intermediates" in fake_house.errors[0]


def test_a_damaged_history_is_told_with_its_remedy(fake_house: House) -> None:
    fake_house.draw("a cat -s2")
    (outputs(fake_house) / ".invoke" / "history.sqlite3").write_bytes(b"rubbish" * 1000)
    assert fake_house.run("!history") is Outcome.FAILED
    assert "history" in fake_house.errors[0]


@pytest.mark.parametrize("damage", [b"garbage", b"SQLite format 3\x00" + b"x" * 500])
def test_a_damaged_history_is_set_aside_and_rebuilt(house: House, damage: bytes) -> None:
    house.draw("a cat -s2 -S1")
    database = outputs(house) / ".invoke" / "history.sqlite3"
    database.write_bytes(damage)
    for part in ("-wal", "-shm"):
        database.with_name(database.name + part).unlink(missing_ok=True)
    house.session.workshop._folders.clear()
    house.draw("a dog -s2 -S2")
    assert house.saved[0].number == 2
    house.run("!history")
    assert "a cat" in house.messages and "a dog" in house.messages
    assert database.with_name("damaged-history.sqlite3").exists()
