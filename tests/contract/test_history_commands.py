"""What was made, found again, marked, compared, kept and given away."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from PIL import Image

from invoke_cli.context.outcome import Outcome
from invoke_cli.metadata.containers.text_chunks import read_chunks
from tests.session_harness import House, pixels


def answer(house: House, line: str) -> str:
    """What a command that succeeds says."""
    assert house.run(line) is Outcome.OK, house.errors
    return house.messages


def numbers(text: str) -> list[int]:
    """The numbers of the images in a list."""
    return [int(line[1 : line.index("]")]) for line in text.splitlines() if line.lstrip().startswith("[")]


def test_l4_what_was_made_is_found_again(house: House, sketch: Path) -> None:
    house.draw("a red fox -s2 -S1")
    house.draw("a red boat -s4 -S2 -I sketch.png -f.5")
    house.draw("a blue boat -s4 -S3 -I sketch.png -f1")
    assert numbers(answer(house, "!search boat")) == [2, 3]
    assert numbers(answer(house, "!search red strength<0.8")) == [2]
    assert numbers(answer(house, "!search model:tin since:today steps=2")) == [1]
    assert numbers(answer(house, '!search "red fox"')) == [1]
    answer(house, "!tag 1 3 good keep")
    answer(house, "!rate 3 5")
    assert numbers(answer(house, "!history --tag good --since yesterday")) == [1, 3]
    assert numbers(answer(house, "!history 1 --tag good")) == [3]
    assert numbers(answer(house, "!history --tag=good --rating 5")) == [3]
    assert "    rated 5, good, keep" in house.messages
    assert answer(house, "!tag 1 -good").endswith("keep")
    assert numbers(answer(house, "!search tag:good")) == [3]
    house.draw("oil -I !2 -s2 -S4")
    house.run("!2")
    assert house.prefills[0].startswith("a red boat")


def test_bad_questions_and_marks_are_told(house: House) -> None:
    house.draw("a cat -s2")
    for line, said in [
        ("!search strenth>1", "no setting strenth"),
        ("!tag good", "no image"),
        ("!tag 9 good", "no image number 9"),
        ("!tag 1 9x!", "cannot be a tag"),
        ("!rate 1", "rating"),
        ("!rate 1 6", "rating"),
        ("!history --since whenever", "no time"),
        ("!history --tag", "needs a value"),
        ("!save 1", "takes images and then a folder"),
        ("!save nine out", "takes images"),
        ("!diff 1", "two pictures"),
        ("!rm x", "number"),
    ]:
        assert house.run(line) is Outcome.FAILED, line
        assert said in house.errors[0], (line, house.errors)


def test_a_removed_image_is_gone_from_everywhere(house: House) -> None:
    house.draw("a cat -s2 -S1")
    (dog,) = house.draw("a dog -s2 -S2")
    answer(house, "!tag 2 good")
    answer(house, "!rm 2")
    assert not dog.exists() and len(list((house.folder / "outputs" / ".invoke" / "trash").iterdir())) == 1
    for line in ("!history", "!search dog", "!search tag:good", "!history --tag good"):
        assert "a dog" not in answer(house, line)
    house.run("!fetch @last")
    assert house.prefills[0].startswith("a cat")
    assert house.run("!2") is Outcome.FAILED
    house.draw("a bird -s2 -S3")
    assert house.saved[0].number == 3
    answer(house, "!rm 1..3")
    assert answer(house, "!history") == "no images yet in this folder"


def test_tree_shows_parents_and_children(house: House, sketch: Path) -> None:
    house.draw("one -I sketch.png -s2 -S1 -f.5")
    house.draw("two -I !1 -s2 -S2 -f.5")
    house.draw("three -I !2 -s2 -S3 -f.5")
    house.draw("four -I !1 -s2 -S4 -f.5")
    lines = answer(house, "!tree 2").splitlines()
    assert [line.split("[")[0].count(" ") for line in lines] == [0, 2, 4, 6, 4]
    assert lines[0] == "sketch.png" and "two" in lines[2] and lines[2].endswith("<- this one") and "four" in lines[4]
    assert answer(house, "!tree sketch.png").splitlines()[0] == "sketch.png  <- this one"


def test_diff_tells_settings_and_distance(house: House, sketch: Path) -> None:
    house.draw("a cat -s2 -S1")
    house.draw("a dog -s3 -S1 -I sketch.png -W 128 -H 128 --fit")
    said = answer(house, "!diff 1 2")
    assert "steps: -s 2 -> -s 3" in said and "prompt: a cat -> a dog" in said and "init_img: none" in said
    assert "sizes: 64x64 -> " in said and "apart on average" in said and "seed" not in said
    house.draw("a cat -s2 -S1")
    assert answer(house, "!diff 1 3") == "the settings are the same\nthe pixels are the same"
    assert "does not say how it was made" in answer(house, "!diff 1 sketch.png")


def test_l1_copies_have_names_that_say_what_they_are(house: House) -> None:
    paths = house.draw("a red fox: by/the river -s2 -S1..2")
    house.draw("a dog -s2 -S3")
    assert "1 image saved" in answer(house, "!save last kept")
    assert "3 images" in answer(house, "!save session kept")
    assert "3 images" in answer(house, "!save all all --zip")
    names = sorted(path.name for path in (house.folder / "kept").iterdir())
    assert names[0] == "000001.1.a red fox_ by_the river.png" and len(names) == 4 and names[-1] == "000003.3.a dog.png"
    assert (house.folder / "kept" / names[0]).read_bytes() == paths[0].read_bytes()
    with zipfile.ZipFile(house.folder / "all.zip") as archive:
        assert len(archive.namelist()) == 3 and archive.read(names[0]) == paths[0].read_bytes()
    assert house.run("!save all all --zip") is Outcome.FAILED
    assert "2 images" in answer(house, "!save 1 2 other --fnformat same.png")
    assert sorted(path.name for path in (house.folder / "other").iterdir()) == ["same-2.png", "same.png"]


def test_strip_keeps_the_pixels_alone(house: House) -> None:
    (path,) = house.draw("a secret -s2 -S1")
    answer(house, "!strip 1")
    copy = house.folder / "outputs" / "000002.stripped.png"
    assert pixels(copy) == pixels(path) and read_chunks(copy) == {} and b"secret" not in copy.read_bytes()
    Image.new("RGBA", (8, 8), (1, 2, 3, 4)).save("clear.png")
    answer(house, "!strip clear.png")
    with Image.open(house.folder / "outputs" / "000003.stripped.png") as image:
        assert image.mode == "RGBA" and image.getpixel((0, 0)) == (1, 2, 3, 4)
    assert "a secret" in answer(house, "!history")


def test_fetch_of_a_part(house: House) -> None:
    house.draw("a cat [dog] -s2 -S5 -v.2")
    for part, there, gone in [
        ("prompt", ["a cat"], ["-s 2", "-S"]),
        ("seed", ["-S 5", "-V"], ["cat", "-s 2"]),
        ("all", ["a cat", "-s 2", "-S 5"], []),
        ("remix", ["a cat", "-s 2"], ["-S", "-V"]),
    ]:
        house.run(f"!fetch 1 {part}")
        (line,) = house.prefills
        assert all(text in line for text in there) and not any(text in line for text in gone), line


def test_fetch_of_many_into_a_file(house: House, sketch: Path) -> None:
    paths = house.draw("a cat -s2 -S1..3")
    sketch.rename(house.folder / "outputs" / "plain.png")
    assert "3 lines" in answer(house, "!fetch outputs/*.png lines.txt")
    assert any("plain.png" in text for text in house.notices)
    before = [pixels(path) for path in paths]
    assert [pixels(path) for path in house.draw("!replay lines.txt")] == before
    assert house.run("!fetch outputs/*.png lines.txt") is Outcome.FAILED and "there already" in house.errors[0]


QUESTIONS = (
    "!history", "!search cat", "!search strength>.4", "!search seed=3 since:today", "!tree 2", "!history --tag good",
    "!search rating>=5", "!search --model tin", "!7", "!fetch @last", "!fetch @last2",
)  # fmt: skip


@pytest.mark.parametrize("lost", [True, False])
def test_reindex_gives_the_same_answers(house: House, sketch: Path, lost: bool) -> None:
    house.draw("a cat -s2 -S1")
    house.draw("a cat in oil -I sketch.png -f.5 -s2 -S2")
    house.draw("snow -I !2 -s2 -S3 -n2 --grid")
    house.draw("a cat -s2 -S1")
    house.draw("a | b -s2 -S9 -p")
    house.draw("a secret -s2 -S10 --private")
    house.run("!tag 2 4 good", "!tag 4 -good", "!rate 3 5", "!rm 4")

    def answers() -> list[object]:
        told: list[object] = []
        for question in QUESTIONS:
            house.run(question)
            told.append((house.messages, house.prefills, house.errors))
        return told

    before = answers()
    if lost:
        for part in (house.folder / "outputs" / ".invoke").glob("history*"):
            part.unlink()
    house.session.workshop._folders.clear()
    assert "7 images" in answer(house, "!reindex")
    assert answers() == before
    house.draw("sketch again -I sketch.png -s2")
    assert house.saved[0].number == 9


def test_a_private_image_leaves_no_words_in_the_history(house: House, sketch: Path) -> None:
    house.draw("a secret -I sketch.png -s2 -S1 --private --neg hidden")
    for question in ("!search secret", "!search hidden", "!search sketch", "!search init_img:sketch"):
        assert numbers(answer(house, question)) == []
    answer(house, "!reindex")
    books = b"".join(path.read_bytes() for path in (house.folder / "outputs" / ".invoke").glob("history*"))
    assert b"secret" not in books and b"hidden" not in books and b"sketch" not in books
