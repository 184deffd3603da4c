"""An image whose metadata was stripped is recognised by its pixels."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from invoke_cli.context.outcome import Outcome
from tests.session_harness import SessionHarness


def stripped(path: Path, target: Path) -> Path:
    """Save the pixels of an image without metadata."""
    Image.open(path).convert("RGB").save(target)
    return target


def test_a_stripped_image_is_fetched_shown_and_replayed(real_session: SessionHarness, tmp_path: Path) -> None:
    (original,) = real_session.draw('a cat -s2 -S7 -W64 -H64 --neg "dog"')
    bare = stripped(original, tmp_path / "shared.png")
    assert real_session.run(f"!fetch {bare}") is Outcome.OK
    (line,) = real_session.prefills
    assert "a cat" in line and "-S 7" in line and "--neg dog" in line
    assert any("its pixels match image 1" in text for text in real_session.notices)
    assert real_session.run(f"!info {bare}") is Outcome.OK and "seed            7" in real_session.messages
    assert real_session.run(f"!replay {bare}") is Outcome.OK
    assert any("reproduced shared.png: identical" in text for text in real_session.notices)


def test_a_stripped_image_verifies_when_the_original_is_deleted(real_session: SessionHarness, tmp_path: Path) -> None:
    (original,) = real_session.draw("a cat -s2 -S7 -W64 -H64")
    bare = stripped(original, tmp_path / "shared.png")
    original.unlink()
    assert real_session.run(f"!verify {bare}") is Outcome.OK, real_session.errors
    assert "identical" in real_session.messages


def test_unknown_pixels_have_no_metadata(real_session: SessionHarness, tmp_path: Path) -> None:
    real_session.draw("a cat -s2 -S7 -W64 -H64")
    Image.new("RGB", (64, 64), "red").save(tmp_path / "red.png")
    assert real_session.run(f"!fetch {tmp_path / 'red.png'}") is Outcome.FAILED
    assert "contains no generation metadata" in real_session.errors[-1]
