"""`!compare`, `!grid`, `!contact` and `!plot`: numbered images that record what they show."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from invoke_cli.context.outcome import Outcome
from invoke_cli.generation.contact_sheets import open_subject, shared_line, titles
from invoke_cli.metadata.containers.text_chunks import read_chunks
from invoke_cli.metadata.sheet_record import SheetRecord, decode_sheet
from tests.sample_images import drawing
from tests.session_harness import SessionHarness, pixels, size


def sheet(harness: SessionHarness, line: str) -> Path:
    """Run a line that makes a sheet; return its path."""
    assert harness.run(line) is Outcome.OK, harness.errors
    number, path = harness.messages.splitlines()[-1].split(": ")[0].split(" ", 1)
    assert Path(path).name.startswith(f"{int(number.strip('[]')):06d}.")
    return harness.folder / path


def record(path: Path) -> SheetRecord:
    """Return the record in a sheet's metadata."""
    found = decode_sheet(read_chunks(path))
    assert found is not None
    return found


@pytest.mark.feature("compare-settings")
def test_compare_has_a_column_for_each_image(harness: SessionHarness, sketch: Path) -> None:
    harness.draw("fire -s10 -S5 -f.7 -I sketch.png")
    harness.draw("fire -s10 -S5 -f.4 -I sketch.png")
    path = sheet(harness, "!compare 1 2")
    assert path.name == "000003.compare.png"
    assert [shown.name for shown in record(path).shows] == ["000001.5.png", "000002.5.png"]
    assert record(path).line == "!compare 000001.5.png 000002.5.png"
    assert size(path)[0] > 2 * 512 and size(path)[1] > 512
    assert size(sheet(harness, "!compare 1 2 @last"))[0] > 3 * 512


def test_compare_reproduces_frames_that_were_not_saved(real_session: SessionHarness, sketch: Path) -> None:
    harness = real_session
    harness.draw("fire -s4 -S5 -f.5 -I sketch.png")
    harness.draw("fire -s4 -S5 -I sketch.png --save_intermediates")
    first = sheet(harness, "!compare --strips 1 2")
    assert [text for text in harness.notices if "reproducing" in text] == [
        "000001.5.png: its steps were not saved; reproducing the image"
    ]
    harness.draw("fire -s4 -S5 -f.5 -I sketch.png --save_intermediates")
    second = sheet(harness, "!compare --strips 4 2")
    assert not any("reproducing" in text for text in harness.notices)
    # Saved frames are the same, but softer, since they are enlarged.
    again, kept = (np.asarray(Image.open(path).convert("RGB")).astype(int) for path in (first, second))
    assert again.shape == kept.shape and np.abs(again - kept).mean() < 4


def test_intermediates_record_their_noise_level(real_session: SessionHarness, sketch: Path) -> None:
    real_session.draw("fire -s4 -S5 -f.5 -I sketch.png --save_intermediates")
    real_session.draw("fire -s4 -S5 -f1 -I sketch.png --save_intermediates")
    noise = [
        [float(read_chunks(file)["noise"]) for file in sorted(folder.iterdir())]
        for folder in sorted((real_session.folder / "outputs" / "intermediates").iterdir())
    ]
    assert noise[0] == noise[1][2:] and noise[1][-1] == 0 and noise[1] == sorted(noise[1], reverse=True)


def test_chains_are_compared_stage_by_stage(harness: SessionHarness) -> None:
    harness.draw("a castle -s3 -S1 | snow -f .5")
    harness.draw("a castle -s3 -S2")
    assert record(sheet(harness, "!compare 1 2")).shows[0].line.count(" | ") == 1
    sheet(harness, "!compare --strips 1 2")


def test_an_image_without_recorded_steps_is_shown_alone(harness: SessionHarness, sketch: Path) -> None:
    harness.draw("a cat -s2 -S1")
    sheet(harness, "!compare sketch.png 1")
    assert any("cannot show its steps" in text for text in harness.notices)
    assert harness.run("!compare --strips sketch.png sketch.png") is Outcome.FAILED
    assert harness.run("!compare 1") is Outcome.FAILED and "2 to 8" in harness.errors[0]


@pytest.mark.feature("before-after")
def test_grid_shows_before_and_after_pixel_for_pixel(harness: SessionHarness) -> None:
    drawing(192, 128).save("sketch.png")
    (result,) = harness.draw("fire -s2 -S5 -I sketch.png -W 128 -H 128 --fit")
    path = sheet(harness, f"!grid sketch.png {result}")
    shown = record(path).shows
    assert [each.name for each in shown] == ["sketch.png", result.name] and shown[1].line.startswith("fire")
    assert all(len(each.sha256) == 64 for each in shown)
    with Image.open(path) as image:  # it contains the sketch, pixel for pixel
        found = np.asarray(image.convert("RGB"))
    expected = np.asarray(drawing(192, 128))[8:120, 8:184]
    windows = np.lib.stride_tricks.sliding_window_view(found, (*expected.shape[:2], 3))[:, :, 0]
    assert any(np.array_equal(window, expected) for row in windows for window in row[:64])


