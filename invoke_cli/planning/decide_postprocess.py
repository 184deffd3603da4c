"""Deciding the work after the picture: a pure function of the request and of what was found for it."""

from __future__ import annotations

from collections.abc import Iterator

from invoke_cli.errors import PlanError
from invoke_cli.imaging.sizes import Size
from invoke_cli.language.prompt.prompt import Prompt, read_prompt
from invoke_cli.language.switches.switch import Group
from invoke_cli.language.switches.table import SWITCHES, by_field
from invoke_cli.models.samplers import Sampler, find_sampler
from invoke_cli.planning.capabilities import check_refines, fitting_sampler
from invoke_cli.planning.plan_inputs import PlanInputs
from invoke_cli.planning.postprocess import Diffusion, Enlarging, Faces, Postprocessing, Refining
from invoke_cli.planning.steps import count_steps

MAX_SIDE = 16_384
MAX_PIXELS = 100_000_000
REFINING_STRENGTH = 0.25
STRONG = 0.6
OVERLAP = 0.25
NETWORK_SHARE = 0.75
FIDELITY = 0.75

_ENLARGING = ("upscale", "embiggen", "latent_up", "sr")


def decide_postprocessing(inputs: PlanInputs, drawn: Size, notices: list[str]) -> Postprocessing:
    """What is done with a picture of the size `drawn`; PlanError (naming the field) for what cannot be done."""
    request = inputs.request
    for field, message, hint in _refusals(inputs):
        raise PlanError(message, hint=hint, field=field)
    notices.extend(_remarks(inputs))
    after = Postprocessing(
        match_colors=request.match_colors or "",
        faces=_faces(inputs),
        enlarging=_enlarging(inputs, notices),
        keep=bool(request.save_original),
    )
    result = after.result_size(drawn)
    if max(result) > MAX_SIDE or result.width * result.height > MAX_PIXELS:
        hint = f"at most {MAX_SIDE} a side and {MAX_PIXELS / 1e6:.0f} megapixels; say a smaller factor"
        field = next((name for name in _ENLARGING if getattr(request, name)), "upscale")
        raise PlanError(f"a picture of {result} is too large", hint=hint, field=field)
    return after


# -- what cannot be --------------------------------------------------------------------------------------------------


def _refusals(inputs: PlanInputs) -> Iterator[tuple[str, str, str]]:
    """(field, sentence, remedy) for each contradiction of the line."""
    request = inputs.request
    asked = [name for name in _ENLARGING if getattr(request, name)]
    if len(asked) > 1:
        names = " and ".join(by_field()[name].spelling for name in asked)
        yield asked[-1], f"{names} exclude each other", "keep one of them, or write a stage for each (a | b)"
    for name in ("latent_up", "sr"):
        if getattr(request, name) and inputs.init is None:
            spelling = by_field()[name].spelling
            hint = f"write it behind a picture's stage, such as a castle | {spelling}, or name an image with -I"
            yield name, f"{spelling} needs a picture to enlarge", hint
    for name, needed in (("embiggen_strength", ("embiggen",)), ("embiggen_tiles", ("embiggen",)),
                         ("upscaler", _ENLARGING), ("new_prompt", _ENLARGING)):  # fmt: skip
        if _said(inputs, name) and not any(getattr(request, field) for field in needed):
            needs = "--embiggen" if len(needed) == 1 else "-U or --embiggen"
            yield name, f"{by_field()[name].spelling} needs {needs}", f"add it, such as {needs.split()[0]} 2"
    if request.upscale and request.upscale[0] <= 1:
        hint = "-U 2; to draw detail at the same size, --embiggen 1"
        yield "upscale", "-U needs a factor above 1", hint
    if inputs.fixing:
        yield from _fixing_refusals(inputs)


def _fixing_refusals(inputs: PlanInputs) -> Iterator[tuple[str, str, str]]:
    request = inputs.request
    what = "--fix" if request.fix else next(by_field()[name].spelling for name in _ENLARGING if getattr(request, name))
    if request.match_colors:
        hint = "say it where the picture is drawn, with -I"
        yield "match_colors", f"--match_colors has no effect with {what}: the colours are the picture's own", hint
    drawing = (Group.INIT_IMAGE, Group.MASK, Group.VARIATION)
    for row in SWITCHES:
        if row.group in drawing and row.field != "init_image" and _said(inputs, row.field):
            yield row.field, f"{row.spelling} has no effect with {what}: nothing is drawn", f"leave {row.spelling} out"
    if not (request.facetool_strength or any(getattr(request, name) for name in _ENLARGING)):
        yield "fix", "--fix has nothing to do", "say what to do with the picture: -U 2, --embiggen 2, -G 0.8 …"


