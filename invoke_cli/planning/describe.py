"""Describe plans as text: for the echo, for `!plan` and for JSON. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator

from invoke_cli.planning.plan import AUTO_PARALLEL, Plan, Task

SHOWN_SEEDS = 8


def plan_line(plan: Plan) -> str:
    """Describe a plan in one line."""
    return ", ".join(_clauses(plan))


def _clauses(plan: Plan) -> Iterator[str]:
    if plan.resume is not None:
        yield f"resumed from step {plan.resume.step} of {plan.steps.taken} ({plan.resume.name})"
    elif plan.init is not None:
        name = "the previous stage" if plan.init.chained else plan.init.name
        yield f"{name} unchanged" if plan.task is Task.POSTPROCESS else f"from {name} at strength {plan.strength:g}"
    if plan.task is not Task.POSTPROCESS:
        yield from (steps_text(plan), str(plan.generated_size), plan.sampler.name)
        yield f"guidance {plan.guidance_scale:g}" if plan.guided else "no guidance"
    yield from (f"guided by {use.name} ({use.requested_kind} {use.weight:g})" for use in plan.controls)
    yield from _lora_clauses(plan)
    yield from plan.postprocessing.clauses()
    if plan.result_size != plan.generated_size:
        yield str(plan.result_size)
    yield plan.model
    yield seeds_text(plan)


def _lora_clauses(plan: Plan) -> Iterator[str]:
    for use in plan.loras:
        yield f"LoRA {use.name} {use.weight:g}"


def steps_text(plan: Plan) -> str:
    """Return `30 steps`, or `7 of 10 steps` if an init image shortens the schedule."""
    steps = plan.steps
    if plan.task is Task.TEXT_TO_IMAGE and plan.resume is None:
        return f"{steps.scheduled} step{'' if steps.scheduled == 1 else 's'}"
    return f"{plan.steps_left} of {steps.scheduled} step{'' if steps.scheduled == 1 else 's'}"


def seeds_text(plan: Plan) -> str:
    """Return the seeds of all images, shortened."""
    seeds = list(dict.fromkeys(image.seed for image in plan.images))
    shown = ", ".join(map(str, seeds[:SHOWN_SEEDS])) + (" …" if len(seeds) > SHOWN_SEEDS else "")
    name = "seed" if len(seeds) == 1 else "seeds"
    return f"{len(plan.images)} images, {name} {shown}" if len(plan.images) > 1 else f"{name} {shown}"


def plan_facts(plan: Plan) -> dict[str, object]:
    """Return the values of a plan for programs; the same for a dry run and a real run."""
    return {
        "task": plan.task.value,
        "model": plan.model,
        "prompt": plan.prompt.positive,
        "negative_prompt": plan.prompt.negative,
        "width": plan.width,
        "height": plan.height,
        "result_width": plan.result_size.width,
        "result_height": plan.result_size.height,
        "steps": plan.steps.asked,
        "steps_scheduled": plan.steps.scheduled,
        "steps_real": plan.steps_left,
        "guidance_scale": plan.guidance_scale,
        "sampler": plan.sampler.name,
        "scheduler": plan.sampler.scheduler,
        "strength": plan.strength if plan.init else None,
        "init_image": plan.resume.name if plan.resume else plan.init.name if plan.init else None,
        "controls": [f"{use.requested_kind}:{use.name}:{use.weight:g} by {use.model}" for use in plan.controls],
        "loras": [f"{use.name}:{use.weight:g}" for use in plan.loras],
        "after": plan.postprocessing.clauses(),
        "seeds": [image.seed for image in plan.images],
        "variations": [[list(variation) for variation in image.variations] for image in plan.images],
        "parallel": None if plan.parallel == AUTO_PARALLEL else plan.parallel,
    }
