"""A picture whose metadata was stripped is recognised by its pixels."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from invoke_cli.context.outcome import Outcome
from tests.session_harness import House


def stripped(path: Path, target: Path) -> Path:
    """The pixels of a picture in a file that says nothing."""
    Image.open(path).convert("RGB").save(target)
    return target


def test_a_stripped_picture_is_fetched_shown_and_made_again(real_house: House, tmp_path: Path) -> None:
    (drawn,) = real_house.draw('a cat -s2 -S7 -W64 -H64 --neg "dog"')
    bare = stripped(drawn, tmp_path / "shared.png")
    assert real_house.run(f"!fetch {bare}") is Outcome.OK
    (line,) = real_house.prefills
    assert "a cat" in line and "-S 7" in line and "--neg dog" in line
    assert any("its pixels are those of image 1" in text for text in real_house.notices)
    assert real_house.run(f"!info {bare}") is Outcome.OK and "seed            7" in real_house.messages
    assert real_house.run(f"!replay {bare}") is Outcome.OK
    assert any("shared.png, made again: identical" in text for text in real_house.notices)


def test_it_is_known_from_its_line_when_the_original_is_gone(real_house: House, tmp_path: Path) -> None:
    (drawn,) = real_house.draw("a cat -s2 -S7 -W64 -H64")
    bare = stripped(drawn, tmp_path / "shared.png")
    drawn.unlink()
    assert real_house.run(f"!verify {bare}") is Outcome.OK, real_house.errors
    assert "identical" in real_house.messages


def test_other_pixels_are_nobody_s(real_house: House, tmp_path: Path) -> None:
    real_house.draw("a cat -s2 -S7 -W64 -H64")
    Image.new("RGB", (64, 64), "red").save(tmp_path / "red.png")
    assert real_house.run(f"!fetch {tmp_path / 'red.png'}") is Outcome.FAILED
    assert "does not say how it was made" in real_house.errors[-1]
