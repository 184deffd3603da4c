"""`!sweep`: everything with several values is an axis, and every image is in the grid, the table and the page."""

from __future__ import annotations

import csv
import html
import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from invoke_cli.context.outcome import Outcome
from invoke_cli.events import Event, Saved
from invoke_cli.metadata.containers.text_chunks import read_chunks
from invoke_cli.metadata.sheet_record import decode_sheet
from invoke_cli.planning.seeds import seed_run
from tests.inputs.test_loras import train
from tests.sample_images import drawing
from tests.session_harness import SessionHarness, pixels, size

FAINT = (96, 96, 96)  # the border of an image in a grid


def seeds(first: int, count: int) -> list[str]:
    """Return the seeds of `-n`, as they are shown."""
    return [str(seed) for seed in seed_run(first, count)]


def rows_of(harness: SessionHarness) -> list[dict[str, str]]:
    """Return the rows of the last sweep's table."""
    table = sorted((harness.folder / "outputs").glob("*.sweep.csv"))[-1]
    return list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))


def links_of(harness: SessionHarness) -> list[str]:
    """Return the names of the images on the last sweep's page."""
    page = sorted((harness.folder / "outputs").glob("*.sweep.html"))[-1].read_text(encoding="utf-8")
    return [html.unescape(link) for link in re.findall(r'<img src="([^"]+)"', page)]


def shown_by(harness: SessionHarness) -> list[str]:
    """Return the names of the images in the last sweep's grid."""
    record = decode_sheet(read_chunks(sorted((harness.folder / "outputs").glob("*.sweep.png"))[-1]))
    assert record is not None
    return [shown.name for shown in record.shows]


def cells_in_grid(harness: SessionHarness) -> int:
    """Return how many images the last sweep's grid contains, by their borders."""
    with Image.open(sorted((harness.folder / "outputs").glob("*.sweep.png"))[-1]) as image:
        sheet = image.convert("RGB")
    found = 0
    for top, left in itertools.product(range(sheet.height - 2), range(sheet.width - 2)):
        # An image begins at the corner of its border.
        corner = [sheet.getpixel(place) for place in ((left, top), (left + 1, top), (left, top + 1))]
        inside = sheet.getpixel((left + 1, top + 1))
        found += corner == [FAINT] * 3 and inside != FAINT
    return found


@pytest.fixture
def session(fake_session: SessionHarness) -> SessionHarness:
    """A session with three photos in a folder, a second model, and a list of words."""
    photos = fake_session.folder / "photos"
    photos.mkdir()
    for number in (2, 3, 10):
        drawing(64 + number, 64).save(photos / f"p{number}.png")
    words = fake_session.folder / "root" / "wildcards"
    words.mkdir()
    (words / "colours.txt").write_text("red\npale {blue|green}\n", encoding="utf-8")
    models = fake_session.folder / "root" / "configs" / "models.yaml"
    entry = models.read_text(encoding="utf-8").replace("tiny:", "other:").replace("  default: true\n", "")
    models.write_text(models.read_text(encoding="utf-8") + entry, encoding="utf-8")
    return fake_session


