"""`!watch`: one image for each save of a file, however it is saved, until it is stopped."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image, ImageColor

from invoke_cli.context.outcome import Outcome
from invoke_cli.events import Saved
from invoke_cli.exploration import file_changes
from tests.session_harness import SessionHarness, pixels


def png(colour: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (96, 64), colour).save(file, "PNG")
    return file.getvalue()


def batched(data: bytes) -> Iterator[tuple[int, ...]]:
    return (tuple(data[start : start + 3]) for start in range(0, len(data), 3))


def in_place(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def by_renaming(path: Path, data: bytes) -> None:
    other = path.with_name(".new")
    other.write_bytes(data)
    other.replace(path)


def removed_first(path: Path, data: bytes) -> None:
    path.unlink()
    time.sleep(0.15)
    path.write_bytes(data)


def piece_by_piece(path: Path, data: bytes) -> None:
    """Write in pieces, slower than the time for which a file must be unchanged."""
    with path.open("wb", buffering=0) as file:
        for start in range(0, len(data), len(data) // 3):
            file.write(data[start : start + len(data) // 3])
            time.sleep(0.4)


def twice_at_once(path: Path, data: bytes) -> None:
    path.write_bytes(png("white"))
    time.sleep(0.05)
    path.write_bytes(data)


WRITERS = (in_place, by_renaming, removed_first, piece_by_piece, twice_at_once)


@contextmanager
def watching(harness: SessionHarness, line: str) -> Iterator[Callable[[int], list[Saved]]]:
    """Watch on another thread; yield a function that waits for so many images."""
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(harness.run(line)), daemon=True)
    thread.start()

    def wait_for_images(count: int) -> list[Saved]:
        deadline = time.monotonic() + 30
        while len(harness.saved) < count:
            assert time.monotonic() < deadline and thread.is_alive(), harness.errors
            time.sleep(0.02)
        time.sleep(0.45)  # no further image follows
        return harness.saved

    while not harness.notices and thread.is_alive():
        time.sleep(0.02)
    try:
        yield wait_for_images
    finally:
        harness.session.stop()
        thread.join(30)
    assert outcomes == [Outcome.INTERRUPTED]


@pytest.mark.slow
def test_each_save_gives_one_image_however_it_is_written(fake_session: SessionHarness) -> None:
    path = Path("my sketch.png")
    path.write_bytes(png("black"))
    with watching(fake_session, '!watch "my sketch.png" a cat -f 0 -S 1') as wait_for_images:
        assert wait_for_images(0) == []
        for count, write in enumerate(WRITERS, start=1):
            colour = ("red", "green", "blue", "yellow", "purple")[count - 1]
            write(path, png(colour))
            saved = wait_for_images(count)
            assert len(saved) == count, write
            assert set(batched(pixels(Path(saved[-1].path)))) == {ImageColor.getrgb(colour)}, write
    assert fake_session.draw("a dog -s2"), "the session continues"


def test_an_unreadable_file_gives_one_notice_and_the_next_save_an_image(
    fake_session: SessionHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_changes, "UNREADABLE_SECONDS", 0.4)
    with watching(fake_session, "!watch sketch.png a cat -s2 -f .5 -S 1 | a dog -f .5") as wait_for_images:
        Path("sketch.png").write_bytes(png("red")[:60])
        while len(fake_session.notices) < 2:
            time.sleep(0.02)
        assert wait_for_images(0) == [] and "waiting for the next save" in fake_session.notices[1]
        Path("sketch.png").write_bytes(png("red"))
        assert len(wait_for_images(1)) == 1
    assert "does not exist yet" in fake_session.notices[0]
    assert sum("waiting for the next save" in text for text in fake_session.notices) == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("!watch", "needs an argument"),
        ("!watch sketch.png", "takes an image and a line"),
        ("!watch sketch.png !models", "takes an image and a line"),
        ("!watch sketch.png a cat -I other.png", "is the init image"),
        ("!watch nowhere/sketch.png a cat", "is neither an image"),
        ("!watch a cat", "is neither an image"),
        ("!watch . a cat", "is neither an image"),
        ("!watch sketch.png a cat -s 0", "-s takes"),
    ],
)
def test_impossible_watches_are_errors_at_once(fake_session: SessionHarness, line: str, message: str) -> None:
    assert fake_session.run(line) is not Outcome.OK
    assert message in fake_session.errors[0] and [path.name for path in Path().iterdir()] == ["root"]
