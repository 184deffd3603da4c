"""Chains: the stages of a line prepared together. `carrying` takes the images through them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PIL import Image

from invoke_cli.context.context import SessionContext
from invoke_cli.context.settings import Resolved
from invoke_cli.errors import InvokeError, PlanError
from invoke_cli.generation.prepare import Prepared, prepare_resolved, without_file
from invoke_cli.imaging.sizes import Size
from invoke_cli.inputs.supplied import NO_INPUTS, SuppliedInputs
from invoke_cli.language.grammar.line import Stage
from invoke_cli.planning.chain import linked, sized
from invoke_cli.planning.hires_fix import two_passes
from invoke_cli.planning.plan import Task
from invoke_cli.planning.plan_inputs import grid_of
from invoke_cli.planning.seeds import next_seed


def prepare_line(context: SessionContext, stages: Sequence[Stage], given: SuppliedInputs = NO_INPUTS) -> Prepared:
    """The plans of a line's stages; what is given stands in for what the first names. An error of a later stage says
    which one it is.
    """
    _refuse_list_without_init(stages)
    passes = in_passes(context, stages, from_noise=given.init is None and given.point is None)
    try:
        return _prepared(context, passes, given)
    except InvokeError as error:
        error.stage = max(0, error.stage - (len(passes) - len(stages)))
        raise


def _prepared(context: SessionContext, stages: Sequence[Stage], given: SuppliedInputs) -> Prepared:
    requests = linked(stages)
    first = prepare_resolved(context, context.settings.resolve(requests[0]), given)
    later: list[Prepared] = []
    for number, request in enumerate(requests[1:], start=1):
        before = (later or [first])[-1]
        try:
            resolved = context.settings.resolve(sized(request, *before.plan.result_size))
            later.append(_later(context, resolved, before))
        except InvokeError as error:
            error.stage = number
            raise
    if any(stage.plan.postprocessing.keep for stage in (first, *later)[:-1]):
        context.notice("--save_original is for the last stage; --save_all keeps the pictures of the others")
    return replace(first, later=tuple(later))


def prepare_recorded(
    context: SessionContext, first: Prepared, later: Sequence[tuple[Resolved, SuppliedInputs]]
) -> Prepared:
    """The plans of a recorded chain: its first stage is prepared, the later ones say everything; given are their masks
    and control images.
    """
    prepared: list[Prepared] = []
    for resolved, given in later:
        prepared.append(_later(context, resolved, (prepared or [first])[-1], given))
    return replace(first, later=tuple(prepared))


def in_passes(context: SessionContext, stages: Sequence[Stage], *, from_noise: bool) -> Sequence[Stage]:
    """The stages, the first in the two passes of `--hires_fix` where it asks for them."""
    for number, stage in enumerate(stages[1:], start=1):
        if stage.request.hires_fix:
            hint = "a later stage starts from a picture: -W and -H enlarge it"
            error = PlanError("--hires_fix belongs to the first stage", hint=hint, field="hires_fix")
            error.stage = number
            raise error
    resolved = context.settings.resolve(stages[0].request)
    request, sources = resolved.effective
    if not request.hires_fix:
        return stages
    if request.init_image is not None or not from_noise:
        if sources.get("hires_fix") != "line":
            return [replace(stages[0], request=replace(stages[0].request, hires_fix=False)), *stages[1:]]
        hint = "leave it out: -W and -H enlarge the init image already"
        raise PlanError("--hires_fix is for pictures without an init image", hint=hint, field="hires_fix")
    typed = replace(stages[0].request, width=request.width, height=request.height)
    passes = two_passes(typed, grid_of(resolved.model.facts))
    if passes is None:
        context.notice("--hires_fix has no effect: the size is not beyond the model's own")
        return [replace(stages[0], request=replace(stages[0].request, hires_fix=False)), *stages[1:]]
    return [replace(stages[0], request=passes[0]), Stage(request=passes[1]), *stages[1:]]


def _refuse_list_without_init(stages: Sequence[Stage]) -> None:
    spans = [stage.spans.get("strength") for stage in stages[:2]]
    if len(spans) == 2 and spans[0] is not None and spans[0] == spans[1] and stages[0].request.init_image is None:
        raise PlanError("a list of strengths and no init image", hint="name one with -I", field="strength")


def _later(
    context: SessionContext, resolved: Resolved, before: Prepared, given: SuppliedInputs = NO_INPUTS
) -> Prepared:
    """A stage that starts from the result of the one before, whose size is all that is known of it."""
    said = resolved.effective.request.seeds
    request = replace(resolved.effective.request, seeds=said or (next_seed(before.plan.images[0].seed),))
    effective = resolved.effective._replace(request=request)
    stand_in = without_file(Image.new("RGB", before.plan.result_size))
    prepared = prepare_resolved(context, replace(resolved, effective=effective), replace(given, init=stand_in))
    handed_over = _takes_latents(context, before, prepared)
    if not handed_over and _encodes(prepared):
        notice = "between these stages the picture is decoded and encoded once"
        prepared = replace(prepared, plan=replace(prepared.plan, notices=(*prepared.plan.notices, notice)))
    return replace(prepared, takes_latents=handed_over, own_seed=said[0] if said else None)


def _takes_latents(context: SessionContext, before: Prepared, after: Prepared) -> bool:
    """Whether a stage can start from the latents of the one before: same canvas, same autoencoder, no masks."""
    if before.plan.postprocessing.wanted:
        return False
    if after.plan.task is Task.POSTPROCESS:
        return _upscaler_takes_latents(context, before, after)
    plain = before.masked is None and after.masked is None
    plain = plain and before.plan.family.staged and after.plan.family.staged
    plain = plain and not before.plan.untouched and not after.plan.untouched
    fits = after.plan.geometry is not None and after.plan.geometry.untouched
    whole = before.plan.result_size == Size(before.plan.width, before.plan.height)
    return plain and fits and whole and context.vae_hash(before.model) == context.vae_hash(after.model)


def _encodes(prepared: Prepared) -> bool:
    """Whether a stage encodes the picture that it gets."""
    enlarging = prepared.plan.postprocessing.enlarging
    if prepared.plan.task is not Task.POSTPROCESS or enlarging is None:
        return True
    return enlarging.diffusion is not None and enlarging.diffusion.upscaler.kind.takes_latents


def _upscaler_takes_latents(context: SessionContext, before: Prepared, after: Prepared) -> bool:
    """Whether an upscaler that works on latents can take those of the stage before."""
    work = after.plan.postprocessing.enlarging.diffusion if after.plan.postprocessing.enlarging else None
    if work is None or not work.upscaler.kind.takes_latents or before.plan.untouched or before.masked is not None:
        return False
    canvas, multiple = Size(before.plan.width, before.plan.height), work.upscaler.kind.multiple
    whole = before.plan.result_size == canvas and not (canvas.width % multiple or canvas.height % multiple)
    return whole and context.vae_hash(before.model) == work.upscaler.vae
