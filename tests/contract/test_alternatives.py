"""Alternatives in a line: a picture for each text, one seed, one encoding of the init image, and own records."""

from __future__ import annotations

from pathlib import Path

from invoke_cli.context.outcome import Outcome
from tests.session_harness import House, pixels


def wildcards(house: House, **lists: str) -> None:
    folder = house.folder / "root" / "wildcards"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in lists.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")


def test_d3_one_source_many_styles(real_house: House, sketch: Path) -> None:
    real_house.session.workshop.engine.unload()
    styles = "{oil painting|watercolor|pencil sketch|cyberpunk}"
    made = real_house.draw(f'-I sketch.png -f.6 -C7.5 -s4 "{styles}" --trace')
    assert len(made) == 4 and len({pixels(path) for path in made}) == 4
    assert real_house.traces[-1].startswith("trace: encodes=1 ")
    assert [event.line.split(" -")[0] for event in real_house.saved] == styles.strip("{}").split("|")
    assert len({event.seed for event in real_house.saved}) == 1
    for event, path in zip(real_house.saved, made, strict=True):
        (alone,) = real_house.draw(event.line)
        assert pixels(alone) == pixels(path), "each line makes its picture without the others"
        assert real_house.run(f"!verify {path}") is Outcome.OK


def test_all_for_each_seed_and_in_each_stage(house: House) -> None:
    house.draw("a {cat|dog} -s2 -S 1,2 --neg {blurry|dark}")
    said = [(event.line.split(" -s")[0], event.line.split("--neg ")[1].split()[0], event.seed) for event in house.saved]
    assert said == [(f"a {one}", neg, seed) for one in ("cat", "dog") for neg in ("blurry", "dark") for seed in (1, 2)]
    house.draw("a {cat|dog} -s2 | {ink|oil} -f.5")
    assert [event.line.count("|") for event in house.saved] == [1] * 4
    assert len({event.line.split("| ")[1].split(" -")[0] for event in house.saved}) == 2


def test_one_is_drawn_by_each_images_seed(house: House) -> None:
    house.draw("a {?red|green|blue} cat -s2 -S 5 -n 8")
    first = [(event.line.split(" -s")[0], event.seed) for event in house.saved]
    assert len({seed for _, seed in first}) == 8 and len({text for text, _ in first}) > 1
    house.draw(f"a {{?red|green|blue}} cat -s2 -S {first[3][1]}")
    assert (house.saved[0].line.split(" -s")[0], house.saved[0].seed) == first[3]


def test_lists_from_files(house: House) -> None:
    wildcards(house, styles="# my styles\nink\n\noil, thick (paint)\n")
    house.draw("a cat, {__styles__} -s2 -S1")
    assert [event.line.split(" -s")[0] for event in house.saved] == ["a cat, ink", "a cat, oil, thick (paint)"]
    assert house.run("a cat, {__moods__} -s2") is not Outcome.OK
    assert house.errors == [f"there is no list {house.folder / 'root' / 'wildcards' / 'moods.txt'}"]
    assert house.run("a cat, {__../secret__} -s2") is not Outcome.OK


def test_a_recall_means_the_same_picture_for_all(house: House) -> None:
    house.draw("a castle -s2 -S3")
    house.draw("{ink|oil} -s2 -I @last")
    assert len({event.line.split("-I ")[1].split()[0] for event in house.saved}) == 1
    house.draw("{ink|oil} -s2 -S -1")
    assert len({event.seed for event in house.saved}) == 1
    house.draw("!again")
    assert len(house.saved) == 2


def test_a_grid_holds_all_of_them(house: House) -> None:
    house.draw("{ink|oil|chalk} -s2 -S3 -g")
    assert [text for text in house.notices if text.startswith("grid: ")] == ["grid: outputs/000004.grid.png"]


def test_braces_without_an_operator_are_text(house: House) -> None:
    house.draw("a {cat} \\{on|off} -s2 -S1")
    assert house.saved[0].line.startswith("a {cat} \\{on|off} -s 2")
    assert house.run('"a {cat|dog" -s2') is Outcome.UNREADABLE
    assert house.errors == ["this brace with alternatives is not closed"]
