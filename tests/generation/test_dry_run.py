"""`--dry_run` reports the numbers of the real run, loads no weights and writes no files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from invoke_cli.engine import Engine, EngineSettings
from invoke_cli.events import Planned, Saved
from invoke_cli.language.grammar.line import Generation, parse
from tests.sample_images import drawing
from tests.session_harness import SessionHarness, size

# Lines with explicit seeds, since random seeds cannot be predicted.
LINES = (
    "a cat -s3 -S1",
    "a cat -s3 -S1 -W 100 -H 72 -C 1 -A ddim",
    "a cat -I sketch.png -f .58 -s5 -S2",
    "a cat -I sketch.png -f .3 --real_steps 3 -S2 -W 128 --pad",
    "a cat -I sketch.png -f 0 -S2",
    "a cat -I sketch.png -M mask.png -f .7 -s4 -S3",
    "a cat -s2 -S4 -n3 -g",
    "a cat -s2 -S 5,7,9..10",
    "a cat -s2 -S6 -V 3:.2,4:.1 --neg dog",
    "a cat -s4 -S7 | oil painting -f .5 | snow -f .25 -W 96",
    "a cat -I sketch.png -f .6,.4,.2 -s5 -S8",
    "a cat -s2 -S9 -U2 .4",
    "a cat -I sketch.png -c right 32 -s3 -S10",
    "a cat -s4 -S11 -W 128 -H 128 --hires_fix",
    "a {red|blue} cat -s2 -S12",
)


def refuse_to_open(_: EngineSettings) -> Engine:
    raise AssertionError("a dry run opened the engine")


@pytest.fixture
def dry_session(tmp_path: Path, tiny_model: Path, real_session: SessionHarness) -> SessionHarness:
    """A second session in the same folder, whose engine must not be opened."""
    return SessionHarness(tmp_path, tiny_model, refuse_to_open)


@pytest.mark.parametrize("line", LINES)
def test_a_dry_run_reports_the_numbers_of_the_real_run(
    real_session: SessionHarness, dry_session: SessionHarness, line: str
) -> None:
    drawing().save("sketch.png")
    mask = Image.new("L", (96, 64), 0)
    mask.paste(255, (0, 0, 64, 64))
    mask.save("mask.png")
    assert dry_session.draw(f"{line} --dry_run") == []
    planned: list[Mapping[str, Any]] = [event.plan for event in dry_session.of(Planned)]
    assert not list(Path("outputs").glob("*")) and all(event.dry_run for event in dry_session.of(Planned))
    paths = real_session.draw(f"{line} --trace")
    assert [event.plan for event in real_session.of(Planned)] == planned
    per_line = planned if "{" in line else planned[:1]  # each of several lines, or the first stage of a chain
    assert [saved.seed for saved in real_session.saved] == [seed for plan in per_line for seed in plan["seeds"]]
    assert {size(path) for path in paths} == {(planned[-1]["result_width"], planned[-1]["result_height"])}
    for saved in real_session.saved:
        check_record(saved, planned)
    if "-U" not in line and "-c" not in line:  # tiles and patches have further calls of their own
        calls = sum(plan["steps_real"] * len(plan["seeds"]) for plan in planned)
        assert f"denoiser_calls={calls}" in real_session.traces[-1] or "{" in line
    assert sorted(int(path.name[:6]) for path in paths) == list(range(1, len(paths) + 1))


def check_record(saved: Saved, planned: list[Mapping[str, Any]]) -> None:
    """Check the saved line, stage by stage, against the plans that the dry run reported."""
    parsed = parse(saved.line)
    assert isinstance(parsed, Generation)
    requests = [stage.request for stage in parsed.stages]
    plans = planned if len(requests) > 1 else [plan for plan in planned if saved.seed in plan["seeds"]][:1]
    assert len(plans) == len(requests)
    assert (saved.steps_asked, saved.steps_taken) == (plans[-1]["steps_scheduled"], plans[-1]["steps_real"])
    for request, plan in zip(requests, plans, strict=True):
        assert request.num_inference_steps == plan["steps_scheduled"] and request.scheduler == plan["sampler"]
        assert request.strength == plan["strength"] and request.guidance_scale == plan["guidance_scale"]
    assert requests[0].seeds == (saved.seed,)
