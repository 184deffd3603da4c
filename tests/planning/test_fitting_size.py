"""Errors about memory name a size that fits, and slow lines get one tip."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from invoke_cli.context.outcome import Outcome
from invoke_cli.engine import Memory
from invoke_cli.events import Failed, Step
from invoke_cli.planning.fitting_size import smaller_size, working_memory
from invoke_cli.planning.tips import tip_for_progress
from tests.engine.jobs import job_for, model_at
from tests.session_harness import SessionHarness


@pytest.mark.parametrize("size", [(512, 512), (768, 320), (1024, 1536), (64, 2048)])
@pytest.mark.parametrize("share", [0.9, 0.5, 0.11])
def test_the_size_needs_at_most_the_share_and_is_nearly_the_largest(
    tiny_model: Path, size: tuple[int, int], share: float
) -> None:
    plan = replace(
        job_for(f"a cat -W {size[0]} -H {size[1]}", model_at(tiny_model)).plan, width=size[0], height=size[1]
    )
    found = smaller_size(plan, share)
    if found is None:
        assert min(size) * share**0.5 < plan.family.smallest
        return
    facts, multiple = model_at(tiny_model).facts, plan.family.multiple
    needed = working_memory(replace(plan, width=found[0], height=found[1]), facts, 4)
    assert needed <= share * working_memory(plan, facts, 4) and not (found[0] % multiple or found[1] % multiple)
    larger = replace(plan, width=found[0] + multiple, height=found[1] + multiple)
    assert working_memory(larger, facts, 4) > share * working_memory(plan, facts, 4)


def test_the_size_that_the_error_names_fits(real_session: SessionHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = real_session.session.context.engine
    free = engine.memory().free

    def memory() -> Memory:
        return Memory(device="cpu", free=3_000_000, total=free, used=0, peak=0)

    monkeypatch.setattr(type(engine), "memory", lambda _: memory())
    assert real_session.run("a cat -s2 -S1 -W 512 -H 256") is Outcome.FAILED
    hint = next(event.error.hint for event in real_session.events if isinstance(event, Failed))
    assert "needs about" in real_session.errors[0]
    found = re.match(r"-W (\d+) -H (\d+) should fit", hint)
    assert found is not None, hint
    assert 1.5 < int(found[1]) / int(found[2]) < 2.7
    assert real_session.run(f"a cat -s2 -S1 -W {found[1]} -H {found[2]}") is Outcome.OK, real_session.errors


@pytest.mark.feature("slow-tip")
@pytest.mark.parametrize(
    ("step", "minutes"),
    [
        (Step(image=1, images=1, step=2, steps=30, seconds=10.0), "about 2 minutes"),
        (Step(image=1, images=8, step=3, steps=30, seconds=30.0), "about 40 minutes"),
        (Step(image=1, images=8, step=3, steps=30, seconds=30.0, batch=4), "about 10 minutes"),
        (Step(image=1, images=1, step=1, steps=300, seconds=60.0), ""),
        (Step(image=1, images=1, step=2, steps=30, seconds=6.0), ""),
        (Step(image=1, images=1, step=0, steps=30, seconds=0.0), ""),
    ],
)
def test_a_line_that_takes_long_gets_a_tip(step: Step, minutes: str) -> None:
    tip = tip_for_progress(step)
    assert (tip is not None) == bool(minutes) and (tip is None or minutes in tip.text)


def test_the_tip_about_a_slow_line_is_given_once(harness: SessionHarness) -> None:
    hooks = harness.session.context.hooks()
    for number in range(2, 6):
        hooks.emit(Step(image=1, images=1, step=number, steps=100, seconds=20.0 * number))
    assert [text for text in harness.notices if "takes about" in text] == [harness.notices[0]]
