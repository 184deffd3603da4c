"""Check a request against the capabilities of the model's family. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from invoke_cli.errors import PlanError
from invoke_cli.language.grammar.line import switches_only
from invoke_cli.language.prompt.ast import Swap
from invoke_cli.language.prompt.prompt import Prompt, parse_prompt_sources
from invoke_cli.language.switches.switch import Needs
from invoke_cli.language.switches.table import by_field
from invoke_cli.models.control_models import Technique
from invoke_cli.models.families.family import Family
from invoke_cli.models.samplers import Sampler, all_samplers, find_sampler, for_flow
from invoke_cli.planning.plan import Task
from invoke_cli.planning.plan_inputs import PlanInputs

_EXPLICIT = ("line", "record")
_TASK_PHRASES = {
    Task.TEXT_TO_IMAGE: "from a prompt alone",
    Task.IMAGE_TO_IMAGE: "from an init image",
    Task.INPAINT: "with a mask",
}


def supported_inputs(inputs: PlanInputs, task: Task, notices: list[str]) -> PlanInputs:
    """Remove defaults that the family does not support from the request.

    Args:
        inputs: The inputs of the plan.
        task: The task of the plan.
        notices: Receives a notice for each removed default that was set by the user.

    Raises:
        PlanError: If the line itself sets an unsupported switch, or the family cannot perform the task.
    """
    family, defaults = inputs.facts.family, switches_only(inputs.facts.family.defaults)
    if task is Task.POSTPROCESS:
        return inputs
    _check_task(inputs, task)
    request = inputs.request
    for name, why in _unsupported(family, task):
        value, allowed = getattr(request, name), getattr(defaults, name)
        if name == "strength" and task is Task.INPAINT and family.paints_whole:
            allowed = 1.0
        if not value or value == allowed:
            continue
        _check_unsupported(inputs, name, why, notices)
        request = replace(request, **{name: allowed})
    return replace(inputs, request=request)


def _check_unsupported(inputs: PlanInputs, name: str, reason: str, notices: list[str]) -> None:
    """Raise PlanError if the line sets an unsupported switch; append a notice if the user's defaults do."""
    row, label = by_field()[name], inputs.facts.family.label
    if inputs.sources.get(name) in _EXPLICIT:
        message = f"{inputs.model} ({label}) does not support {row.spelling}: {reason}"
        raise PlanError(message, hint=f"remove {row.spelling}, or choose another model with -m", field=name)
    required_input = {Needs.INIT: inputs.init, Needs.MASK: inputs.mask}.get(row.needs, True)
    if inputs.sources.get(name) != "program" and required_input is not None:
        notices.append(f"{row.spelling} is ignored with {inputs.model} ({label}): {reason}")


def _unsupported(family: Family, task: Task) -> Iterator[tuple[str, str]]:
    yield from family.refuses.items()
    if not family.controlled:
        yield "controls", "there are no control models for this family"
    if task is Task.INPAINT and family.paints_whole:
        yield "strength", "it regenerates the whole masked area"
        yield "real_steps", "it regenerates the whole masked area, so all steps run"


def pipeline_for(family: Family, task: Task, technique: Technique | None = None) -> str:
    """Return the family's pipeline class for a task, with control models of a technique; empty if there is none."""
    name = {
        Task.TEXT_TO_IMAGE: family.text_to_image,
        Task.IMAGE_TO_IMAGE: family.image_to_image,
        Task.INPAINT: family.inpaint,
    }.get(task, "")
    if technique is None:
        return name
    variants = family.united if technique is Technique.CONTROLNET_UNION else family.controlled
    return variants.get(name, "")


