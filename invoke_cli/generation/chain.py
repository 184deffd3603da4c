"""Chains: plan the stages of a line together. `execute` takes the images through them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import PurePath

from PIL import Image

from invoke_cli.context.context import SessionContext
from invoke_cli.context.settings import Resolved
from invoke_cli.errors import InvokeError, PlanError, blame
from invoke_cli.generation.prepare import Prepared, prepare_stage, without_file
from invoke_cli.generation.resolved_line import ResolvedLine
from invoke_cli.imaging.sizes import Size
from invoke_cli.inputs.supplied import NO_INPUTS, SuppliedInputs
from invoke_cli.language.grammar.line import Stage
from invoke_cli.language.switches.switch import Group
from invoke_cli.language.switches.table import SWITCHES
from invoke_cli.planning.capabilities import fitting_sampler
from invoke_cli.planning.chain import link_stages, sized
from invoke_cli.planning.hires_fix import two_passes
from invoke_cli.planning.plan import Task
from invoke_cli.planning.plan_inputs import grid_of
from invoke_cli.planning.seeds import next_seed
from invoke_cli.request import GenerationRequest


def prepare_line(context: SessionContext, line: ResolvedLine, supplied: SuppliedInputs = NO_INPUTS) -> Prepared:
    """Plan every stage of a line.

    Args:
        context: The session.
        line: The line with its defaults resolved.
        supplied: Images and latents that replace the files which the first stage names.

    Raises:
        InvokeError: A stage is not possible; `error.stage` is its number as typed, from 0.
    """
    _refuse_list_without_init(line.stages)
    passes = in_passes(context, line, from_noise=supplied.init is None and supplied.checkpoint is None)
    with blame_typed_stage(added=len(passes.stages) - len(line.stages)):
        return _prepared(context, passes, supplied)


@contextmanager
def blame_typed_stage(*, added: int) -> Iterator[None]:
    """Number the stage of an error as the user typed it, without the `added` stages of `--hires_fix`."""
    try:
        yield
    except InvokeError as error:
        with blame(stage=max(0, error.stage - added)):
            raise


def _prepared(context: SessionContext, line: ResolvedLine, supplied: SuppliedInputs) -> Prepared:
    requests = link_stages(line.stages)
    resolved = line.with_request(context, requests[0]).first
    first = prepare_stage(
        context, _without_default_postprocessing(resolved) if len(requests) > 1 else resolved, supplied
    )
    _note_unused_steps(context, line.stages[0], first)
    later: list[Prepared] = []
    for number, request in enumerate(requests[1:], start=1):
        before = (later or [first])[-1]
        with blame(stage=number):
            resolved, inputs = _resolved_stage(context, replace(line.stages[number], request=request), before)
            if number < len(requests) - 1:
                resolved = _without_default_postprocessing(resolved)
            later.append(_matching_first(_later(context, resolved, before, inputs), first))
            _note_unused_steps(context, line.stages[number], later[-1])
    if any(stage.plan.postprocessing.keep for stage in (first, *later)[:-1]):
        context.notice("--save_original applies to the last stage; --save_all keeps the images of the others")
    return replace(first, later=tuple(later))


def _note_unused_steps(context: SessionContext, stage: Stage, prepared: Prepared) -> None:
    """Report that the `-s` of a stage does not apply, since --real_steps sets the length of the schedule."""
    typed, real = stage.request.num_inference_steps, prepared.plan.request.real_steps
    if typed is not None and real is not None and prepared.plan.steps.scheduled != typed:
        context.notice(f"-s {typed} has no effect: --real_steps {real} needs {prepared.plan.steps.scheduled} steps")


def _resolved_stage(context: SessionContext, stage: Stage, before: Prepared) -> tuple[Resolved, SuppliedInputs]:
    """Resolve a later stage, whose request includes what it inherits, and return the mask that it keeps."""
    request, inputs = _refining(stage.request, before) if stage.refines else (stage.request, NO_INPUTS)
    is_masked = request.init_mask is not None or request.text_mask is not None
    if not (is_masked and _is_pasted(before)):
        request = sized(request, *before.plan.result_size)
    return _with_fitting_sampler(context, stage, context.settings.resolve(request, before.model)), inputs


def _without_default_postprocessing(resolved: Resolved) -> Resolved:
    """Return the settings of an earlier stage: the session's defaults for postprocessing apply to the last one."""
    request, sources = resolved.effective
    fields = [row.field for row in SWITCHES if row.group is Group.POSTPROCESS and sources.get(row.field) != "line"]
    request = replace(request, **dict.fromkeys(fields))
    return replace(resolved, effective=resolved.effective._replace(request=request))


