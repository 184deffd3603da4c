"""Make a plan: a pure function of the request and the facts about the model and the init image. Reads no files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import TypeVar

from invoke_cli.errors import PlanError
from invoke_cli.imaging.sizes import Size
from invoke_cli.language.prompt.prompt import Prompt
from invoke_cli.language.switches.switch import Needs, Switch
from invoke_cli.language.switches.table import SWITCHES
from invoke_cli.models.samplers import Sampler, find_sampler
from invoke_cli.planning.adapters import controls_of, embeddings_of, loras_of
from invoke_cli.planning.capabilities import adapted_sampler, parse_supported_prompt, supported_inputs
from invoke_cli.planning.placement import free_canvas, geometry_for, patches_for
from invoke_cli.planning.plan import AUTO_PARALLEL, ImagePlan, LatentEffects, OutputPlan, Plan, Steps, Task
from invoke_cli.planning.plan_inputs import PlanInputs
from invoke_cli.planning.postprocessors import MAX_SIDE, decide_postprocessing
from invoke_cli.planning.seeds import seed_notices, seed_run
from invoke_cli.planning.steps import count_steps
from invoke_cli.planning.tips import tips_for
from invoke_cli.request import GenerationRequest, Variation

MAX_IMAGES = 10_000
OUTCROP_STRENGTH = 0.9
PROGRAM, FAMILY = "program", "family"

T = TypeVar("T")


def make_plan(inputs: PlanInputs) -> Plan:
    """Make the plan for a request. Raises PlanError or PromptError, whose `field` names the cause."""
    _check_needs(inputs)
    notices: list[str] = []
    task = _task(inputs)
    inputs = supported_inputs(inputs, task, notices)
    request, prompt, controls = inputs.request, parse_supported_prompt(inputs), controls_of(inputs)
    patches = patches_for(inputs, notices)
    geometry = geometry_for(inputs, patches, notices)
    canvas = _check_canvas(geometry.canvas if geometry else free_canvas(inputs, notices))
    sampler = _sampler(inputs, notices)
    strength = _strength(inputs)
    steps = _steps(inputs, sampler, strength, notices)
    guidance_scale = _guidance_scale(request, prompt, notices)
    plan = Plan(
        request=request,
        task=task,
        model=inputs.model,
        family=inputs.facts.family,
        prompt=prompt,
        width=canvas.width,
        height=canvas.height,
        box=Size(request.width or inputs.facts.size, request.height or inputs.facts.size),
        steps=steps,
        guidance_scale=guidance_scale,
        sampler=sampler,
        strength=strength,
        images=_images(inputs, notices),
        parallel=request.parallel or AUTO_PARALLEL,
        output=_output(request),
        trace=bool(request.trace),
        latent_effects=_latent_effects(request, sampler, notices),
        loras=loras_of(inputs, prompt, notices),
        embeddings=tuple(embeddings_of(inputs, prompt, notices)),
        controls=controls,
        postprocessing=decide_postprocessing(inputs, geometry.result if geometry else canvas, notices),
        init=inputs.init,
        mask=inputs.mask,
        geometry=geometry,
        resume=inputs.resume,
        patches=patches,
        pad=request.pad or "black",
        mask_blur=request.mask_blur or 0,
        mask_match=request.mask_match != 0,
        takes_mask=inputs.facts.inpainting,
        schema_version=inputs.schema_version,
        sources=inputs.sources,
        notices=(*prompt.notices, *notices),
    )
    return replace(plan, tips=tips_for(plan))


def _check_canvas(canvas: Size) -> Size:
    if max(canvas) > MAX_SIDE:
        hint = "use a smaller -W or -H"
        message = f"an image of {canvas} is too large (at most {MAX_SIDE} pixels per side)"
        raise PlanError(message, hint=hint, field="height")
    return canvas


_REMEDIES = {Needs.INIT: "add one with -I", Needs.MASK: "add one with -M, or use an init image with transparent areas"}


def _check_needs(inputs: PlanInputs) -> None:
    """Raise PlanError for a line without a prompt or image, or a switch whose required input is missing.

    Defaults of the session are not checked: they apply once the input is there.
    """
    if inputs.request.prompt is None and inputs.init is None:
        raise PlanError("nothing to generate", hint='write a prompt, such as "a red boat on the sea"', field="prompt")
    for row in SWITCHES:
        if inputs.sources.get(row.field) == "line" and _lacks_input(inputs, row):
            hint = f"{_REMEDIES[row.needs]}, or remove {row.spelling}"
            raise PlanError(f"{row.spelling} needs {row.needs.value}", hint=hint, field=row.field)
    if all(inputs.sources.get(name) == "line" for name in ("init_mask", "text_mask")):
        raise PlanError("-M and -tm cannot be combined", hint="keep one of them", field="text_mask")


def _lacks_input(inputs: PlanInputs, row: Switch) -> bool:
    """Return whether a switch is set whose required input is missing."""
    available = {Needs.NOTHING: True, Needs.INIT: inputs.init is not None, Needs.MASK: inputs.mask is not None}
    if available[row.needs] or (row.field == "match_colors" and inputs.colour_file is not None):
        return False
    return not row.is_flag or bool(getattr(inputs.request, row.field))


def _task(inputs: PlanInputs) -> Task:
    if inputs.is_postprocess_only:
        return Task.POSTPROCESS
    if inputs.mask is not None:
        return Task.INPAINT
    return Task.TEXT_TO_IMAGE if inputs.init is None else Task.IMAGE_TO_IMAGE


def _required(value: T | None) -> T:
    assert value is not None, "the program's defaults fill this field"
    return value


def _strength(inputs: PlanInputs) -> float:
    """Return the strength: 1 without an init image, 0 for postprocessing only; outcropping has its own default."""
    if inputs.init is None or inputs.is_postprocess_only:
        return 1.0 if inputs.init is None else 0.0
    if inputs.request.outcrop is not None and inputs.sources.get("strength") in (PROGRAM, FAMILY):
        return OUTCROP_STRENGTH
    return _required(inputs.request.strength)


# -- sampler and steps ----------------------------------------------------------------------------------------------


def _sampler(inputs: PlanInputs, notices: list[str]) -> Sampler:
    sampler = find_sampler(_required(inputs.request.scheduler))
    if inputs.init is not None and sampler.with_init:
        substitute = find_sampler(sampler.with_init)
        notices.append(f"{sampler.name} does not support init images: using {substitute.name}, as in InvokeAI")
        return adapted_sampler(inputs, substitute)
    return adapted_sampler(inputs, sampler)


def _steps(inputs: PlanInputs, sampler: Sampler, strength: float, notices: list[str]) -> Steps:
    request = inputs.request
    steps = count_steps(_required(request.num_inference_steps), strength, request.real_steps)
    _check_steps(sampler, steps.scheduled)
    _note_step_count(inputs, strength, steps, notices)
    return steps


def _check_steps(sampler: Sampler, scheduled: int) -> None:
    if not sampler.min_steps <= scheduled <= sampler.max_steps:
        limits = f"{sampler.min_steps} to {sampler.max_steps} steps"
        hint = "change -s, or choose another sampler with -A"
        raise PlanError(f"{sampler.name} supports {limits}, not {scheduled}", hint=hint, field="num_inference_steps")


def _guidance_scale(request: GenerationRequest, prompt: Prompt, notices: list[str]) -> float:
    scale = _required(request.guidance_scale)
    if prompt.negative and scale <= 1:
        notices.append(f"the negative prompt has no effect at -C {scale:g}: guidance is off")
    return scale


# -- latent effects -------------------------------------------------------------------------------------------------


def _note_step_count(inputs: PlanInputs, strength: float, steps: Steps, notices: list[str]) -> None:
    if inputs.init is None:
        return
    if steps.taken == 1 and 0 < strength * steps.scheduled < 1:
        notices.append(f"strength {strength:g} of {steps.scheduled} steps is less than one: running one step")
    if strength == 0 and not inputs.is_postprocess_only:
        name = "the previous result" if inputs.init.chained else "the init image"
        notices.append(f"strength 0: {name} is returned unchanged, apart from its size")


def _note_ineffective(request: GenerationRequest, sampler: Sampler, notices: list[str]) -> None:
    if request.eta and sampler.scheduler != "DDIMScheduler":
        notices.append(f"--eta has no effect with {sampler.name}, only with ddim")
    if request.guidance_rescale and (request.guidance_scale or 0) <= 1:
        notices.append("--cfg_rescale has no effect: guidance is off")


def _seamless_axes(request: GenerationRequest) -> str:
    """Return the axes along which the image is seamless: `x`, `y`, `xy` or empty."""
    if request.seamless or request.seamless_axes:
        return (request.seamless_axes or "xy").replace(",", "")
    return ""


def _latent_effects(request: GenerationRequest, sampler: Sampler, notices: list[str]) -> LatentEffects:
    _note_ineffective(request, sampler, notices)
    values = {row.name: getattr(request, row.name) for row in fields(LatentEffects)}
    values["seamless"] = _seamless_axes(request)
    return LatentEffects(**{name: value for name, value in values.items() if value})


# -- images ---------------------------------------------------------------------------------------------------------


def _images(inputs: PlanInputs, notices: list[str]) -> tuple[ImagePlan, ...]:
    """Return an image for each seed and iteration; with `-v`, each has its own random sub-seed, which is recorded."""
    request = inputs.request
    count = request.num_images or 1
    first_seeds = request.seeds or (inputs.random_seed(),)
    if count * len(first_seeds) > MAX_IMAGES:
        hint = "split them over several lines"
        raise PlanError(
            f"{count * len(first_seeds)} images in one line (at most {MAX_IMAGES})", hint=hint, field="num_images"
        )
    variations = request.variations or ()
    amount = request.variation_amount or 0.0
    if amount and inputs.init is not None and count == 1:
        notices.append("-v has no effect: with an init image it varies the images after the first one (-n 4)")
    images: list[ImagePlan] = []
    for first in first_seeds:
        images.extend(_series(inputs, first, ImagePlan(seed=first, variations=variations), len(images)))
    notices.extend(seed_notices(images))
    return tuple(images)


def _series(inputs: PlanInputs, first: int, base: ImagePlan, start: int) -> Iterator[ImagePlan]:
    """Yield the images of one seed. Without `-v`, each has the next seed; with it, all are variations of one seed."""
    count = inputs.request.num_images or 1
    amount = inputs.request.variation_amount or 0.0
    if not amount:
        yield from (replace(base, seed=seed) for seed in seed_run(first, count))
        return
    for index in range(count):
        if inputs.init is not None and index == 0:
            yield base
            continue
        variations = (*base.variations, Variation(inputs.random_seed(), amount))
        yield replace(base, variations=variations, follows=None if inputs.init is None else start)


def _output(request: GenerationRequest) -> OutputPlan:
    if request.private and request.no_metadata:
        raise PlanError("--private and --no_metadata cannot be combined", hint="keep one of them", field="private")
    return OutputPlan(
        outdir=_required(request.outdir),
        name_format=_required(request.name_format),
        prompt_as_dir=bool(request.prompt_as_dir),
        grid=bool(request.grid),
        png_compression=_required(request.png_compression),
        save_intermediates=request.save_intermediates or 0,
        save_latents=bool(request.save_latents),
        save_all=bool(request.save_all),
        strip=bool(request.strip),
        preview=_required(request.preview),
        private=bool(request.private),
        no_metadata=bool(request.no_metadata),
    )
