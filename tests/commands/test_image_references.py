"""Images are named alike everywhere: a number, `!17`, `-1`, `@last`, a path, the start of a name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from invoke_cli.context.outcome import Outcome
from invoke_cli.events import Failed
from tests.session_harness import SessionHarness

SPELLINGS = ("{number}", "!{number}", "-1", "@last", "{number:06d}", "outputs/{name}", "{name}", "{path}")
LINES = (
    "!info {}",
    "!tag {} good",
    "!rate {} 4",
    "!mask {} -c top 64",
    "!fix {} -c top 64 -s2",
    "!compare {} 1",
    "!diff 1 {}",
    "!tree {}",
    "!strip {}",
    "!fetch {}",
    "!replay {}",
    "!final {} -s3",
    "!edit {}",
    "!contact {}",
    "!save {} kept",
    "!rm {}",
    "oil -I 1 -M {} -s2",
    "oil --match_colors lab:{} -I 1 -s2",
)


@pytest.mark.feature("image-names")
@pytest.mark.parametrize("line", LINES)
def test_every_command_takes_every_spelling(fake_session: SessionHarness, line: str) -> None:
    fake_session.draw("a cat -s2 -S7 -W64 -H64")
    for spelling in SPELLINGS:
        typed = _new_image(fake_session, spelling)[1]
        assert fake_session.run(line.format(typed)) is Outcome.OK, (line, typed, fake_session.errors)


@pytest.mark.feature("image-names")
def test_every_spelling_is_the_same_init_image(fake_session: SessionHarness) -> None:
    for spelling in SPELLINGS:
        name, typed = _new_image(fake_session, spelling)
        fake_session.draw(f"oil -I {typed} -s2")
        recorded = fake_session.session.context.last_stages[0].init_image
        assert recorded is not None and Path(recorded).name == name


@pytest.mark.feature("image-names")
@pytest.mark.parametrize("line", ["oil -I {} -s2", "oil -I 1 -M {} -s2", "oil -I 1 --match_colors lab:{} -s2"])
def test_result_line_file_and_tree_refer_alike_to_an_image(fake_session: SessionHarness, line: str) -> None:
    fake_session.draw("a cat -s2 -S7 -W64 -H64")
    for spelling in SPELLINGS:
        (path,) = fake_session.draw(line.format(_new_image(fake_session, spelling)[1]))
        (saved,) = fake_session.saved
        with Image.open(path) as image:
            assert references(image.info["Dream"]) == references(saved.line) != [], spelling
        fake_session.run(f"!tree {saved.number}")
        assert saved.line in fake_session.messages, spelling


def references(line: str) -> list[str]:
    """Return the switches of a line that name images, with their values."""
    return re.findall(r"(?:-I|-M|--match_colors) [^ ]+", line)


def test_a_file_that_hides_an_image_of_the_outputs_keeps_the_path(fake_session: SessionHarness, sketch: Path) -> None:
    (path,) = fake_session.draw("a cat -s2 -S7")
    Path(path.name).write_bytes(sketch.read_bytes())
    fake_session.draw(f"oil -I outputs/{path.name} -s2")
    assert f"-I outputs/{path.name}" in fake_session.saved[0].line


def test_a_number_names_the_image_of_a_step(real_session: SessionHarness) -> None:
    real_session.draw("a cat -s2 -S7 -W64 -H64")
    assert real_session.draw("oil -I 1:1 -s2 -W64 -H64")


def test_a_file_named_like_a_number_comes_first(fake_session: SessionHarness, sketch: Path) -> None:
    fake_session.draw("a cat -s2 -S7")
    (fake_session.folder / "1").write_bytes(sketch.read_bytes())
    fake_session.draw("oil -I 1 -s2 -S2")
    recorded = fake_session.session.context.last_stages[0].init_image
    assert recorded == "1"
    fake_session.run("!info 1")
    assert "a cat" not in fake_session.messages
    fake_session.run("!info !1")
    assert "a cat" in fake_session.messages


@pytest.mark.parametrize("line", [line for line in LINES if "{} 1" not in line] + ["oil -I {} -s2"])
def test_a_missing_image_is_one_sentence(fake_session: SessionHarness, line: str) -> None:
    fake_session.draw("a cat -s2 -S7")
    for typed in ("99", "!99", "-9", "@last9", "999999999"):
        assert fake_session.run(line.format(typed)) is Outcome.FAILED, line
        assert fake_session.errors == [f"outputs has no image {typed.lstrip('!')}"], line
    assert fake_session.run(line.format("none.png")) is Outcome.FAILED
    assert fake_session.errors == ["there is no image none.png"], line


def test_ranges_name_images_in_every_command(fake_session: SessionHarness) -> None:
    fake_session.draw("a cat -s2 -S7 -n3")
    for line in ("!tag 1..3 good", "!compare 1..3", "!contact !1..!3", "!verify 1..2"):
        assert fake_session.run(line) is Outcome.OK, fake_session.errors
    fake_session.run("!search tag:good")
    assert len(fake_session.messages.splitlines()) == 6


def test_a_foreign_file_is_not_in_the_history(fake_session: SessionHarness, sketch: Path) -> None:
    fake_session.draw("a cat -s2 -S7")
    assert fake_session.run(f"!rm {sketch}") is Outcome.FAILED and sketch.exists()
    assert fake_session.errors == [f"{sketch} is not in the history of outputs"]


def test_errors_after_the_image_point_into_the_line(fake_session: SessionHarness) -> None:
    fake_session.draw("a cat -s2 -S7")
    (failed,) = fake_session.run("!mask 1 -tm sky --mask_grow x") and fake_session.of(Failed)
    span = failed.error.span
    assert span is not None and (failed.error.line or "")[slice(*span)] == "x"
    fake_session.run("!mask my photo.png -tm sky")
    assert fake_session.errors == ["!mask takes an image, then switches; a name with spaces needs quotes"]


def _new_image(session: SessionHarness, spelling: str) -> tuple[str, str]:
    """Generate an image; return its name and a spelling of it."""
    (path,) = session.draw("a fox -s2 -S8 -W64 -H64 --save_latents")
    number = int(path.name.partition(".")[0])
    return path.name, spelling.format(number=number, name=path.name, path=path)
