"""Decide the postprocessing of an image: a pure function of the request and of the models found for it."""

from __future__ import annotations

from collections.abc import Iterator

from invoke_cli.errors import PlanError
from invoke_cli.imaging.sizes import Size
from invoke_cli.language.prompt.prompt import Prompt, parse_prompt_sources
from invoke_cli.language.switches.switch import Group
from invoke_cli.language.switches.table import SWITCHES, by_field
from invoke_cli.models.samplers import Sampler, find_sampler
from invoke_cli.planning.capabilities import adapted_sampler, check_refines
from invoke_cli.planning.plan_inputs import PlanInputs
from invoke_cli.planning.postprocess import Diffusion, Enlarging, Faces, Postprocessing, Refining
from invoke_cli.planning.steps import count_steps

MAX_SIDE = 16_384
MAX_PIXELS = 100_000_000
REFINING_STRENGTH = 0.25
HIGH_STRENGTH = 0.6
OVERLAP = 0.25
NETWORK_SHARE = 0.75
FIDELITY = 0.75

_ENLARGING = ("upscale", "embiggen", "latent_up", "sr")


def decide_postprocessing(inputs: PlanInputs, size: Size, notices: list[str]) -> Postprocessing:
    """Decide the postprocessing of an image.

    Args:
        inputs: The inputs of the plan.
        size: The size of the image before postprocessing.
        notices: Receives notices for the user.

    Raises:
        PlanError: If the request is contradictory or the result too large; its `field` names the cause.
    """
    request = inputs.request
    for field, message, hint in _contradictions(inputs):
        raise PlanError(message, hint=hint, field=field)
    notices.extend(_ineffective_switches(inputs))
    postprocessing = Postprocessing(
        match_colors=request.match_colors or "",
        faces=_faces(inputs),
        enlarging=_enlarging(inputs, notices),
        keep=bool(request.save_original),
    )
    result = postprocessing.result_size(size)
    if max(result) > MAX_SIDE or result.width * result.height > MAX_PIXELS:
        hint = f"use a smaller factor: at most {MAX_SIDE} pixels per side and {MAX_PIXELS / 1e6:.0f} megapixels"
        field = next((name for name in _ENLARGING if getattr(request, name)), "upscale")
        raise PlanError(f"an image of {result} is too large", hint=hint, field=field)
    return postprocessing


# -- contradictions --------------------------------------------------------------------------------------------------


def _contradictions(inputs: PlanInputs) -> Iterator[tuple[str, str, str]]:
    """Yield (field, message, hint) for each contradiction in the line."""
    request = inputs.request
    requested = [name for name in _ENLARGING if getattr(request, name)]
    if len(requested) > 1:
        names = " and ".join(by_field()[name].spelling for name in requested)
        yield requested[-1], f"{names} cannot be combined", "keep one of them, or write a stage for each (a | b)"
    for name in ("latent_up", "sr"):
        if getattr(request, name) and inputs.init is None:
            spelling = by_field()[name].spelling
            hint = f"write it in a later stage, such as a castle | {spelling}, or add an image with -I"
            yield name, f"{spelling} needs an image to enlarge", hint
    for name, needed in (("embiggen_strength", ("embiggen",)), ("embiggen_tiles", ("embiggen",)),
                         ("upscaler", _ENLARGING), ("new_prompt", _ENLARGING)):  # fmt: skip
        if _is_set_in_line(inputs, name) and not any(getattr(request, field) for field in needed):
            needs = "--embiggen" if len(needed) == 1 else "-U or --embiggen"
            yield name, f"{by_field()[name].spelling} needs {needs}", f"for example {needs.split()[0]} 2"
    if request.upscale and request.upscale[0] <= 1:
        hint = "use -U 2; to add detail at the same size, use --embiggen 1"
        yield "upscale", "-U needs a factor above 1", hint
    if inputs.is_postprocess_only:
        yield from _postprocess_contradictions(inputs)


def _postprocess_contradictions(inputs: PlanInputs) -> Iterator[tuple[str, str, str]]:
    request = inputs.request
    what = "--fix" if request.fix else next(by_field()[name].spelling for name in _ENLARGING if getattr(request, name))
    if request.match_colors:
        hint = "use it with -I when generating the image"
        yield "match_colors", f"--match_colors has no effect with {what}: the image keeps its own colours", hint
    generation_groups = (Group.INIT_IMAGE, Group.MASK, Group.VARIATION)
    for row in SWITCHES:
        if row.group in generation_groups and row.field != "init_image" and _is_set_in_line(inputs, row.field):
            message = f"{row.spelling} has no effect with {what}: no image is generated"
            yield row.field, message, f"remove {row.spelling}"
    if not (request.facetool_strength or any(getattr(request, name) for name in _ENLARGING)):
        yield "fix", "--fix needs a postprocessing switch", "for example -U 2, --embiggen 2 or -G 0.8"