def _with_fitting_sampler(context: SessionContext, stage: Stage, resolved: Resolved) -> Resolved:
    """Return the settings of a stage with a sampler that its model supports, unless the stage sets one itself."""
    request, family = resolved.request, resolved.model.facts.family
    if "scheduler" in stage.spans or fitting_sampler(family, request.scheduler) == request.scheduler:
        return resolved
    default = context.settings.resolve(replace(request, scheduler=None), resolved.model).request.scheduler
    name = fitting_sampler(family, default)
    model = resolved.model.spec.name
    context.notice(f"{model} ({family.label}) does not support the sampler {request.scheduler}: using {name}")
    return resolved.with_values({"scheduler": name})


def _is_pasted(stage: Prepared) -> bool:
    """Return whether the result of a stage is pasted into its init image, whose size it keeps."""
    geometry = stage.plan.geometry
    return bool(stage.plan.patches) or (geometry is not None and geometry.window is not None)


def _refining(request: GenerationRequest, before: Prepared) -> tuple[GenerationRequest, SuppliedInputs]:
    """Return the request of a further pass of a list of strengths, with the mask of the pass before."""
    if _is_pasted(before):
        request = replace(request, width=None, height=None)
    masked, typed = before.masked, before.plan.request
    if masked is None or before.init is None:
        return request, NO_INPUTS
    request = replace(request, mask_blur=typed.mask_blur, mask_match=typed.mask_match)
    if not masked.bordered:
        request = replace(request, invert_mask=typed.invert_mask, mask_grow=typed.mask_grow)
    if masked.opened is not None and not masked.bordered:
        request = replace(request, init_mask=typed.init_mask, mask_polarity=typed.mask_polarity)
        return request, SuppliedInputs(mask=masked.opened)
    if not before.init.data and typed.text_mask is not None:  # found again in each image that the chain produces
        return replace(request, text_mask=typed.text_mask), NO_INPUTS
    mask = masked.as_file(PurePath(before.init.name).stem or "previous")
    return replace(request, init_mask=mask.name), SuppliedInputs(mask=mask)


def prepare_recorded(
    context: SessionContext, first: Prepared, later: Sequence[tuple[Resolved, SuppliedInputs]]
) -> Prepared:
    """Plan the later stages of a recorded chain, whose requests are complete, with its masks and control images."""
    prepared: list[Prepared] = []
    for resolved, supplied in later:
        prepared.append(_matching_first(_later(context, resolved, (prepared or [first])[-1], supplied), first))
    return replace(first, later=tuple(prepared))


def in_passes(context: SessionContext, line: ResolvedLine, *, from_noise: bool) -> ResolvedLine:
    """Replace a first stage with `--hires_fix` by its two passes."""
    for number, stage in enumerate(line.stages[1:], start=1):
        if stage.request.hires_fix:
            hint = "later stages start from an image; use -W and -H to enlarge it"
            with blame(stage=number):
                raise PlanError("--hires_fix belongs to the first stage", hint=hint, field="hires_fix")
    request, sources = line.first.effective
    if not request.hires_fix:
        return line
    one_pass = line.with_request(context, replace(line.typed, hires_fix=False))
    if request.init_image is not None or not from_noise:
        if sources.get("hires_fix") != "line":
            return one_pass
        hint = "omit it: -W and -H already enlarge the init image"
        raise PlanError("--hires_fix cannot be used with an init image", hint=hint, field="hires_fix")
    typed = replace(line.typed, width=request.width, height=request.height)
    passes = two_passes(typed, grid_of(line.first.model.facts))
    if passes is None:
        context.notice("--hires_fix has no effect: the size does not exceed the model's native size")
        return one_pass
    first, second = passes
    return line.with_request(context, first).with_later([Stage(request=second), *line.stages[1:]])


