"""`--hires_fix`: a size beyond the model's own in two passes, as one line and one record."""

from __future__ import annotations

from pathlib import Path

import pytest

from invoke_cli.context.outcome import Outcome
from invoke_cli.events import Failed, Planned
from invoke_cli.imaging.sizes import Grid, Size
from invoke_cli.planning.hires_fix import native_size
from invoke_cli.planning.seeds import next_seed
from tests.session_harness import SessionHarness, pixels, size


def test_hires_fix_is_a_chain_of_a_native_pass_and_one_at_full_size(harness: SessionHarness) -> None:
    (large,) = harness.draw("a castle -s4 -S 7 -W 160 -H 96 --hires_fix --perlin .1")
    first, second = (event.plan for event in harness.of(Planned))
    assert (first["width"], first["height"]) == (80, 64) and (second["width"], second["height"]) == (160, 96)
    assert first["strength"] is None and second["strength"] == 0.75 and second["steps_real"] == 3
    assert size(large) == (160, 96)
    chain = f"a castle -s4 -S 7 -W 80 -H 64 --perlin .1 | -S {next_seed(7)} -W 160 -H 96 --crop -f .75"
    assert pixels(harness.draw(chain)[0]) == pixels(large)
    assert harness.run(f"!verify {large}") is Outcome.OK and "identical" in harness.messages


def test_variations_apply_to_the_first_pass(harness: SessionHarness) -> None:
    results = harness.draw("a castle -s4 -S 7 -W 128 -H 128 --hires_fix -n 3 -v .3 -f .5")
    assert len({pixels(path) for path in results}) == 3 and all(size(path) == (128, 128) for path in results)
    for saved in harness.saved:
        first, second = saved.line.split(" | ")
        assert "-V " in first and "-V " not in second and "-f 0.5" in second
    lines = [saved.line for saved in harness.saved]
    assert harness.run(f"!verify {' '.join(map(str, results))}") is Outcome.OK
    assert [pixels(harness.draw(line)[0]) for line in lines] == [pixels(path) for path in results]
    listed = lines[0].split("-V ")[1].split()[0]
    (again,) = harness.draw(f"a castle -s4 -S 7 -W 128 -H 128 --hires_fix -V {listed} -f .5")
    assert pixels(again) == pixels(results[0])


def test_hires_fix_works_in_a_chain(harness: SessionHarness) -> None:
    (results,) = harness.draw("a castle -s4 -S 7 -W 128 -H 128 --hires_fix | oil -f .5 --save_all")
    assert len(harness.of(Planned)) == 3
    assert size(results.with_name(f"{results.stem}.stage-1.png")) == (64, 64)
    assert size(results.with_name(f"{results.stem}.stage-2.png")) == (128, 128)


@pytest.mark.parametrize("switches", ["", "-W 64 -H 64", "-W 64 -H 48"])
def test_hires_fix_has_no_effect_at_native_size(harness: SessionHarness, switches: str) -> None:
    (plain,) = harness.draw(f"a castle -s2 -S 7 {switches}")
    (fixed,) = harness.draw(f"a castle -s2 -S 7 {switches} --hires_fix")
    assert fixed.read_bytes() == plain.read_bytes()
    assert any("--hires_fix has no effect" in text for text in harness.notices)


@pytest.mark.parametrize(
    ("line", "message", "under"),
    [
        ("oil -I sketch.png -W 256 --hires_fix", "with an init image", "--hires_fix"),
        ("oil -I !1:1 --hires_fix", "with an init image", "--hires_fix"),
        ("a castle -s2 | oil --hires_fix", "belongs to the first stage", "--hires_fix"),
        ("a castle -s2 -W 128 -H 128 --hires_fix | oil -A nothing", "no such sampler: nothing", "nothing"),
        ("a castle -s2 -W 128 -H 128 --hires_fix -f .6,.4", "a list of strengths", ".6,.4"),
    ],
)
def test_hires_fix_is_rejected_where_it_cannot_apply(
    real_session: SessionHarness, sketch: Path, line: str, message: str, under: str
) -> None:
    real_session.draw("a castle -s3 -S 1")
    assert real_session.run(line) is Outcome.FAILED
    error = real_session.of(Failed)[0].error
    assert message in error.message and error.hint
    assert error.span is not None and line[error.span.start : error.span.end] == under


def test_hires_fix_as_a_session_default_applies_only_where_it_can(harness: SessionHarness, sketch: Path) -> None:
    assert harness.run("!set --hires_fix") is Outcome.OK
    assert harness.draw("oil -I sketch.png -s2 -W 128")
    assert len(harness.of(Planned)) == 1
    assert harness.draw("a castle -s2 -W 128 -H 128") and len(harness.of(Planned)) == 2
    assert harness.draw("a castle -s2 -W 128 -H 128 --no_hires_fix") and len(harness.of(Planned)) == 1


@pytest.mark.parametrize(
    ("target", "first"),
    [((1024, 1024), (512, 512)), ((1024, 576), (680, 384)), ((2048, 512), (1024, 256)), ((4096, 256), (2048, 128))],
)
def test_the_first_pass_has_the_model_s_area_and_the_aspect(target: tuple[int, int], first: tuple[int, int]) -> None:
    assert native_size(Size(*target), Grid(multiple=8, smallest=64, native=512)) == Size(*first)
