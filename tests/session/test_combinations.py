"""Features combined in pairs: every combination works by the rule of each feature, or is rejected by name."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from invoke_cli.context.outcome import Outcome
from invoke_cli.engine import EngineSettings, SegmentationJob
from invoke_cli.events import Saved
from invoke_cli.metadata.containers.text_chunks import read_chunks
from tests.covering_array import Row, all_pairs, covering_rows
from tests.fake_engine import FakeEngine
from tests.sample_images import disc, drawing
from tests.session_harness import SessionHarness, digest, size, values
from tests.tiny_models import build_tiny_clipseg

TASKS = {
    "text": "", "image": "-I photos{}", "alpha": "-I holed{}", "mask": "-I photos{} -M mask.png",
    "text mask": "-I photos{} -tm cat", "outcrop": "-I photos{} -c right 32",
}  # fmt: skip
COUNTS = {"one": "-S 5", "n": "-S 5 -n 3", "seeds": "-S 5,6,7", "folder": "-S 5"}
FORMS = {
    "plain": "",
    "chain": "| snow -f .5",
    "strengths": "-f .6,.4",
    "vary": "-v .2",
    "hires": "--hires_fix -W 128 -H 128",
}
AFTER = {"upscale": "-U 2", "match": "--match_colors", "all": "--save_all", "private": "--private"}
FACTORS: Mapping[str, Mapping[str, str]] = {"task": TASKS, "count": COUNTS, "form": FORMS, "after": AFTER}

RESULTS = {"one": 1, "n": 3, "seeds": 3, "folder": 2}
SIZES = {"text": (64, 64), "image": (64, 43), "outcrop": (128, 64)}
MASKED = ("alpha", "mask", "text mask", "outcrop")


class HalfSegmenting(FakeEngine):
    """An engine that finds every phrase in the left half of an image."""

    def segment(self, job: SegmentationJob) -> Sequence[NDArray[np.float32]]:
        heat = np.zeros((job.image.height, job.image.width), dtype=np.float32)
        heat[:, : job.image.width // 2] = 1
        return [heat for _ in job.phrases]


def is_possible(row: Row) -> bool:
    """Return whether a line can express the combination: a folder consists of init images."""
    return row[:2] != ("text", "folder")


def rejected_name(row: Row) -> str:
    """Return what the error names if the combination is to be rejected; empty if it has to work."""
    task, _, form, after = row
    if form == "hires" and task != "text":
        return "--hires_fix"
    if task == "text" and form == "strengths":
        return "a list of strengths"
    no_image = task == "text" and form in ("plain", "vary")
    return "--match_colors" if no_image and after == "match" else ""


def line_of(row: Row) -> str:
    """Return the line of a combination."""
    task, count, form, after = row
    init = TASKS[task].format("" if count == "folder" else "/a.png")
    return " ".join(["a zebra -s 2 -C 3", init, COUNTS[count], FORMS[form], AFTER[after]])


ACCEPTED = covering_rows(FACTORS, lambda row: is_possible(row) and not rejected_name(row))
REJECTED = covering_rows(FACTORS, lambda row: is_possible(row) and bool(rejected_name(row)))


@pytest.fixture(params=["fake", "real"])
def combined(request: pytest.FixtureRequest, tmp_path: Path, tiny_model: Path) -> SessionHarness:
    """A session in a folder with two drawings, the same with a hole, and a mask."""
    session: SessionHarness = request.getfixturevalue(f"{request.param}_session")
    if request.param == "fake":
        session = SessionHarness(tmp_path, tiny_model, lambda _: HalfSegmenting(EngineSettings()))
        build_tiny_clipseg(tmp_path / "root" / "models" / "clipseg")
    hole = disc(96, 64)
    hole.save("mask.png")
    for folder, name in product(("photos", "holed"), "ab"):
        image = source(name)
        if folder == "holed":
            image.putalpha(Image.eval(hole, lambda value: 255 - value))
        Path(folder).mkdir(exist_ok=True)
        image.save(f"{folder}/{name}.png")
    return session


def source(name: str) -> Image.Image:
    """Return the drawing of a name."""
    return drawing() if name == "a" else drawing().transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def test_the_rows_contain_every_pair() -> None:
    expected = all_pairs([row for row in product(*FACTORS.values()) if is_possible(row)])
    assert all_pairs([*ACCEPTED, *REJECTED]) == expected and len(expected) == 133
    assert len(ACCEPTED) + len(REJECTED) < 60


@pytest.mark.feature("combinations")
@pytest.mark.parametrize("combined", ["fake"], indirect=True)
def test_every_pair_of_features_works_or_is_rejected_by_name(combined: SessionHarness) -> None:
    for row in ACCEPTED:
        check(combined, row)
    for row in REJECTED:
        assert combined.run(line_of(row)) is Outcome.FAILED, row
        assert rejected_name(row) in combined.errors[0] and not combined.saved, (row, combined.errors)


@pytest.mark.feature("combinations")
@pytest.mark.slow
@pytest.mark.parametrize("combined", ["real"], indirect=True)
def test_some_pairs_of_features_work_with_the_real_engine(combined: SessionHarness) -> None:
    for row in [row for row in ACCEPTED if row[0] != "text mask"][::4]:
        check(combined, row)


def check(harness: SessionHarness, row: Row) -> None:
    """Run a combination and check the result by the rule of each of its features."""
    task, count, form, after = row
    paths = harness.draw(line_of(row))
    saved, notices = harness.saved, " ".join(harness.notices)
    assert len(paths) == RESULTS[count], row
    assert {size(path) for path in paths} == {expected_size(row)}, row
    if count == "seeds":
        assert [each.seed for each in saved] == [5, 6, 7], row
    if task in MASKED and form != "chain" and after != "upscale":
        for index, path in enumerate(paths):
            name = "ab"[index] if count == "folder" else "a"
            assert_kept_outside(path, source(name), task)
    check_form(row, saved, notices)
    check_after(row, paths, saved, notices)
    check_parents(row, paths)
    outcome = harness.run(f"!verify {' '.join(map(str, paths))}")
    if after == "private":
        assert outcome is Outcome.FAILED and any("--private" in text for text in harness.notices), row
    else:
        assert harness.messages.count(": identical") == len(paths), (row, harness.messages, harness.errors)


def expected_size(row: Row) -> tuple[int, int]:
    """Return the size of the results."""
    task, _, form, after = row
    width, height = (128, 128) if form == "hires" else SIZES.get(task, (96, 64))
    return (2 * width, 2 * height) if after == "upscale" else (width, height)


def assert_kept_outside(path: Path, before: Image.Image, task: str) -> None:
    """Check that the pixels outside the painted area are those of the source, and that others are not."""
    painted = np.asarray(disc(96, 64)) > 0
    if task == "text mask":
        painted = np.arange(96 * 64).reshape(64, 96) % 96 < 48
    elif task == "outcrop":
        painted = np.zeros((64, 96), dtype=bool)
    after, old = values(path)[:, :96], np.asarray(before)
    assert (after[~painted] == old[~painted]).all(), path
    assert task == "outcrop" or (after[painted] != old[painted]).any(), path


def check_form(row: Row, saved: Sequence[Saved], notices: str) -> None:
    """Check that the form of a line is recorded, or that a notice names what has no effect."""
    task, count, form, _ = row
    line = saved[-1].line
    if form in ("chain", "hires"):
        assert line.count(" | ") == 1, row
    elif form == "strengths":
        assert "-f 0.6" in line and "-f 0.4" in line, row
    elif form == "vary" and (task == "text" or count == "n"):
        assert "-V " in line, row
    elif form == "vary":
        assert "-v has no effect" in notices, row


def check_after(row: Row, paths: Sequence[Path], saved: Sequence[Saved], notices: str) -> None:
    """Check the effect of the last switch."""
    _, _, form, after = row
    if after == "all" and form in ("plain", "vary"):
        assert "--save_all has no effect" in notices, row
    elif after == "all":
        assert all(path.with_name(f"{path.stem}.stage-1.png").is_file() for path in paths), row
    elif after == "private":
        assert not any(b"zebra" in path.read_bytes() for path in paths), row
    elif "not enlarged again" not in notices:
        text = {"upscale": "-U 2", "match": "--match_colors"}[after]
        assert all(text in each.line for each in saved), row


def check_parents(row: Row, paths: Sequence[Path]) -> None:
    """Check that each result names the files that it was generated from."""
    task, count, form, after = row
    for index, path in enumerate(paths):
        recorded = json.loads(read_chunks(path)["sd-metadata"])["parents"]
        found = [parent["sha256"] for parent in recorded]
        name = "ab"[index] if count == "folder" else "a"
        init = Path("holed" if task == "alpha" else "photos", f"{name}.png")
        if form == "vary" and count == "n" and index and task != "text":
            init = paths[0]
        assert found[:1] == ([] if after == "private" or task == "text" else [digest(init)]), row
        if task == "mask" and after != "private":
            assert len(found) == 2, row
