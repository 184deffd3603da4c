"""Convert a plan back to the request that reproduces one of its images, for metadata and echoed lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from invoke_cli.imaging.sizes import FitMode
from invoke_cli.language.grammar.format import format_line
from invoke_cli.language.switches.numbers import Number
from invoke_cli.language.switches.switch import Group
from invoke_cli.language.switches.table import SWITCHES
from invoke_cli.models.samplers import find_sampler
from invoke_cli.planning.plan import ImagePlan, InitFacts, Plan, Task
from invoke_cli.request import ControlChoice, GenerationRequest, overlay
from invoke_cli.version import RECORDED_MATCHING

# Settings of a resumed run that its saved latents determine.
SETTLED = frozenset(row.field for row in SWITCHES if row.group in (Group.INIT_IMAGE, Group.MASK, Group.VARIATION)) | {
    "perlin"
}


# The fields that always have a value, and the layers of settings in which a user chooses one.
_DEFAULTED = frozenset({"num_inference_steps", "width", "height", "guidance_scale", "scheduler", "model", "strength"})
_CHOOSERS = ("line", "record", "!set", "launch")

# The values with which a later stage of a chain turns off an effect that it would inherit.
_OFF: Mapping[str, object] = {
    row.field: () if row.is_repeatable else not row.is_flag and 0.0
    for row in SWITCHES
    if row.group is Group.LOOK and (row.is_repeatable or row.is_flag or isinstance(row.value, Number))
}


def recorded_request(plan: Plan, image: ImagePlan, *, by_name: bool = False) -> GenerationRequest:
    """Return the request that reproduces one image: one seed, and every value that affects the image.

    Args:
        plan: The plan of the image.
        image: The image.
        by_name: Whether to refer to the init image and the mask by their base names, as metadata does; images from the
            web keep their address.
    """
    request = base_request(plan, image, by_name=by_name)
    if plan.resume is None:
        return request
    values = {name: value for name, value in request.set_fields().items() if name not in SETTLED}
    values |= {"width": plan.width, "height": plan.height}
    return GenerationRequest.of(values | {"init_image": plan.resume.name if by_name else plan.resume.reference})


def base_request(plan: Plan, image: ImagePlan, *, by_name: bool = False) -> GenerationRequest:
    """Return the request for all steps: for a resumed run, that of the whole run."""
    request = plan.request
    effects = overlay(_recorded_effects(request), plan.postprocessing.record(request, by_name=by_name))
    common = replace(overlay(_common_request(plan, image), effects), controls=recorded_controls(plan, by_name=by_name))
    if plan.init is None or plan.geometry is None:
        return common
    strength = None if plan.task is Task.POSTPROCESS else plan.strength
    init_request = GenerationRequest(
        init_image=_init_name(plan.init, by_name=by_name), strength=strength, real_steps=request.real_steps
    )
    combined = overlay(overlay(common, init_request), recorded_mask(plan, by_name=by_name))
    if plan.task is Task.POSTPROCESS:
        side = _typed_tile(plan)
        return replace(combined, width=side, height=side)
    if plan.geometry.window is not None:
        return replace(combined, width=None, height=None)
    if plan.geometry.untouched:
        return combined
    return overlay(combined, _recorded_fit(plan))


def _typed_tile(plan: Plan) -> int | None:
    """Return the side of the tiles of `--embiggen`, if the line chose it; None for the model's native size."""
    enlarging = plan.postprocessing.enlarging
    is_typed = any(plan.sources.get(name) in ("line", "record") for name in ("width", "height"))
    return enlarging.refining.side if is_typed and plan.request.embiggen and enlarging and enlarging.refining else None


def _init_name(init: InitFacts, *, by_name: bool) -> str | None:
    if init.chained:
        return None
    return init.source or (init.name if by_name else init.reference)