@pytest.mark.feature("contact-sheet")
def test_contact_shows_the_last_line_the_session_or_given_images(harness: SessionHarness) -> None:
    harness.draw("a cat -s2 -S1")
    harness.draw("a dog -s2 -S1..3")
    assert len(record(sheet(harness, "!contact")).shows) == 3
    assert len(record(sheet(harness, "!contact session")).shows) == 4
    assert [each.name for each in record(sheet(harness, "!contact 1 3")).shows] == ["000001.1.png", "000003.2.png"]
    harness.session.context.session_id = "another"
    assert len(record(sheet(harness, "!contact last")).shows) == 3
    assert len(record(sheet(harness, "!contact session")).shows) == 4


@pytest.mark.feature("contact-sheet")
def test_contact_shows_once_what_all_images_share(harness: SessionHarness, sketch: Path) -> None:
    paths = harness.draw("a dog -s2 -S1..3")
    paths += harness.draw("a dog -s2 -S1 -I sketch.png -f.5")
    context, subjects = harness.session.context, [open_subject(path) for path in [*paths, Path("sketch.png")]]
    shared = shared_line(context, subjects)
    assert shared.startswith("a dog -s 2 ") and "-A " in shared and "-S" not in shared and "-f" not in shared
    below = titles(context, subjects)
    assert below[0] == "000001.1.png\n-S 1" and below[1] == "000002.2.png\n-S 2"
    assert "-S 1" in below[3] and "-f 0.5" in below[3] and not any("dog" in text for text in below)
    assert below[4] == "sketch.png"
    chain = harness.draw("a dog -s2 -S1 | a cat -f .5")
    assert shared_line(context, [*subjects, open_subject(chain[0])]) == ""
    assert shared_line(context, subjects[:1]) == ""
    harness.run("!set --private")
    assert shared_line(context, subjects) == ""


@pytest.mark.feature("plot-strength")
def test_plot_strength_shows_a_bar_per_strength(harness: SessionHarness) -> None:
    path = sheet(harness, "!plot strength -s50")
    assert path.name == "000001.plot.png" and record(path).line == "!plot strength -s 50"
    bars = harness.messages.splitlines()[1:12]
    assert len(bars) == 11 and bars[2] == " 0.8 |..........########################################| 40 of 50, from 10"
    assert harness.run("!plot strength -C 4") is Outcome.FAILED
    assert harness.run("!plot nothing") is Outcome.FAILED and "strength" in harness.errors[0]


def test_a_sheet_has_a_number_but_is_not_a_result(harness: SessionHarness) -> None:
    (cat,) = harness.draw("a cat -s2 -S1")
    path = sheet(harness, "!contact")
    harness.run("!2")
    assert harness.prefills == ["!contact 000001.1.png"]
    harness.run("!fetch 2")
    assert harness.prefills == ["!contact 000001.1.png"]
    harness.run(f"!info {path.name}")
    assert "!contact 000001.1.png" in harness.messages
    harness.run("!fetch @last")
    assert harness.prefills[0].startswith("a cat")
    assert harness.run("!replay 2") is Outcome.FAILED and "sheet of other images" in harness.errors[0]
    assert pixels(harness.draw("!again")[0]) == pixels(cat)
    assert harness.run("!rm 2") is Outcome.OK and not path.exists()


def test_a_rebuilt_history_recognises_sheets(harness: SessionHarness) -> None:
    harness.draw("a cat -s2 -S1 -n2 --grid")
    for file in (harness.folder / "outputs" / ".invoke").glob("history*"):
        file.unlink()
    harness.session.context._folders.clear()
    harness.run("!3")
    assert harness.prefills[0].startswith("!grid 000001.1.png")
    harness.run("!fetch @last")
    assert harness.prefills[0].startswith("a cat")


@pytest.mark.parametrize("line", ["!contact", "!grid sketch.png 1", "!compare sketch.png 1"])
def test_sheets_of_a_private_session_contain_no_names(harness: SessionHarness, sketch: Path, line: str) -> None:
    harness.run("!set --private")
    harness.draw("a secret -s2 -S1 -I sketch.png -f.5")
    chunks = json.dumps(read_chunks(sheet(harness, line)))
    assert "secret" not in chunks and "sketch" not in chunks
    harness.run("!history")
    assert "sketch" not in harness.messages
