"""`!plan` and dry runs show the values of a line in the words of its switches."""

from __future__ import annotations

import re
import time

import pytest

from invoke_cli.context.outcome import Outcome
from invoke_cli.events import Done, Loading, Tokenized
from invoke_cli.language.switches.table import by_field
from tests.sample_images import drawing
from tests.session_harness import SessionHarness


@pytest.mark.parametrize(
    ("switches", "rows"),
    [
        ("-s 9 -S 1,2", ("-s, --steps +9  \\(line\\)", "-S, --seed +1, 2  \\(line\\)")),
        ("--threshold .5 --perlin .2 --seamless", ("--threshold +0.5  \\(line\\)", "--perlin +0.2", "--seamless +yes")),
        ("--h_symmetry_time_pct .4 --grid", ("--h_symmetry_time_pct +0.4", "--grid +yes  \\(line\\)")),
        ("--save_intermediates 2 -o elsewhere", ("--save_intermediates +2  \\(line\\)", "-o, --outdir +elsewhere")),
        (
            "-I init.png -f .5 -s 10",
            ("task +image to image", "steps that run +5 of a schedule of 10", "-f, --strength +0.5"),
        ),
        ("-I init.png -U 2", ("result +128x128", "-U, --upscale +2")),
    ],
)
def test_a_plan_shows_what_was_set(harness: SessionHarness, switches: str, rows: tuple[str, ...]) -> None:
    drawing(64, 64).save("init.png")
    for line in (f"!plan a cat {switches}", f"a cat {switches} --dry_run"):
        assert harness.run(line) is Outcome.OK, harness.errors
        text = "\n".join(getattr(event, "text", "") for event in harness.events)
        for row in rows:
            assert re.search(f"(?m)^.*{row}", text), (row, text)
        names = {row.split("  ")[0].split(", ")[-1].strip() for row in text.splitlines() if row.startswith("-")}
        assert names <= {switch.name for switch in by_field().values()}
        assert "num_inference_steps" not in text and "--fnformat" not in text


def test_a_dry_run_shows_the_tokens(harness: SessionHarness) -> None:
    harness.run("a red cat -s2 -t --dry_run")
    assert harness.of(Tokenized)
    (done,) = harness.of(Done)
    assert done.images == 0 and not harness.saved


def test_the_time_of_the_first_load_is_what_the_user_waited(real_session: SessionHarness) -> None:
    context = real_session.session.context
    context._opening_began = time.monotonic() - 5.0
    context.hooks().emit(Loading(model="tiny", seconds=0.1))
    assert (real_session.of(Loading)[-1].seconds or 0) >= 5.0
    context.hooks().emit(Loading(model="tiny", seconds=0.1))
    assert real_session.of(Loading)[-1].seconds == 0.1
