"""How many steps a strength takes, in exact decimals: 7 of 10 at 0.7, 29 of 50 at 0.58."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from invoke_cli.errors import PlanError
from invoke_cli.planning.plan import Steps

MAX_STEPS = 1000


def count_steps(asked: int, strength: float, real: int | None = None) -> Steps:
    """The steps for `asked` ones at `strength` (0 to 1); with `real`, the shortest schedule that takes just so many.

    floor(asked x strength), at least 1 above strength 0, where nothing is done at all.
    """
    exact = Decimal(str(strength))
    if exact == 0:
        return Steps(asked=asked, scheduled=asked, taken=0)
    if real is None:
        taken = int((asked * exact).to_integral_value(ROUND_FLOOR))
        return Steps(asked=asked, scheduled=asked, taken=max(1, taken))
    scheduled = int((real / exact).to_integral_value(ROUND_CEILING))
    if scheduled > MAX_STEPS:
        hint = f"raise -f above {real / MAX_STEPS:g}, or ask for fewer real steps"
        message = f"{real} real steps at strength {strength:g} need a schedule of {scheduled} (at most {MAX_STEPS})"
        raise PlanError(message, hint=hint, field="real_steps")
    return Steps(asked=real, scheduled=scheduled, taken=real)
