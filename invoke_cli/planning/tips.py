"""Choose tips that help with a plan or a result. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Iterator

from invoke_cli.events import Step
from invoke_cli.planning.plan import Plan, Tip

SMALL_SOURCE = 256
LARGE_SCALE = 2.0
LEAST_STEPS, TINY_SEED = 10, 150
FEW_STEPS = 8
STRONG_GUIDANCE = 12.0
SUBTLE = 6.0
LONG = 120.0  # seconds
_MEASURED_STEPS = 2


def tips_for(plan: Plan) -> tuple[Tip, ...]:
    """Return the tips for a plan."""
    return (*_seed_for_steps(plan), *_few_steps(plan), *_small_source(plan), *_artifacts(plan))


def _seed_for_steps(plan: Plan) -> Iterator[Tip]:
    seeds = plan.request.seeds or ()
    typed_here = plan.sources.get("seeds") == "line" and plan.sources.get("num_inference_steps") != "line"
    if typed_here and len(seeds) == 1 and LEAST_STEPS <= seeds[0] <= TINY_SEED and seeds[0] % 5 == 0:
        yield Tip(key="seed-for-steps", text=f"-S {seeds[0]} sets the seed; for {seeds[0]} steps, use -s {seeds[0]}")


def _few_steps(plan: Plan) -> Iterator[Tip]:
    chosen = plan.request.real_steps is not None
    if plan.init is not None and not chosen and 0 < plan.steps.taken < FEW_STEPS and plan.strength < 0.5:
        steps = "1 step" if plan.steps.taken == 1 else f"{plan.steps.taken} steps"
        text = f"{steps} may look unfinished; --real_steps 20 runs 20 steps at any strength"
        yield Tip(key="few-steps", text=text)


def _small_source(plan: Plan) -> Iterator[Tip]:
    if plan.init is None or plan.init.chained or plan.geometry is None:
        return
    small = min(plan.init.size) < SMALL_SOURCE and plan.geometry.scale > 1
    if small or plan.geometry.scale > LARGE_SCALE:
        text = f"the init image is small ({plan.init.size}) and will be enlarged {plan.geometry.scale:.1f} times"
        yield Tip(key="small-source", text=f"{text}; a larger, sharper one gives better results")


def _artifacts(plan: Plan) -> Iterator[Tip]:
    if plan.guidance_scale >= STRONG_GUIDANCE and not plan.prompt.negative:
        text = "strong guidance can cause artifacts; add a negative prompt: [blurry, distorted, oversaturated]"
        yield Tip(key="artifacts", text=text)


def tip_for_progress(step: Step, faster: str = "") -> Tip | None:
    """Return a tip if the images of a line will take long, judged by the first steps.

    `faster` is what would make the line faster at the same size.
    """
    if step.step < _MEASURED_STEPS or not step.seconds:
        return None
    whole = step.seconds / step.step * step.steps * math.ceil(step.images / step.batch)
    if whole < LONG:
        return None
    text = (
        f"at this speed the line takes about {round(whole / 60)} minutes; fewer steps (-s), a smaller size (-W and -H) "
        "or fewer images (-n) take less"
    )
    text += f"; {faster}" if faster else ""
    return Tip(key="slow", text=text)


def tip_for_result(plan: Plan, difference: float) -> Tip | None:
    """Return a tip if a result hardly differs from its init image (mean absolute `difference`, 0 to 255)."""
    if plan.init is None or plan.steps.taken == 0 or difference >= SUBTLE:
        return None
    stronger = min(1.0, round(plan.strength + 0.15, 2))
    text = (
        f"the image barely changed; try a higher -f (!again -f+.15, that is -f {stronger:g}), then -C, then other words"
    )
    return Tip(key="subtle", text=text)