def _common_request(plan: Plan, image: ImagePlan) -> GenerationRequest:
    """Return the settings that every image has."""
    request = plan.request
    return GenerationRequest(
        prompt=request.prompt or "",
        num_inference_steps=plan.steps.scheduled,
        seeds=(image.seed,),
        width=plan.width,
        height=plan.height,
        guidance_scale=plan.guidance_scale,
        scheduler=find_sampler(request.scheduler or plan.sampler.name).name,
        negative_prompt=request.negative_prompt,
        model=plan.model,
        variations=image.variations or None,
        parallel=request.parallel if (request.parallel or 1) > 1 else None,
    )


def _recorded_effects(request: GenerationRequest) -> GenerationRequest:
    """Return the settings of the image look that are on."""
    fields = [row.field for row in SWITCHES if row.group is Group.LOOK and row.field != "controls"]
    return GenerationRequest.of({name: value for name in fields if (value := getattr(request, name))})


def recorded_controls(plan: Plan, *, by_name: bool = False) -> tuple[ControlChoice, ...] | None:
    """Return the control images for a line, or with `by_name` for metadata, which contains their base names."""
    named = [(use, use.name if by_name else use.reference or use.name) for use in plan.controls]
    return tuple(ControlChoice(use.requested_kind, name, use.weight) for use, name in named) or None


def recorded_mask(plan: Plan, *, by_name: bool) -> GenerationRequest:
    """Return the switches that reproduce the mask."""
    if plan.mask is None:
        return GenerationRequest()
    mask, request = plan.mask, plan.request
    return GenerationRequest(
        init_mask=mask.source or (mask.name if by_name else mask.reference) or None,
        invert_mask=request.invert_mask or None,
        mask_polarity="black" if mask.black else _white(request),
        mask_blur=plan.mask_blur,
        mask_grow=request.mask_grow or None,
        mask_match=int(plan.mask_match) if plan.schema_version >= RECORDED_MATCHING else None,
        text_mask=None if mask.name else request.text_mask,
        outcrop=request.outcrop,
    )


def _white(request: GenerationRequest) -> str | None:
    """Return the polarity of a mask that paints white if it was chosen: a session's default may be the other one."""
    return request.mask_polarity if request.mask_polarity == "white" else None


def _recorded_fit(plan: Plan) -> GenerationRequest:
    """Return the switches that reproduce the geometry. A computed size becomes the size to crop to."""
    assert plan.geometry is not None
    typed = plan.request.width or 0, plan.request.height or 0
    match plan.geometry.mode:
        case FitMode.FIT:
            width, height = typed if any(typed) else plan.box
            return GenerationRequest(width=width, height=height, fit=True)
        case FitMode.PAD:
            return GenerationRequest(pad=plan.pad)
        case FitMode.STRETCH:
            return GenerationRequest(stretch=True)
        case FitMode.AUTO if plan.geometry.is_extended:
            width, height = typed if any(typed) else plan.geometry.canvas
            return GenerationRequest(width=width, height=height, fit=True)
        case _:
            return GenerationRequest(crop=True)


def recorded_line(stages: Sequence[tuple[Plan, ImagePlan]]) -> str:
    """Format the requests of all stages as a line."""
    return format_line(recorded_requests(stages))


def short_line(stages: Sequence[tuple[Plan, ImagePlan]]) -> str:
    """Format what was chosen for an image as a line: without values that come from defaults, but with the seed."""
    requests = [
        GenerationRequest.of({name: value for name, value in request.set_fields().items() if _is_chosen(plan, name)})
        for (plan, _), request in zip(stages, recorded_requests(stages), strict=True)
    ]
    return format_line(requests)


def _is_chosen(plan: Plan, name: str) -> bool:
    return name not in _DEFAULTED or plan.sources.get(name) in _CHOOSERS


def recorded_requests(stages: Sequence[tuple[Plan, ImagePlan]], *, by_name: bool = False) -> list[GenerationRequest]:
    """Return the `recorded_request` of each stage; an effect that a stage does not inherit is turned off explicitly."""
    requests = [recorded_request(plan, image, by_name=by_name) for plan, image in stages]
    for number, before in enumerate(requests[:-1], start=1):
        previous, current = before.set_fields(), requests[number].set_fields()
        turned_off = {name: off for name, off in _OFF.items() if previous.get(name) and name not in current}
        requests[number] = GenerationRequest.of(current | turned_off)
    return requests