@pytest.mark.feature("sweep", "model-sweep")
@pytest.mark.parametrize(
    ("line", "columns"),
    [
        ("a {red|blue} circle -S 1,2", {"prompt": ["red", "blue"], "seed": ["1", "2"]}),
        ("{red|blue} {cat|dog|}", {"prompt 1": ["red", "blue"], "prompt 2": ["cat", "dog", "(nothing)"]}),
        ("a {__colours__} circle", {"prompt": ["red", "pale blue", "pale green"]}),
        ("a cat -n 3 -S 42", {"seed": seeds(42, 3)}),
        ("a cat -n 2 -S 42,5", {"seed": [*seeds(42, 2), *seeds(5, 2)]}),
        ("a cat -I photos/*.png -f .5", {"init_img": ["photos/p2.png", "photos/p3.png", "photos/p10.png"]}),
        ("a cat -I photos", {"init_img": ["photos/p2.png", "photos/p3.png", "photos/p10.png"]}),
        ("a cat -I photos/p2.png,photos/p3.png", {"init_img": ["photos/p2.png", "photos/p3.png"]}),
        ("a cat -m tiny,other", {"model": ["tiny", "other"]}),
        ("a cat -A ddim,k_euler -C 5..9:2", {"sampler": ["ddim", "k_euler"], "cfg_scale": ["5", "7", "9"]}),
        ('a cat --neg "very {ugly|dull}"', {"negative_prompt": ["ugly", "dull"]}),
        ("a cat --neg ugly,dull -W 64,128", {"negative_prompt": ["ugly", "dull"], "width": ["64", "128"]}),
        ("a cat -V 7:{.1|.2}", {"with_variations": ["7:.1", "7:.2"]}),
        ("a | b {c|d} -f .3,.5", {"prompt of stage 2": ["c", "d"], "strength of stage 2": [".3", ".5"]}),
    ],
)
def test_everything_with_several_values_is_an_axis(
    session: SessionHarness, line: str, columns: dict[str, list[str]]
) -> None:
    assert session.run(f"!sweep {line} -s 2") is Outcome.OK, session.errors
    rows = rows_of(session)
    combinations = list(itertools.product(*columns.values()))
    assert [tuple(row[name] for name in columns) for row in rows] == combinations
    assert len({row["number"] for row in rows}) == len(combinations)
    assert_nothing_is_missing(session)


def assert_nothing_is_missing(session: SessionHarness) -> None:
    """Check that all images that were saved are in the grid, the table and the page."""
    saved = {Path(saved.path).name for saved in session.saved}
    assert saved and saved <= {row["file"] for row in rows_of(session)}
    assert saved <= set(links_of(session)) and saved <= set(shown_by(session))
    assert cells_in_grid(session) == len(rows_of(session)) == len(links_of(session))


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("a cat -s 2,3 -v .1 -n 3", [f"image {number} of 3" for number in (1, 2, 3)] * 2),
        ("a cat -v .1 -n 2", ["image 1 of 2", "image 2 of 2"]),
        ("a cat -s 2,3 -U 2 --save_original", ["image 1 of 2", "image 2 of 2"] * 2),
        ("a cat -s 2,3 | b -f .5 --save_all", ["stage 1", ""] * 2),
    ],
)
def test_all_images_of_a_cell_are_shown(session: SessionHarness, line: str, parts: list[str]) -> None:
    assert session.run(f"!sweep {line}") is Outcome.OK, session.errors
    assert [row["image"] for row in rows_of(session)] == parts
    assert_nothing_is_missing(session)


@pytest.mark.parametrize(
    ("defaults", "count"), [("-n 3", 6), ("-S 1,2", 4), ('--neg "{ugly|dull}"', 4), ("-I photos", 6)]
)
def test_defaults_with_several_values_are_axes(session: SessionHarness, defaults: str, count: int) -> None:
    assert session.run(f"!set {defaults}", "!sweep a cat -s 2,3") is Outcome.OK, session.errors
    assert len(session.saved) == len(rows_of(session)) == count
    assert_nothing_is_missing(session)


@pytest.mark.feature("sweep")
def test_a_sweep_of_numbers_and_words_is_complete_after_an_interruption(session: SessionHarness) -> None:
    line = "!sweep a {red|blue} house -s 2,3,4 --neg ugly,dull"
    context, counter = session.session.context, itertools.count(1)
    emit = context.emit

    def stop_after_five(event: Event) -> None:
        emit(event)
        if isinstance(event, Saved) and next(counter) == 5:
            session.session.stop()

    context.emit = stop_after_five
    assert session.run(line) is Outcome.INTERRUPTED
    context.emit = emit
    assert len(session.saved) == 5 and not list((session.folder / "outputs").glob("*.sweep.*"))
    first = {saved.path for saved in session.saved}
    assert session.run("a distraction -s 2", line) is Outcome.OK, session.errors
    rows = rows_of(session)
    assert len(session.saved) == 1 + 7 and len(rows) == len(links_of(session)) == cells_in_grid(session) == 12
    assert [(row["prompt"], row["steps"], row["negative_prompt"]) for row in rows] == list(
        itertools.product(("red", "blue"), ("2", "3", "4"), ("ugly", "dull"))
    )
    assert {Path(path).name for path in first} < {row["file"] for row in rows} == set(shown_by(session))
    for row in rows:
        words = f"a {row['prompt']} house -s {row['steps']} "
        assert row["line"].startswith(words) and f"--neg {row['negative_prompt']}" in row["line"]
    width, height = size(sorted((session.folder / "outputs").glob("*.sweep.png"))[0])
    assert 1 / 2 < width / height < 2, "the blocks are beside and below each other"


