"""Alternatives in a line: one image per text, with one seed, one encoding of the init image, and its own record."""

from __future__ import annotations

from pathlib import Path

import pytest

from invoke_cli.context.outcome import Outcome
from tests.session_harness import SessionHarness, pixels


def wildcards(harness: SessionHarness, **lists: str) -> None:
    """Write wildcard lists into the root folder."""
    folder = harness.folder / "root" / "wildcards"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in lists.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")


def test_alternatives_share_one_encoding_of_the_init_image(real_session: SessionHarness, sketch: Path) -> None:
    real_session.session.context.engine.unload()
    styles = "{oil painting|watercolor|pencil sketch|cyberpunk}"
    results = real_session.draw(f'-I sketch.png -f.6 -C7.5 -s4 "{styles}" --trace')
    assert len(results) == 4 and len({pixels(path) for path in results}) == 4
    assert real_session.traces[-1].startswith("trace: encodes=1 ")
    assert [event.line.split(" -")[0] for event in real_session.saved] == styles.strip("{}").split("|")
    assert len({event.seed for event in real_session.saved}) == 1
    for event, path in zip(real_session.saved, results, strict=True):
        (alone,) = real_session.draw(event.line)
        assert pixels(alone) == pixels(path), "each line generates its image without the others"
        assert real_session.run(f"!verify {path}") is Outcome.OK


@pytest.mark.feature("alternatives")
def test_every_combination_is_generated_for_each_seed_and_stage(harness: SessionHarness) -> None:
    harness.draw("a {cat|dog} -s2 -S 1,2 --neg {blurry|dark}")
    lines = [
        (event.line.split(" -s")[0], event.line.split("--neg ")[1].split()[0], event.seed) for event in harness.saved
    ]
    assert lines == [(f"a {one}", neg, seed) for one in ("cat", "dog") for neg in ("blurry", "dark") for seed in (1, 2)]
    harness.draw("a {cat|dog} -s2 | {ink|oil} -f.5")
    assert [event.line.count("|") for event in harness.saved] == [1] * 4
    assert len({event.line.split("| ")[1].split(" -")[0] for event in harness.saved}) == 2


@pytest.mark.feature("alternatives")
def test_a_random_alternative_is_chosen_by_each_image_s_seed(harness: SessionHarness) -> None:
    harness.draw("a {?red|green|blue} cat -s2 -S 5 -n 8")
    first = [(event.line.split(" -s")[0], event.seed) for event in harness.saved]
    assert len({seed for _, seed in first}) == 8 and len({text for text, _ in first}) > 1
    harness.draw(f"a {{?red|green|blue}} cat -s2 -S {first[3][1]}")
    assert (harness.saved[0].line.split(" -s")[0], harness.saved[0].seed) == first[3]


def test_wildcard_lists_are_read_from_files(harness: SessionHarness) -> None:
    wildcards(harness, styles="# my styles\nink\n\noil, thick (paint)\n")
    harness.draw("a cat, {__styles__} -s2 -S1")
    assert [event.line.split(" -s")[0] for event in harness.saved] == ["a cat, ink", "a cat, oil, thick (paint)"]
    assert harness.run("a cat, {__moods__} -s2") is not Outcome.OK
    assert harness.errors == [f"no such list: {harness.folder / 'root' / 'wildcards' / 'moods.txt'}"]
    assert harness.run("a cat, {__../secret__} -s2") is not Outcome.OK


def test_references_resolve_to_one_image_for_all_alternatives(harness: SessionHarness) -> None:
    harness.draw("a castle -s2 -S3")
    harness.draw("{ink|oil} -s2 -I @last")
    assert len({event.line.split("-I ")[1].split()[0] for event in harness.saved}) == 1
    harness.draw("{ink|oil} -s2 -S -1")
    assert len({event.seed for event in harness.saved}) == 1
    harness.draw("!again")
    assert len(harness.saved) == 2


def test_a_grid_contains_all_alternatives(harness: SessionHarness) -> None:
    harness.draw("{ink|oil|chalk} -s2 -S3 -g")
    assert harness.messages == "[4] outputs/000004.grid.png: !grid 000001.3.png 000002.3.png 000003.3.png"


def test_braces_without_an_operator_are_text(harness: SessionHarness) -> None:
    harness.draw("a {cat} \\{on|off} -s2 -S1")
    assert harness.saved[0].line.startswith("a {cat} \\{on|off} -s 2")
    assert harness.run('"a {cat|dog" -s2') is Outcome.UNREADABLE
    assert harness.errors == ["unclosed brace with alternatives"]