def _refuse_list_without_init(stages: Sequence[Stage]) -> None:
    spans = [stage.spans.get("strength") for stage in stages[:2]]
    if len(spans) == 2 and spans[0] is not None and spans[0] == spans[1] and stages[0].request.init_image is None:
        raise PlanError("a list of strengths needs an init image", hint="add one with -I", field="strength")


def _later(
    context: SessionContext, resolved: Resolved, before: Prepared, supplied: SuppliedInputs = NO_INPUTS
) -> Prepared:
    """Plan a stage that starts from the result of the previous stage, of which only the size is known yet."""
    own_seeds = resolved.request.seeds
    request = replace(resolved.request, seeds=own_seeds or (next_seed(before.plan.images[0].seed),))
    resolved = replace(resolved, effective=resolved.effective._replace(request=request))
    blank = without_file(Image.new("RGB", before.plan.result_size))
    prepared = prepare_stage(context, resolved, replace(supplied, init=blank))
    takes_latents = _takes_latents(context, before, prepared)
    if not takes_latents and _encodes(prepared):
        notice = "between these stages the image is decoded and encoded once"
        prepared = replace(prepared, plan=replace(prepared.plan, notices=(*prepared.plan.notices, notice)))
    return replace(prepared, takes_latents=takes_latents, own_seed=own_seeds[0] if own_seeds else None)


def _matching_first(stage: Prepared, first: Prepared) -> Prepared:
    """Let a later stage match the colours of the image that the chain starts from, if it starts from one."""
    if not stage.matches_init or first.init is None or not first.init.data:
        return stage
    source = first.init.image if first.plan.patches else first.untouched()
    return replace(stage, colours=without_file(source))


def _takes_latents(context: SessionContext, before: Prepared, after: Prepared) -> bool:
    """Return whether a stage can start from the latents of the one before: same canvas, same autoencoder, no masks."""
    if before.plan.postprocessing.wanted:
        return False
    if after.plan.task is Task.POSTPROCESS:
        return _upscaler_takes_latents(context, before, after)
    plain = before.masked is None and after.masked is None
    plain = plain and before.plan.family.staged and after.plan.family.staged
    plain = plain and not before.plan.untouched and not after.plan.untouched
    fits = after.plan.geometry is not None and after.plan.geometry.untouched
    whole = before.plan.result_size == Size(before.plan.width, before.plan.height)
    return plain and fits and whole and context.hashes.has_same_vae(before.model, after.model)


def _encodes(prepared: Prepared) -> bool:
    """Return whether a stage encodes its input image."""
    enlarging = prepared.plan.postprocessing.enlarging
    if prepared.plan.task is not Task.POSTPROCESS or enlarging is None:
        return True
    return enlarging.diffusion is not None and enlarging.diffusion.upscaler.kind.takes_latents


def _upscaler_takes_latents(context: SessionContext, before: Prepared, after: Prepared) -> bool:
    """Return whether an upscaler that works on latents can take those of the stage before."""
    work = after.plan.postprocessing.enlarging.diffusion if after.plan.postprocessing.enlarging else None
    if work is None or not work.upscaler.kind.takes_latents or before.plan.untouched or before.masked is not None:
        return False
    canvas, multiple = Size(before.plan.width, before.plan.height), work.upscaler.kind.multiple
    whole = before.plan.result_size == canvas and not (canvas.width % multiple or canvas.height % multiple)
    return whole and context.hashes.of_vae(before.model) == work.upscaler.vae