def test_cells_that_generate_the_same_share_an_image(session: SessionHarness) -> None:
    (session.folder / "photos" / "link.png").symlink_to(session.folder / "photos" / "p2.png")
    line = "!sweep a {red|red|blue} cat -A k_euler,euler -I photos/p2.png,photos/link.png,./photos/p2.png -s 2"
    assert session.run(line) is Outcome.OK, session.errors
    rows = rows_of(session)
    assert len(rows) == 12 and len(session.saved) == 2
    assert {row["number"] for row in rows if row["prompt"] == "red"} == {"1"}
    assert cells_in_grid(session) == 12 and len(shown_by(session)) == 2


def test_a_recent_result_is_the_same_image_in_all_cells(session: SessionHarness) -> None:
    session.draw("a lake -s 2 -S 9")
    line = "!sweep a cat -I @last -f .5,.9 -S -1 -s 2,4"
    emit = session.session.context.emit

    def stop_after_one(event: Event) -> None:
        emit(event)
        if isinstance(event, Saved):
            session.session.stop()

    session.session.context.emit = stop_after_one
    assert session.run(line) is Outcome.INTERRUPTED
    session.session.context.emit = emit
    assert session.run(line) is Outcome.OK, session.errors
    rows = rows_of(session)
    assert len(rows) == 4 and all("-I 000001.9.png" in row["line"] and "-S 9" in row["line"] for row in rows)
    assert session.run("!set -I -1", "!sweep a dog -s 2,4") is Outcome.OK, session.errors
    assert len({re.search(r"-I (\S+)", row["line"])[1] for row in rows_of(session)}) == 1  # type: ignore[index]


def test_an_unreadable_image_fails_alone_and_is_tried_again(session: SessionHarness) -> None:
    good = (session.folder / "photos" / "p3.png").read_bytes()
    (session.folder / "photos" / "p3.png").write_bytes(good[:40])
    line = "!sweep a {red|blue} cat -I photos/*.png -s 2 -S 1"
    assert session.run(line) is Outcome.FAILED
    assert session.errors[-1] == "2 of 6 cells could not be generated"
    assert len(session.saved) == 4 and [row["file"] for row in rows_of(session)].count("") == 2
    assert len(links_of(session)) == 4
    (session.folder / "photos" / "p3.png").write_bytes(good)
    assert session.run(line) is Outcome.OK, session.errors
    assert len(session.saved) == 2 and "" not in [row["file"] for row in rows_of(session)]
    assert len(links_of(session)) == 6


def test_a_damaged_record_of_progress_is_ignored(session: SessionHarness) -> None:
    line = "!sweep a cat -s 2,3 -I photos/*.png"
    (session.folder / "photos" / "p2.png").write_bytes(b"")
    assert session.run(line) is Outcome.FAILED
    (record,) = (session.folder / "outputs" / ".invoke" / "sweeps").glob("*.jsonl")
    record.write_text(
        '{"seed": "x"}\n[1]\n{"cell": 5, "numbers": [1]}\n{"cell": "c", "numbers": {}}\n{"seed": 1, "recalls": 3}\n'
        + "[" * 5000,
        encoding="utf-8",
    )
    assert session.run(line) is Outcome.FAILED and len(session.saved) == 4


def test_a_comment_after_the_line_keeps_the_shared_seed(session: SessionHarness) -> None:
    assert session.run("!sweep a cat -s 2,3 # compare the steps") is Outcome.OK, session.errors
    assert len({saved.seed for saved in session.saved}) == 1