def _said(inputs: PlanInputs, field: str) -> bool:
    """Whether the line itself says a switch."""
    return bool(getattr(inputs.request, field)) and inputs.sources.get(field) == "line"


def _remarks(inputs: PlanInputs) -> Iterator[str]:
    request = inputs.request
    if not request.facetool_strength:
        for name in ("facetool", "codeformer_fidelity"):
            if _said(inputs, name):
                yield f"{by_field()[name].spelling} does nothing without -G"
    if request.save_original and inputs.fixing:
        yield "--save_original does nothing here: the file that is worked on stays where it is"


# -- what is done ----------------------------------------------------------------------------------------------------


def _faces(inputs: PlanInputs) -> Faces | None:
    request, network = inputs.request, inputs.helpers.faces
    if not request.facetool_strength or network is None:
        return None
    fidelity = FIDELITY if request.codeformer_fidelity is None else request.codeformer_fidelity
    tool = request.facetool or "gfpgan"
    return Faces(tool=tool, strength=request.facetool_strength, fidelity=fidelity, network=network)


def _enlarging(inputs: PlanInputs, notices: list[str]) -> Enlarging | None:
    request, helpers = inputs.request, inputs.helpers
    prompt = read_prompt(request.new_prompt or request.prompt or "", request.negative_prompt)
    if helpers.upscaler is not None:
        return _by_diffusion(inputs, prompt)
    if request.embiggen:
        factor, share, overlap = (*request.embiggen, *(1.0, NETWORK_SHARE, OVERLAP)[len(request.embiggen) :])
        strength = REFINING_STRENGTH if request.embiggen_strength is None else request.embiggen_strength
        pixels = overlap * inputs.facts.size if overlap < 1 else overlap
        refining = _refining(inputs, prompt, strength, round(pixels))
        return Enlarging(factor=factor, network=helpers.network, share=share, refining=refining)
    if not request.upscale:
        return None
    factor, *more = request.upscale
    if helpers.network is not None:
        return Enlarging(factor=factor, network=helpers.network, share=more[0] if more else NETWORK_SHARE)
    strength = more[0] if more else REFINING_STRENGTH
    if strength >= STRONG:
        notices.append(f"-U {factor:g} {strength:g} draws much of the picture anew: the second number is a strength")
    return Enlarging(factor=factor, refining=_refining(inputs, prompt, strength, round(OVERLAP * inputs.facts.size)))


def _by_diffusion(inputs: PlanInputs, prompt: Prompt) -> Enlarging:
    request, upscaler = inputs.request, inputs.helpers.upscaler
    assert upscaler is not None
    factor = upscaler.kind.factor
    asked = (request.upscale or request.embiggen or (factor,))[0]
    if asked != factor or request.embiggen:
        message = f"{upscaler.name} enlarges {factor} times, nothing else"
        raise PlanError(message, hint=f"-U {factor} --upscaler {upscaler.name}", field="upscaler")
    steps, guidance = request.num_inference_steps, request.guidance_scale
    assert steps is not None and guidance is not None, "the program's defaults fill these fields"
    work = Diffusion(upscaler=upscaler, prompt=prompt, steps=steps, guidance_scale=guidance)
    return Enlarging(factor=factor, diffusion=work)


def _refining(inputs: PlanInputs, prompt: Prompt, strength: float, overlap: int) -> Refining:
    request, side = inputs.request, inputs.grid.floor(inputs.facts.size)
    field = "embiggen" if request.embiggen else "upscale"
    check_refines(inputs, field)
    if overlap > side // 2:
        raise PlanError(f"tiles of {side} cannot overlap by {overlap}", hint="at most by half (0.5)", field=field)
    assert request.num_inference_steps is not None
    steps = count_steps(request.num_inference_steps, strength)
    return Refining(
        strength=strength,
        scheduled=steps.scheduled,
        taken=steps.taken,
        sampler=fitting_sampler(inputs, _sampler(request.scheduler or "")),
        prompt=prompt,
        side=side,
        overlap=overlap,
        tiles=tuple(sorted(set(request.embiggen_tiles or ()))),
    )


def _sampler(name: str) -> Sampler:
    sampler = find_sampler(name)
    return find_sampler(sampler.with_init) if sampler.with_init else sampler