def _is_set_in_line(inputs: PlanInputs, field: str) -> bool:
    """Return whether the line itself sets a switch."""
    return bool(getattr(inputs.request, field)) and inputs.sources.get(field) == "line"


def _ineffective_switches(inputs: PlanInputs) -> Iterator[str]:
    request = inputs.request
    if not request.facetool_strength:
        for name in ("facetool", "codeformer_fidelity"):
            if _is_set_in_line(inputs, name):
                yield f"{by_field()[name].spelling} has no effect without -G"
    if request.save_original and inputs.is_postprocess_only:
        yield "--save_original has no effect here: the original file is never modified"


# -- decisions -----------------------------------------------------------------------------------------------------


def _faces(inputs: PlanInputs) -> Faces | None:
    request, network = inputs.request, inputs.postprocess_models.faces
    if not request.facetool_strength or network is None:
        return None
    fidelity = FIDELITY if request.codeformer_fidelity is None else request.codeformer_fidelity
    tool = request.facetool or "gfpgan"
    return Faces(tool=tool, strength=request.facetool_strength, fidelity=fidelity, network=network)


def _enlarging(inputs: PlanInputs, notices: list[str]) -> Enlarging | None:
    request, postprocess_models = inputs.request, inputs.postprocess_models
    prompt = parse_prompt_sources(request.new_prompt or request.prompt or "", request.negative_prompt)
    if postprocess_models.upscaler is not None:
        return _by_diffusion(inputs, prompt)
    if request.embiggen:
        factor, share, overlap = (*request.embiggen, *(1.0, NETWORK_SHARE, OVERLAP)[len(request.embiggen) :])
        strength = REFINING_STRENGTH if request.embiggen_strength is None else request.embiggen_strength
        pixels = overlap * inputs.facts.size if overlap < 1 else overlap
        refining = _refining(inputs, prompt, strength, round(pixels))
        return Enlarging(factor=factor, network=postprocess_models.network, share=share, refining=refining)
    if not request.upscale:
        return None
    factor, *more = request.upscale
    if postprocess_models.network is not None:
        return Enlarging(factor=factor, network=postprocess_models.network, share=more[0] if more else NETWORK_SHARE)
    strength = more[0] if more else REFINING_STRENGTH
    if strength >= HIGH_STRENGTH:
        notices.append(f"-U {factor:g} {strength:g} regenerates much of the image: the second number is a strength")
    return Enlarging(factor=factor, refining=_refining(inputs, prompt, strength, round(OVERLAP * inputs.facts.size)))


def _by_diffusion(inputs: PlanInputs, prompt: Prompt) -> Enlarging:
    request, upscaler = inputs.request, inputs.postprocess_models.upscaler
    assert upscaler is not None
    factor = upscaler.kind.factor
    requested = (request.upscale or request.embiggen or (factor,))[0]
    if requested != factor or request.embiggen:
        message = f"{upscaler.name} only enlarges {factor} times"
        raise PlanError(message, hint=f"use -U {factor} --upscaler {upscaler.name}", field="upscaler")
    steps, guidance = request.num_inference_steps, request.guidance_scale
    assert steps is not None and guidance is not None, "the program's defaults fill these fields"
    work = Diffusion(upscaler=upscaler, prompt=prompt, steps=steps, guidance_scale=guidance)
    return Enlarging(factor=factor, diffusion=work)


def _refining(inputs: PlanInputs, prompt: Prompt, strength: float, overlap: int) -> Refining:
    request, side = inputs.request, inputs.grid.floor(inputs.facts.size)
    field = "embiggen" if request.embiggen else "upscale"
    check_refines(inputs, field)
    if overlap > side // 2:
        message = f"tiles of {side} pixels cannot overlap by {overlap}"
        raise PlanError(message, hint="use at most half (0.5)", field=field)
    assert request.num_inference_steps is not None
    steps = count_steps(request.num_inference_steps, strength)
    return Refining(
        strength=strength,
        scheduled=steps.scheduled,
        taken=steps.taken,
        sampler=adapted_sampler(inputs, _sampler(request.scheduler or "")),
        prompt=prompt,
        side=side,
        overlap=overlap,
        tiles=tuple(sorted(set(request.embiggen_tiles or ()))),
    )


def _sampler(name: str) -> Sampler:
    sampler = find_sampler(name)
    return find_sampler(sampler.with_init) if sampler.with_init else sampler
