"""`!tree`: resumed images, and images whose files are identical."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from invoke_cli.context.outcome import Outcome
from invoke_cli.metadata.codecs import decode
from invoke_cli.metadata.containers.text_chunks import read_chunks
from tests.session_harness import SessionHarness, digest, image_facts, outputs


def tree(harness: SessionHarness, image: int | str) -> list[tuple[int, str]]:
    """Return the lines of a tree: the depth, and the number of the image with `*` for the requested one."""
    assert harness.run(f"!tree {image}") is Outcome.OK, harness.errors
    lines = harness.messages.splitlines()
    found = []
    for line in lines:
        text = line.lstrip()
        name = text[1 : text.index("]")] if text.startswith("[") else text.split(" ")[0]
        found.append(((len(line) - len(text)) // 2, name + ("*" if line.endswith("<- this one") else "")))
    return found


def parents(path: Path) -> list[tuple[str, str]]:
    """Return the recorded parents of an image."""
    parsed = decode(read_chunks(path))
    assert parsed is not None and parsed.provenance is not None
    return list(parsed.provenance.parents)


@pytest.mark.feature("lineage")
def test_identical_files_keep_their_own_children(harness: SessionHarness) -> None:
    first, second = harness.draw("a cat -s2 -S1")[0], harness.draw("a cat -s2 -S1")[0]
    assert first.read_bytes() == second.read_bytes()
    harness.draw("a dog -I !2 -s2 -S3 -f.5")
    harness.draw("a bird -I !1 -s2 -S4 -f.5")
    expected = {1: [(0, "1*"), (1, "4")], 2: [(0, "2*"), (1, "3")], 3: [(0, "2"), (1, "3*")], 4: [(0, "1"), (1, "4*")]}
    assert {number: tree(harness, number) for number in expected} == expected
    shutil.copy(second, "copied.png")
    assert tree(harness, "copied.png") == [(0, "1*"), (1, "4")]  # a file of the history with this content
    for part in (outputs(harness) / ".invoke").glob("history*"):
        part.unlink()
    harness.run("!reindex")
    assert {number: tree(harness, number) for number in expected} == expected


def test_a_removed_parent_is_not_replaced_by_an_identical_image(harness: SessionHarness) -> None:
    harness.draw("a cat -s2 -S1")
    (second,) = harness.draw("a cat -s2 -S1")
    harness.draw("a dog -I !2 -s2 -S3 -f.5")
    harness.run("!rm 2")
    assert tree(harness, 1) == [(0, "1*")]
    assert tree(harness, 3) == [(0, second.name), (1, "3*")]


def test_an_older_history_learns_the_numbers_of_parents(harness: SessionHarness) -> None:
    harness.draw("a cat -s2 -S1")
    harness.draw("a cat -s2 -S1")
    harness.draw("a dog -I !2 -s2 -S3 -f.5")
    with sqlite3.connect(outputs(harness) / ".invoke" / "history.sqlite3") as database:
        database.executescript(
            "DROP INDEX parents_by_number; ALTER TABLE parents DROP COLUMN parent; PRAGMA user_version = 3"
        )
    database.close()
    assert tree(harness, 2) == [(0, "2*"), (1, "3")] and tree(harness, 1) == [(0, "1*")]


@pytest.mark.feature("lineage", "resume")
def test_a_resumed_image_descends_from_the_image(real_session: SessionHarness) -> None:
    (first,) = real_session.draw("a red star -s3 -S3 -W64 -H64")
    image = (first.name, digest(first))
    (recomputed,) = real_session.draw("-I @last:1 -C 3")
    assert image_facts(recomputed)["init_image"] == "000001.3.step-01.safetensors"
    (by_number,) = real_session.draw("a blue star -I !1:2")
    (pasted,) = real_session.draw(real_session.saved[0].line)
    real_session.run(f"!replay {by_number}")
    replayed = real_session.folder / real_session.saved[0].path
    for path in (recomputed, by_number, pasted, replayed):
        assert parents(path)[0] == image and parents(path)[1][0].endswith(".safetensors"), path
    assert tree(real_session, 1) == [(0, "1*"), (1, "2"), (1, "3"), (1, "4"), (1, "5")]
    assert tree(real_session, 3) == [(0, "1"), (1, "2"), (1, "3*"), (1, "4"), (1, "5")]
    assert real_session.run(f"!verify {recomputed} {by_number} {pasted}") is Outcome.OK, real_session.messages


def test_saved_latents_descend_from_their_image_wherever_it_is(real_session: SessionHarness) -> None:
    real_session.draw("a red star -s2 -S3 -W64 -H64 --save_latents")
    real_session.draw("a red star -s2 -S4 -W64 -H64 --save_latents -o elsewhere.png")
    real_session.draw("a star -s2 -S5 -W64 -H64 | snow -f1 --save_latents")
    steps = outputs(real_session) / "intermediates"
    real_session.draw(f"-I {steps}/000001.3/step-01.safetensors")
    real_session.draw("-I intermediates/elsewhere/step-01.safetensors")
    real_session.draw("-I !2:1")
    real_session.draw(f"-I {next(steps.glob('000002*'))}/stage-1/step-02.safetensors -f.5")
    origins = [(0, "1"), (0, "elsewhere.step-01.safetensors"), (0, "2"), (0, "2")]
    assert [tree(real_session, number)[0] for number in (3, 4, 5, 6)] == origins


def test_latents_of_an_unknown_image_are_named(real_session: SessionHarness) -> None:
    real_session.draw("a red star -s2 -S3 -W64 -H64 --save_latents")
    shutil.copy(outputs(real_session) / "intermediates" / "000001.3" / "step-01.safetensors", "kept.safetensors")
    real_session.draw("-I kept.safetensors")
    assert tree(real_session, 2) == [(0, "kept.safetensors"), (1, "2*")]
