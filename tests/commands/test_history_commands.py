"""History commands: search, tags, ratings, removal, trees, differences, export, reindexing."""

from __future__ import annotations

import os
import time
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from invoke_cli.context.outcome import Outcome
from invoke_cli.metadata.containers.text_chunks import read_chunks
from tests.session_harness import SessionHarness, pixels


def output(harness: SessionHarness, line: str) -> str:
    """Run a command that succeeds; return its messages."""
    assert harness.run(line) is Outcome.OK, harness.errors
    return harness.messages


def numbers(text: str) -> list[int]:
    """Return the numbers of the images in a list."""
    return [int(line[1 : line.index("]")]) for line in text.splitlines() if line.lstrip().startswith("[")]


@pytest.mark.feature("history")
def test_images_are_found_by_search_tag_and_rating(harness: SessionHarness, sketch: Path) -> None:
    harness.draw("a red fox -s2 -S1")
    harness.draw("a red boat -s4 -S2 -I sketch.png -f.5")
    harness.draw("a blue boat -s4 -S3 -I sketch.png -f1")
    assert numbers(output(harness, "!search boat")) == [2, 3]
    assert numbers(output(harness, "!search red strength<0.8")) == [2]
    assert numbers(output(harness, "!search model:tin since:today steps=2")) == [1]
    assert numbers(output(harness, '!search "red fox"')) == [1]
    output(harness, "!tag 1 3 good keep")
    output(harness, "!rate 3 5")
    assert numbers(output(harness, "!history --tag good --since yesterday")) == [1, 3]
    assert numbers(output(harness, "!history 1 --tag good")) == [3]
    assert numbers(output(harness, "!history --tag=good --rating 5")) == [3]
    assert "    rated 5, good, keep" in harness.messages
    assert output(harness, "!tag 1 -good").endswith("keep")
    assert numbers(output(harness, "!search tag:good")) == [3]
    harness.draw("oil -I !2 -s2 -S4")
    harness.run("!2")
    assert harness.prefills[0].startswith("a red boat")


def test_bad_queries_tags_and_ratings_are_errors(harness: SessionHarness) -> None:
    harness.draw("a cat -s2")
    for line, text in [
        ("!search strenth>1", "unknown setting: strenth"),
        ("!tag good", "no image"),
        ("!tag 9 good", "has no image 9"),
        ("!tag 1 9x!", "not a valid tag"),
        ("!rate 1", "rating"),
        ("!rate 1 6", "rating"),
        ("!history --since whenever", "not a time: whenever"),
        ("!history --tag", "needs a value"),
        ("!save 1", "takes images, then a folder"),
        ("!save nine out", "takes images"),
        ("!diff 1", "two images"),
        ("!rm x", "no image x"),
    ]:
        assert harness.run(line) is Outcome.FAILED, line
        assert text in harness.errors[0], (line, harness.errors)


def test_a_removed_image_disappears_from_all_lists(harness: SessionHarness) -> None:
    harness.draw("a cat -s2 -S1")
    (dog,) = harness.draw("a dog -s2 -S2")
    output(harness, "!tag 2 good")
    output(harness, "!rm 2")
    assert not dog.exists() and len(list((harness.folder / "outputs" / ".invoke" / "trash").iterdir())) == 1
    for line in ("!history", "!search dog", "!search tag:good", "!history --tag good"):
        assert "a dog" not in output(harness, line)
    harness.run("!fetch @last")
    assert harness.prefills[0].startswith("a cat")
    assert harness.run("!2") is Outcome.FAILED
    harness.draw("a bird -s2 -S3")
    assert harness.saved[0].number == 3
    output(harness, "!rm 1..3")
    assert output(harness, "!history") == "this folder contains no images yet"


@pytest.mark.feature("lineage")
def test_tree_shows_parents_and_children(harness: SessionHarness, sketch: Path) -> None:
    harness.draw("one -I sketch.png -s2 -S1 -f.5")
    harness.draw("two -I !1 -s2 -S2 -f.5")
    harness.draw("three -I !2 -s2 -S3 -f.5")
    harness.draw("four -I !1 -s2 -S4 -f.5")
    lines = output(harness, "!tree 2").splitlines()
    assert [line.split("[")[0].count(" ") for line in lines] == [0, 2, 4, 6, 4]
    assert lines[0] == "sketch.png" and "two" in lines[2] and lines[2].endswith("<- this one") and "four" in lines[4]
    assert output(harness, "!tree sketch.png").splitlines()[0] == "sketch.png  <- this one"


def test_diff_shows_changed_settings_and_pixel_difference(harness: SessionHarness, sketch: Path) -> None:
    harness.draw("a cat -s2 -S1")
    harness.draw("a dog -s3 -S1 -I sketch.png -W 128 -H 128 --fit")
    text = output(harness, "!diff 1 2")
    assert "steps: -s 2 -> -s 3" in text and "prompt: a cat -> a dog" in text and "init_img: none" in text
    assert "sizes: 64x64 -> " in text and "mean difference" in text and "seed" not in text
    harness.draw("a cat -s2 -S1")
    assert output(harness, "!diff 1 3") == "the settings are identical\nthe pixels are identical"
    assert "contains no generation metadata" in output(harness, "!diff 1 sketch.png")


