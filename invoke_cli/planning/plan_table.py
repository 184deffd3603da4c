"""Format a plan as a table in the words of the switches, for `!plan` and dry runs. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator

from invoke_cli.language.sanitize import sanitize_for_terminal
from invoke_cli.language.switches.switch import Group, Switch
from invoke_cli.language.switches.table import SWITCHES
from invoke_cli.planning.describe import SHOWN_SEEDS
from invoke_cli.planning.plan import Plan, Task
from invoke_cli.planning.recorded_request import recorded_request

_TASKS = {
    Task.TEXT_TO_IMAGE: "text to image",
    Task.IMAGE_TO_IMAGE: "image to image",
    Task.INPAINT: "inpainting",
    Task.POSTPROCESS: "postprocessing",
}
_NOT_SHOWN = ("dry_run", "no_session", "seeds", "num_images")

Row = tuple[str, str, str]  # a name, a value, and the layer that set the value


def plan_table(plan: Plan) -> str:
    """Format a plan, one value per line, with the layer that each value came from."""
    rows = [*_computed(plan), *_switches(plan)]
    width = max(len(name) for name, _, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}{f'  ({source})' if source else ''}" for name, value, source in rows)


def _computed(plan: Plan) -> Iterator[Row]:
    yield "task", _TASKS.get(plan.task, plan.task.value), ""
    if plan.result_size != plan.generated_size:
        yield "result", str(plan.result_size), ""
    if plan.steps_left != plan.steps.asked:
        schedule = f" of a schedule of {plan.steps.scheduled}" if plan.steps_left != plan.steps.scheduled else ""
        yield "steps that run", f"{plan.steps_left}{schedule}", ""


def _switches(plan: Plan) -> Iterator[Row]:
    recorded, asked = recorded_request(plan, plan.images[0]), plan.request
    for switch in SWITCHES:
        value = getattr(recorded, switch.field)
        if value is None and _is_chosen_output(plan, switch):
            value = getattr(asked, switch.field)
        if switch.field == "seeds":
            yield _label(switch), _seeds(plan), plan.sources.get("seeds", "random")
        elif value not in (None, (), False, 0, "") and switch.field not in _NOT_SHOWN:
            yield _label(switch), _shown(switch, value), _source(plan, switch.field, value)


def _is_chosen_output(plan: Plan, switch: Switch) -> bool:
    """Return whether a switch that does not affect pixels was set by the user."""
    return switch.group in (Group.OUTPUT, Group.RUN) and plan.sources.get(switch.field) != "program"


def _label(switch: Switch) -> str:
    """Return the short and the long name of a switch; the prompt needs none."""
    if switch.field == "prompt":
        return "prompt"
    return switch.name if switch.spelling == switch.name else f"{switch.spelling}, {switch.name}"


def _shown(switch: Switch, value: object) -> str:
    if value is True:
        return "yes"
    if switch.is_repeatable and isinstance(value, tuple):
        return ", ".join(sanitize_for_terminal(switch.value.format((part,))) for part in value)
    return sanitize_for_terminal(str(value) if switch.field == "prompt" else switch.value.format(value))


def _seeds(plan: Plan) -> str:
    seeds = list(dict.fromkeys(image.seed for image in plan.images))
    more = f" … ({len(seeds)} images)" if len(seeds) > SHOWN_SEEDS else ""
    return ", ".join(map(str, seeds[:SHOWN_SEEDS])) + more


def _source(plan: Plan, field: str, value: object) -> str:
    """Return the layer that a value came from; empty if it was computed."""
    return plan.sources.get(field, "") if getattr(plan.request, field) == value else ""
