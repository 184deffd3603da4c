"""What a family of models can honour: the request of a line against the family's row. A pure function."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from invoke_cli.errors import PlanError
from invoke_cli.language.grammar.line import switches_only
from invoke_cli.language.prompt.ast import Swap
from invoke_cli.language.prompt.prompt import Prompt, read_prompt
from invoke_cli.language.switches.switch import Needs
from invoke_cli.language.switches.table import SWITCHES
from invoke_cli.models.families.family import Family
from invoke_cli.models.samplers import Sampler, for_flow
from invoke_cli.planning.plan import Task
from invoke_cli.planning.plan_inputs import PlanInputs

_SAID_NOW = ("line", "record")
_HOW = {
    Task.TEXT_TO_IMAGE: "from a prompt alone",
    Task.IMAGE_TO_IMAGE: "from an init image",
    Task.INPAINT: "under a mask",
}


def honoured(inputs: PlanInputs, task: Task, notices: list[str]) -> PlanInputs:
    """The inputs without what a session's defaults ask of other families; PlanError for what the line itself asks for
    and this family cannot honour.
    """
    family, usual = inputs.facts.family, switches_only(inputs.facts.family.defaults)
    if task is Task.POSTPROCESS:
        return inputs
    _refuse_task(inputs, task)
    request = inputs.request
    for name, why in _refusals(family, task):
        value, allowed = getattr(request, name), getattr(usual, name)
        if name == "strength" and task is Task.INPAINT and family.paints_whole:
            allowed = 1.0
        if not value or value == allowed:
            continue
        row = next(row for row in SWITCHES if row.field == name)
        if inputs.sources.get(name) in _SAID_NOW:
            message = f"{inputs.model} ({family.label}) cannot honour {row.spelling}: {why}"
            raise PlanError(message, hint=f"leave {row.spelling} out, or choose another model with -m", field=name)
        needed = {Needs.INIT: inputs.init, Needs.MASK: inputs.mask}.get(row.needs, True)
        if inputs.sources.get(name) != "program" and needed is not None:
            notices.append(f"{row.spelling} is left out with {inputs.model} ({family.label}): {why}")
        request = replace(request, **{name: allowed})
    return replace(inputs, request=request)


def _refusals(family: Family, task: Task) -> Iterator[tuple[str, str]]:
    yield from family.refuses.items()
    if not family.controlled:
        yield "controls", "there are no control models for its kind"
    if task is Task.INPAINT and family.paints_whole:
        yield "strength", "under a mask it paints everything anew"
        yield "real_steps", "under a mask it paints everything anew, so all steps are taken"


def pipeline_for(family: Family, task: Task, *, controlled: bool = False) -> str:
    """The name of the family's pipeline for a task, empty when diffusers has none; the one in which a ControlNet takes
    part where it is `controlled`.
    """
    name = {
        Task.TEXT_TO_IMAGE: family.text_to_image,
        Task.IMAGE_TO_IMAGE: family.image_to_image,
        Task.INPAINT: family.inpaint,
    }.get(task, "")
    return family.controlled.get(name, "") if controlled else name


def checked_prompt(inputs: PlanInputs) -> Prompt:
    """The prompt that was read; PlanError for words in brackets where the family takes no negative prompt, and for
    operators where its text encoder cannot be told of them.
    """
    prompt = read_prompt(inputs.request.prompt or "", inputs.request.negative_prompt)
    family = inputs.facts.family
    if not family.staged:
        for field, tree in (("prompt", prompt.wanted), ("negative_prompt", prompt.avoided)):
            if isinstance(tree, Swap):
                message = (
                    f"{inputs.model} ({family.label}) runs in its own pipeline: no words are exchanged in it (.swap)"
                )
                hint = "a chain does much the same: a cat -S 1 | a dog -f .6 -S 1"
                raise PlanError(message, hint=hint, field=field)
            if not tree.plain:
                message = f"{inputs.model} ({family.label}) reads whole sentences: it takes no weights and no blends"
                raise PlanError(message, hint="say it in words, or write \\ before the operator", field=field)
    why = family.refuses.get("negative_prompt")
    if prompt.negative and why:
        message = f"{inputs.model} ({family.label}) cannot honour [words in brackets]: {why}"
        hint = "leave them out, or put a \\ before the bracket to keep it as text"
        raise PlanError(message, hint=hint, field="prompt")
    return prompt


def _refuse_task(inputs: PlanInputs, task: Task) -> None:
    """PlanError when the model cannot do what the line's images ask for."""
    facts = inputs.facts
    if inputs.resume is not None and not facts.family.staged:
        message = f"{inputs.model} ({facts.family.label}) cannot go on from saved latents: they stay in its pipeline"
        raise PlanError(message, hint="start from the picture itself: -I @last", field="init_image")
    if facts.inpainting and task is not Task.INPAINT:
        hint = "give it an init image and a mask (-I photo.png -M mask.png), or another model with -m"
        raise PlanError(f"{inputs.model} paints under a mask and nothing else", hint=hint, field="model")
    if pipeline_for(facts.family, task):
        return
    fields = {Task.TEXT_TO_IMAGE: "model", Task.IMAGE_TO_IMAGE: "init_image", Task.INPAINT: "init_mask"}
    can = ", ".join(how for other, how in _HOW.items() if pipeline_for(facts.family, other))
    message = f"{inputs.model} ({facts.family.label}) cannot draw {_HOW[task]}; it draws {can}"
    hint = "name an init image with -I" if task is Task.TEXT_TO_IMAGE else "choose another model with -m"
    raise PlanError(message, hint=hint, field=fields[task])


def fitting_sampler(inputs: PlanInputs, sampler: Sampler) -> Sampler:
    """The sampler as the family takes it; PlanError with those it takes when it is none of them."""
    family = inputs.facts.family
    adapted = for_flow(sampler) if family.flow else sampler
    if adapted is None or (family.samplers and sampler.name not in family.samplers):
        takes = ", ".join(family.samplers)
        message = f"{inputs.model} ({family.label}) cannot be sampled with {sampler.name}"
        raise PlanError(message, hint=f"it takes {takes}", field="scheduler")
    return adapted


def check_refines(inputs: PlanInputs, field: str) -> None:
    """PlanError when the model cannot draw the detail of an enlarged picture, for want of a strength."""
    facts = inputs.facts
    if not facts.family.image_to_image or facts.family.is_instruction or facts.inpainting:
        why = "it paints under a mask only" if facts.inpainting else "it cannot start from one at a strength"
        message = f"{inputs.model} ({facts.family.label}) cannot draw detail into a picture: {why}"
        raise PlanError(message, hint="choose another model with -m, or a network with --upscaler", field=field)