@pytest.mark.feature("save-all")
def test_saved_copies_have_descriptive_names(harness: SessionHarness) -> None:
    paths = harness.draw("a red fox: by/the river -s2 -S1..2")
    harness.draw("a dog -s2 -S3")
    assert "saved 1 image to kept" in output(harness, "!save last kept")
    assert "3 images" in output(harness, "!save session kept")
    assert "3 images" in output(harness, "!save all all --zip")
    names = sorted(path.name for path in (harness.folder / "kept").iterdir())
    assert names[0] == "000001.1.a red fox_ by_the river.png" and len(names) == 4 and names[-1] == "000003.3.a dog.png"
    assert (harness.folder / "kept" / names[0]).read_bytes() == paths[0].read_bytes()
    with zipfile.ZipFile(harness.folder / "all.zip") as archive:
        assert len(archive.namelist()) == 3 and archive.read(names[0]) == paths[0].read_bytes()
    assert harness.run("!save all all --zip") is Outcome.FAILED
    assert "2 images" in output(harness, "!save 1 2 other --fnformat same.png")
    assert sorted(path.name for path in (harness.folder / "other").iterdir()) == ["same-2.png", "same.png"]


def test_strip_keeps_only_the_pixels(harness: SessionHarness) -> None:
    (path,) = harness.draw("a secret -s2 -S1")
    output(harness, "!strip 1")
    copy = harness.folder / "outputs" / "000002.stripped.png"
    assert pixels(copy) == pixels(path) and read_chunks(copy) == {} and b"secret" not in copy.read_bytes()
    Image.new("RGBA", (8, 8), (1, 2, 3, 4)).save("clear.png")
    output(harness, "!strip clear.png")
    with Image.open(harness.folder / "outputs" / "000003.stripped.png") as image:
        assert image.mode == "RGBA" and image.getpixel((0, 0)) == (1, 2, 3, 4)
    assert "a secret" in output(harness, "!history")


def test_fetch_takes_a_part(harness: SessionHarness) -> None:
    harness.draw("a cat [dog] -s2 -S5 -v.2")
    for part, expected, absent in [
        ("prompt", ["a cat"], ["-s 2", "-S"]),
        ("seed", ["-S 5", "-V"], ["cat", "-s 2"]),
        ("all", ["a cat", "-s 2", "-S 5"], []),
        ("remix", ["a cat", "-s 2"], ["-S", "-V"]),
    ]:
        harness.run(f"!fetch 1 {part}")
        (line,) = harness.prefills
        assert all(text in line for text in expected) and not any(text in line for text in absent), line


def test_fetch_writes_the_lines_of_many_images_to_a_file(harness: SessionHarness, sketch: Path) -> None:
    paths = harness.draw("a cat -s2 -S1..3")
    sketch.rename(harness.folder / "outputs" / "plain.png")
    assert "3 lines" in output(harness, "!fetch outputs/*.png lines.txt")
    assert any("plain.png" in text for text in harness.notices)
    before = [pixels(path) for path in paths]
    assert [pixels(path) for path in harness.draw("!replay lines.txt")] == before
    assert harness.run("!fetch outputs/*.png lines.txt") is Outcome.FAILED and "already exists" in harness.errors[0]


QUERIES = (
    "!history", "!search cat", "!search strength>.4", "!search seed=3 since:today", "!tree 2", "!history --tag good",
    "!search rating>=5", "!search --model tin", "!7", "!fetch @last", "!fetch @last2",
)  # fmt: skip


@pytest.mark.parametrize("lost", [True, False])
def test_reindex_restores_the_same_query_results(harness: SessionHarness, sketch: Path, lost: bool) -> None:
    harness.draw("a cat -s2 -S1")
    harness.draw("a cat in oil -I sketch.png -f.5 -s2 -S2")
    harness.draw("snow -I !2 -s2 -S3 -n2 --grid")
    harness.draw("a cat -s2 -S1")
    harness.draw("a | b -s2 -S9 -p")
    harness.draw("a secret -s2 -S10 --private")
    harness.run("!tag 2 4 good", "!tag 4 -good", "!rate 3 5", "!rm 4")

    def query_results() -> list[object]:
        results: list[object] = []
        for query in QUERIES:
            harness.run(query)
            results.append((harness.messages, harness.prefills, harness.errors))
        return results

    before = query_results()
    if lost:
        for part in (harness.folder / "outputs" / ".invoke").glob("history*"):
            part.unlink()
    harness.session.context._folders.clear()
    assert "7 images" in output(harness, "!reindex")
    assert query_results() == before
    harness.draw("sketch again -I sketch.png -s2")
    assert harness.saved[0].number == 9


def test_a_private_image_leaves_no_text_in_the_history(harness: SessionHarness, sketch: Path) -> None:
    harness.draw("a secret -I sketch.png -s2 -S1 --private --neg hidden")
    for query in ("!search secret", "!search hidden", "!search sketch", "!search init_img:sketch"):
        assert numbers(output(harness, query)) == []
    output(harness, "!reindex")
    database = b"".join(path.read_bytes() for path in (harness.folder / "outputs" / ".invoke").glob("history*"))
    assert b"secret" not in database and b"hidden" not in database and b"sketch" not in database


def test_open_starts_the_viewer_with_the_image(fake_session: SessionHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = fake_session.draw("a cat -s2")
    programs = fake_session.folder / "bin"
    programs.mkdir()
    log = fake_session.folder / "opened"
    for name in ("xdg-open", "open"):
        (programs / name).write_text(f'#!/bin/sh\nprintf "%s" "$1" > {log}\n')
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    assert fake_session.run("!open 1") is Outcome.OK
    deadline = time.monotonic() + 20
    while not log.is_file() or not log.read_text():
        assert time.monotonic() < deadline, "the viewer was not started"
        time.sleep(0.02)
    assert log.read_text() == str(path.absolute()), "an absolute path is never read as a switch"
    monkeypatch.setenv("PATH", str(fake_session.folder / "nothing"))
    assert fake_session.run("!open 1") is Outcome.FAILED
    assert fake_session.errors[0].startswith("image viewer not found")