def test_a_random_choice_is_made_by_the_seed_of_each_cell(session: SessionHarness) -> None:
    assert session.run("!sweep a {?red|blue} {cat|dog} -S 1..6 -s 2") is Outcome.OK, session.errors
    rows = rows_of(session)
    assert len(rows) == 12
    assert len({row["line"].split(" -s")[0] for row in rows}) == 4


def test_ladder_accepts_further_axes(session: SessionHarness) -> None:
    assert session.run("!ladder a {red|blue} cat -I photos/p2.png -s 10 -S 3 # a note") is Outcome.OK, session.errors
    assert len(session.saved) == 20
    assert sum("red, -f " in line or "blue, -f " in line for line in session.messages.splitlines()) == 20
    assert pixels(session.folder / "outputs" / "000021.ladder.png")


def test_a_ladder_of_a_damaged_image_is_one_error_without_a_sheet(session: SessionHarness) -> None:
    (session.folder / "photos" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert session.run("!ladder a cat -I photos/broken.png -s 10") is Outcome.FAILED
    assert "10 of 10 cells could not be generated" in session.errors[-1]
    assert not list((session.folder / "outputs").glob("*.ladder.png"))


@pytest.mark.feature("ladder")
def test_a_ladder_begins_with_the_init_image_below_the_prompt(session: SessionHarness) -> None:
    Image.new("RGB", (256, 256), (10, 200, 30)).save("green.png")
    heights = []
    for line in ("!ladder a cat -I green.png -s 10 -S 3", '!ladder "" -I green.png -s 10 -S 3'):
        assert session.run(line) is Outcome.OK, session.errors
        with Image.open(sorted((session.folder / "outputs").glob("*.ladder.png"))[-1]) as image:
            sheet = np.asarray(image.convert("RGB")).astype(int)
        green = np.argwhere(np.abs(sheet - (10, 200, 30)).max(axis=-1) < 3)
        heights.append(int(green[:, 0].min()))
        first = next(saved for saved in session.saved if "-f 0.1" in saved.line)
        with Image.open(first.path) as image:
            colour = np.asarray(image.convert("RGB"))[32, 32]
        found = np.argwhere(np.abs(sheet - colour).max(axis=-1) < 3)
        assert green[:, 1].max() < found[:, 1].min() and sheet.shape[1] > 4 * 128 + 700, "the chart is beside them"
    assert heights[0] > heights[1], "without a prompt there is no title"


def test_output_switches_of_a_later_stage_apply_to_the_sweep(session: SessionHarness) -> None:
    session.draw("a lake -s 2")  # another image has the number 1 in the default folder
    assert session.run("!sweep a cat -s 2,3 | b -f .5 -o other -g") is Outcome.OK, session.errors
    folder = session.folder / "other"
    (table,) = folder.glob("*.sweep.csv")
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 2 and all((folder / row["file"]).is_file() for row in rows)
    assert not list(folder.glob("*.grid.png"))
    session.run("!sweep a cat -s 2,3 | b -f .5 --dry_run")
    assert session.saved == [] and len(session.messages.splitlines()) == 2


@pytest.fixture
def lora_session(real_session: SessionHarness, tiny_model: Path) -> SessionHarness:
    """A session with the LoRAs film and ink."""
    for seed, name in enumerate(("film", "ink")):
        train(tiny_model, real_session.folder / "root" / "loras" / f"{name}.safetensors", seed, ["to_q", "to_v"])
    return real_session


def test_a_sweep_over_loras(lora_session: SessionHarness) -> None:
    line = "!sweep a cat --lora film,ink:.5 --lora {film:.1|ink:.2} -s 2 -S 3"
    assert lora_session.run(line) is Outcome.OK, lora_session.errors
    rows = rows_of(lora_session)
    assert [(row["lora 1"], row["lora 2"]) for row in rows] == list(
        itertools.product(("film", "ink:.5"), ("film:.1", "ink:.2"))
    )
    pictures = {pixels(lora_session.folder / "outputs" / row["file"]) for row in rows}
    assert len(pictures) == 4
