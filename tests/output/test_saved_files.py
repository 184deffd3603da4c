"""Saved files: metadata chunks, strips, intermediates, grids, logs, and finding them again."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from PIL import Image

from invoke_cli.context.outcome import Outcome
from invoke_cli.language.grammar.history_query import Query
from invoke_cli.output.entries import Entry
from invoke_cli.output.folder import OutputFolder
from tests.session_harness import SessionHarness, outputs, pixels, size


@pytest.mark.feature("metadata")
def test_every_image_has_four_metadata_chunks(harness: SessionHarness) -> None:
    (path,) = harness.draw("a cat [dog] -s2 -S1")
    with Image.open(path) as image:
        image.load()
        text = dict(image.text)  # type: ignore[attr-defined]
    assert list(text)[:3] == ["Dream", "sd-metadata", "parameters"]
    assert "XML:com.adobe.xmp" in text
    assert harness.saved[0].line == "a cat [dog] -s 2 -S 1 -W 64 -H 64 -C 7.5 -A k_lms -m tiny"
    assert text["Dream"] == "a cat [dog] -s 2 -S 1 -W 64 -H 64 -C 7.5 -A k_lms # model_id=tiny"
    assert text["parameters"].startswith("a cat\nNegative prompt: dog\nSteps: 2, ")
    document = json.loads(text["sd-metadata"])
    assert document["image"]["type"] == "txt2img" and document["image"]["prompt"] == [
        {"prompt": "a cat [dog]", "weight": 1.0}
    ]


@pytest.mark.feature("first-frame", "strip")
def test_a_strip_has_a_frame_for_the_start_and_each_step(harness: SessionHarness, sketch: Path) -> None:
    (path,) = harness.draw("fire -s10 -S5 -f.7 -I sketch.png --strip")
    strip = path.with_name("000001.5.steps.png")
    assert size(strip)[0] == 9 * (192 + 4) + 4, "8 frames and the result"


@pytest.mark.feature("intermediates")
def test_intermediates_are_saved_for_all_or_every_nth_step(harness: SessionHarness) -> None:
    (path,) = harness.draw("a cat -s5 -S5 --save_intermediates")
    inner = outputs(harness) / "intermediates" / path.stem
    assert sorted(p.name for p in inner.iterdir()) == [f"step-{index:02d}.png" for index in range(6)]
    (other,) = harness.draw("a cat -s5 -S5 --save_intermediates 2")
    assert sorted(p.name for p in (outputs(harness) / "intermediates" / other.stem).iterdir()) == [
        f"step-{index:02d}.png" for index in (0, 2, 4, 5)
    ]


def test_a_grid_keeps_the_single_images(harness: SessionHarness) -> None:
    paths = harness.draw("a cat -s2 -n4 -g")
    assert all(path.exists() for path in paths)
    (grid,) = outputs(harness).glob("*.grid.png")
    assert grid.name == "000005.grid.png"
    assert size(grid) == (128, 128)


def test_text_and_markdown_logs_are_written(harness: SessionHarness) -> None:
    first, second = harness.draw("a cat -s2 -n2")
    log = (outputs(harness) / "invoke_log.txt").read_text().splitlines()
    assert log == [f"outputs/{event.path.split('/')[-1]}: {event.line}" for event in harness.saved]
    assert first.name in (outputs(harness) / "invoke_log.md").read_text()
    assert second.name in (outputs(harness) / "invoke_log.md").read_text()


@pytest.mark.feature("private")
def test_private_images_leave_no_text_in_outputs(harness: SessionHarness, sketch: Path) -> None:
    (path,) = harness.draw("my secret [hidden] -s2 -I sketch.png --private")
    everything = b"".join(p.read_bytes() for p in harness.folder.rglob("*") if p.is_file() and "outputs" in p.parts)
    for word in (
        b"secret",
        b"hidden",
        b"sketch",
        str(harness.folder).encode(),
        os.environ.get("HOME", "/root").encode(),
    ):
        assert word not in everything
    harness.run("!history")
    assert "secret" not in harness.messages
    assert harness.run(f"!verify {path}") is Outcome.FAILED
    assert any("--private" in text for text in harness.notices)


def test_no_metadata_writes_no_chunks(harness: SessionHarness) -> None:
    (path,) = harness.draw("a cat -s2 --no_metadata")
    with Image.open(path) as image:
        image.load()
        assert image.text == {}  # type: ignore[attr-defined]


def test_compression_changes_the_file_and_not_the_pixels(harness: SessionHarness) -> None:
    small, large = harness.draw("a cat -s2 -S1 -z 9")[0], harness.draw("a cat -s2 -S1 -z 0")[0]
    assert large.stat().st_size > small.stat().st_size
    assert pixels(small) == pixels(large)


def test_history_search_ignores_case(tmp_path: Path) -> None:
    folder = OutputFolder(tmp_path)
    for number, line in enumerate(["A Red fox -s 5", "a red_hat 100% -s 5", "blue"], start=1):
        folder.history.add(Entry(number=number, path=f"{number}.png", line=line, seed=number, created=""))
    assert [entry.number for entry in folder.history.find(Query(words=("RED",)), 10)] == [1, 2]
    assert [entry.number for entry in folder.history.find(Query(words=("red", "fox")), 10)] == [1]
    assert [entry.number for entry in folder.history.find(Query(words=("100%",)), 10)] == [2]
    assert [entry.number for entry in folder.history.find(Query(words=("d_h",)), 10)] == [2]
    assert [entry.number for entry in folder.history.recent(2)] == [2, 3]