def parse_supported_prompt(inputs: PlanInputs) -> Prompt:
    """Parse the prompt and check that the family supports its operators.

    Raises:
        PromptError: If the prompt is invalid.
        PlanError: For a negative prompt, weights, blends or swaps that the family does not support.
    """
    prompt = parse_prompt_sources(
        inputs.request.prompt or "", inputs.request.negative_prompt, inputs.request.prompt_syntax
    )
    family = inputs.facts.family
    if not family.staged:
        for field, tree in (("prompt", prompt.positive_tree), ("negative_prompt", prompt.negative_tree)):
            if isinstance(tree, Swap):
                message = f"{inputs.model} ({family.label}) runs in the stock pipeline, which does not support .swap()"
                hint = "use a chain instead: a cat -S 1 | a dog -f .6 -S 1"
                raise PlanError(message, hint=hint, field=field)
            if not tree.plain:
                message = f"{inputs.model} ({family.label}) does not support weights and blends"
                hint = "describe it in words, or write \\ before the operator to keep it as text"
                raise PlanError(message, hint=hint, field=field)
    why = family.refuses.get("negative_prompt")
    if prompt.negative and why:
        message = f"{inputs.model} ({family.label}) does not support [words in brackets]: {why}"
        hint = "remove them, or write \\ before the bracket to keep it as text"
        raise PlanError(message, hint=hint, field="prompt")
    return prompt


def _check_task(inputs: PlanInputs, task: Task) -> None:
    """Raise PlanError if the model cannot perform the task."""
    facts = inputs.facts
    if inputs.resume is not None and not facts.family.staged:
        message = f"{inputs.model} ({facts.family.label}) cannot resume from saved latents"
        raise PlanError(message, hint="start from the image itself: -I @last", field="init_image")
    if facts.inpainting and task is not Task.INPAINT:
        hint = "add an init image and a mask (-I photo.png -M mask.png), or choose another model with -m"
        raise PlanError(f"{inputs.model} supports only inpainting", hint=hint, field="model")
    if pipeline_for(facts.family, task):
        return
    fields = {Task.TEXT_TO_IMAGE: "model", Task.IMAGE_TO_IMAGE: "init_image", Task.INPAINT: "init_mask"}
    can = ", ".join(how for other, how in _TASK_PHRASES.items() if pipeline_for(facts.family, other))
    message = f"{inputs.model} ({facts.family.label}) cannot generate {_TASK_PHRASES[task]}, only {can}"
    hint = "add an init image with -I" if task is Task.TEXT_TO_IMAGE else "choose another model with -m"
    raise PlanError(message, hint=hint, field=fields[task])


def adapted_sampler(inputs: PlanInputs, sampler: Sampler) -> Sampler:
    """Return the sampler, adapted to the family. Raises PlanError if the family does not support it."""
    family = inputs.facts.family
    adapted = _adapted(family, sampler)
    if adapted is None:
        takes = ", ".join(family.samplers)
        message = f"{inputs.model} ({family.label}) does not support the sampler {sampler.name}"
        raise PlanError(message, hint=f"use one of {takes}", field="scheduler")
    return adapted


def _adapted(family: Family, sampler: Sampler) -> Sampler | None:
    if family.samplers and sampler.name not in family.samplers:
        return None
    return for_flow(sampler) if family.flow else sampler


def fitting_sampler(family: Family, *names: str | None) -> str | None:
    """Return the first of these samplers that the family supports for an init image, or else any that it supports."""
    for name in (*names, *family.samplers, *(row.name for row in all_samplers())):
        sampler = find_sampler(name) if name else None
        if sampler is not None and sampler.with_init:
            sampler = find_sampler(sampler.with_init)
        if sampler is not None and _adapted(family, sampler) is not None:
            return name
    return None


def check_refines(inputs: PlanInputs, field: str) -> None:
    """Raise PlanError if the model cannot refine an enlarged image, which needs image to image with a strength."""
    facts = inputs.facts
    if not facts.family.image_to_image or facts.family.is_instruction or facts.inpainting:
        why = "it supports only inpainting" if facts.inpainting else "it has no image to image with a strength"
        message = f"{inputs.model} ({facts.family.label}) cannot add detail to an image: {why}"
        raise PlanError(message, hint="choose another model with -m, or a network with --upscaler", field=field)
