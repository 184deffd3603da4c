"""Steps computed from strength in exact decimals, and the sequence of seeds."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoke_cli.errors import PlanError
from invoke_cli.planning.seeds import next_seed, seed_run
from invoke_cli.planning.steps import count_steps


@pytest.mark.feature("steps-taken")
@pytest.mark.parametrize(
    ("asked", "strength", "taken"),
    [
        (10, 0.7, 7), (10, 0.4, 4), (50, 0.4, 20), (30, 0.7, 21), (29, 0.7, 20), (50, 0.8, 40), (50, 0.5, 25),
        (50, 0.58, 29), (100, 0.57, 57), (100, 0.29, 29), (50, 0.75, 37), (10, 1.0, 10), (4, 0.2, 1), (10, 0.0, 0),
    ],
)  # fmt: skip
def test_steps_taken_are_strength_times_steps_rounded_down(asked: int, strength: float, taken: int) -> None:
    steps = count_steps(asked, strength)
    assert (steps.asked, steps.scheduled, steps.taken) == (asked, asked, taken)


@pytest.mark.feature("real-steps")
@pytest.mark.parametrize(
    ("real", "strength", "scheduled"), [(20, 0.4, 50), (20, 0.7, 29), (20, 1.0, 20), (7, 0.33, 22)]
)
def test_real_steps_lengthen_the_schedule(real: int, strength: float, scheduled: int) -> None:
    steps = count_steps(30, strength, real)
    assert (steps.scheduled, steps.taken) == (scheduled, real)


@given(st.integers(1, 100), st.integers(1, 100).map(lambda n: n / 100))
def test_real_steps_give_the_shortest_schedule(real: int, strength: float) -> None:
    try:
        scheduled = count_steps(30, strength, real).scheduled
    except PlanError as error:
        assert real / strength > 1000
        assert error.field == "real_steps"
        return
    assert int(scheduled * Decimal(str(strength))) == real
    assert int((scheduled - 1) * Decimal(str(strength))) < real


@pytest.mark.parametrize(
    "seeds",
    [
        (1579445059, 1880768722, 332057179, 2224800325, 465250761, 3357757885),
    ],
)
def test_seeds_of_n_6_equal_invokeai_s_published_list(seeds: tuple[int, ...]) -> None:
    """InvokeAI's VARIATIONS document lists the six seeds of one run of -n 6."""
    assert tuple(seed_run(seeds[0], len(seeds))) == seeds


def test_each_seed_is_derived_from_the_one_before() -> None:
    assert list(seed_run(42, 3)) == [42, next_seed(42), next_seed(next_seed(42))]
    assert list(seed_run(42, 1)) == [42]
