"""Compute the number of steps for a strength, in exact decimals: 7 of 10 at 0.7, 29 of 50 at 0.58."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from invoke_cli.errors import PlanError
from invoke_cli.planning.plan import Steps

MAX_STEPS = 1000


def count_steps(asked: int, strength: float, real: int | None = None) -> Steps:
    """Compute the number of steps to schedule and to run.

    Without `real`, floor(asked x strength) steps run: at least 1, and none at strength 0.

    Args:
        asked: The length of the schedule.
        strength: The strength, 0 to 1.
        real: The number of steps to run; selects the shortest schedule for it.

    Raises:
        PlanError: If the schedule exceeds `MAX_STEPS`.
    """
    exact = Decimal(str(strength))
    if exact == 0:
        return Steps(asked=asked, scheduled=asked, taken=0)
    if real is None:
        taken = int((asked * exact).to_integral_value(ROUND_FLOOR))
        return Steps(asked=asked, scheduled=asked, taken=max(1, taken))
    scheduled = int((real / exact).to_integral_value(ROUND_CEILING))
    if scheduled > MAX_STEPS:
        hint = f"use -f above {real / MAX_STEPS:g}, or fewer real steps"
        message = f"{real} real steps at strength {strength:g} need a schedule of {scheduled} (at most {MAX_STEPS})"
        raise PlanError(message, hint=hint, field="real_steps")
    return Steps(asked=real, scheduled=scheduled, taken=real)
