"""The table of postprocessors: what a line can do with a decoded image, decided from the request and the models found.

`generation.postprocess` applies the steps that are decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from invoke_cli.errors import PlanError
from invoke_cli.imaging.sizes import Size
from invoke_cli.language.prompt.prompt import Prompt, parse_prompt_sources
from invoke_cli.language.switches.switch import Group
from invoke_cli.language.switches.table import SWITCHES, by_field
from invoke_cli.models.samplers import Sampler, find_sampler
from invoke_cli.planning.capabilities import adapted_sampler, check_refines
from invoke_cli.planning.chain import ENLARGING
from invoke_cli.planning.plan_inputs import PlanInputs
from invoke_cli.planning.postprocess import (
    ColourMatching,
    Diffusion,
    Enlarging,
    Faces,
    PluginSteps,
    Postprocessing,
    PostprocessStep,
    Refining,
)
from invoke_cli.planning.steps import count_steps
from invoke_cli.plugins import PluginKind, plugins
from invoke_cli.request import GenerationRequest

if TYPE_CHECKING:
    from PIL import Image

MAX_SIDE = 16_384
MAX_PIXELS = 100_000_000
REFINING_STRENGTH = 0.25
HIGH_STRENGTH = 0.6
OVERLAP = 0.25
NETWORK_SHARE = 0.75
FIDELITY = 0.75

Refusal = tuple[str, str, str]


@dataclass(frozen=True, kw_only=True)
class Postprocessor:
    """A row of the table of postprocessors.

    Attributes:
        name: The row's name.
        triggers: The request fields that ask for it, one of which must be set.
        decide: Returns the step of a plan, or None; may add notices.
        check: Yields (field, message, hint) for each contradiction in the line.
    """

    name: str
    triggers: tuple[str, ...]
    decide: Callable[[PlanInputs, list[str]], PostprocessStep | None]
    check: Callable[[PlanInputs], Iterator[Refusal]] = lambda _: iter(())

    def is_requested(self, request: GenerationRequest) -> bool:
        """Return whether the request asks for it."""
        return any(getattr(request, name) for name in self.triggers)


@dataclass(frozen=True, kw_only=True)
class PluginPostprocessor:
    """A postprocessor that comes from a plug-in; `--post NAME` or `--post NAME:ARGUMENT` asks for it.

    Attributes:
        name: The name after `--post`.
        apply: Makes an RGB image of the same size from an RGB image and the argument.
        help: What it does, in one sentence.
        check: Raises ValueError, with a sentence, for an argument that it does not take.
    """

    name: str
    apply: Callable[[Image.Image, str], Image.Image]
    help: str = ""
    check: Callable[[str], None] = lambda _: None


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
    steps = [row.decide(inputs, notices) for row in POSTPROCESSORS]
    postprocessing = Postprocessing(
        steps=tuple(step for step in steps if step is not None), keep=bool(request.save_original)
    )
    result = postprocessing.result_size(size)
    if max(result) > MAX_SIDE or result.width * result.height > MAX_PIXELS:
        hint = f"use a smaller factor: at most {MAX_SIDE} pixels per side and {MAX_PIXELS / 1e6:.0f} megapixels"
        field = next((name for name in ENLARGING if getattr(request, name)), "upscale")
        raise PlanError(f"an image of {result} is too large", hint=hint, field=field)
    return postprocessing


def enlarges(request: GenerationRequest) -> bool:
    """Return whether a request enlarges its image after generation."""
    return any(getattr(request, name) for name in ENLARGING)


TILE_SOURCES = ("line", "record")  # the layers whose size is that of a tile


# -- contradictions --------------------------------------------------------------------------------------------------


def _contradictions(inputs: PlanInputs) -> Iterator[Refusal]:
    """Yield (field, message, hint) for each contradiction in the line."""
    for row in POSTPROCESSORS:
        yield from row.check(inputs)
    if inputs.is_postprocess_only:
        yield from _fix_contradictions(inputs)


def _check_enlarging(inputs: PlanInputs) -> Iterator[Refusal]:
    request = inputs.request
    requested = [name for name in ENLARGING if getattr(request, name)]
    if len(requested) > 1:
        names = " and ".join(by_field()[name].spelling for name in requested)
        yield requested[-1], f"{names} cannot be combined", "keep one of them, or write a stage for each (a | b)"
    for name in ("latent_up", "sr"):
        if getattr(request, name) and inputs.init is None:
            spelling = by_field()[name].spelling
            hint = f"write it in a later stage, such as a castle | {spelling}, or add an image with -I"
            yield name, f"{spelling} needs an image to enlarge", hint
    for name, needed in (("embiggen_strength", ("embiggen",)), ("embiggen_tiles", ("embiggen",)),
                         ("upscaler", ENLARGING), ("new_prompt", ENLARGING)):  # fmt: skip
        if is_set_in_line(inputs, name) and not any(getattr(request, field) for field in needed):
            needs = "--embiggen" if len(needed) == 1 else "-U or --embiggen"
            yield name, f"{by_field()[name].spelling} needs {needs}", f"for example {needs.split()[0]} 2"
    if request.upscale and request.upscale[0] <= 1:
        hint = "use -U 2; to add detail at the same size, use --embiggen 1"
        yield "upscale", "-U needs a factor above 1", hint


def _fix_contradictions(inputs: PlanInputs) -> Iterator[Refusal]:
    request = inputs.request
    what = "--fix" if request.fix else next(by_field()[name].spelling for name in ENLARGING if getattr(request, name))
    generation_groups = (Group.INIT_IMAGE, Group.MASK, Group.VARIATION)
    for switch in SWITCHES:
        is_generation = switch.group in generation_groups and switch.field != "init_image"
        if is_generation and is_set_in_line(inputs, switch.field):
            message = f"{switch.spelling} has no effect with {what}: no image is generated"
            yield switch.field, message, f"remove {switch.spelling}"
    if not any(row.is_requested(request) for row in POSTPROCESSORS):
        yield "fix", "--fix needs a postprocessing switch", "for example -U 2, --embiggen 2 or -G 0.8"


def is_set_in_line(inputs: PlanInputs, field: str) -> bool:
    """Return whether the line itself sets a switch."""
    return bool(getattr(inputs.request, field)) and inputs.sources.get(field) == "line"


def _ineffective_switches(inputs: PlanInputs) -> Iterator[str]:
    request = inputs.request
    if not request.facetool_strength:
        for name in ("facetool", "codeformer_fidelity"):
            if is_set_in_line(inputs, name):
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
    sources = (request.new_prompt or request.prompt or "", request.negative_prompt)
    prompt = parse_prompt_sources(*sources, request.prompt_syntax)
    if postprocess_models.upscaler is not None:
        return _by_diffusion(inputs, prompt)
    if request.embiggen:
        factor, share, overlap = (*request.embiggen, *(1.0, NETWORK_SHARE, OVERLAP)[len(request.embiggen) :])
        strength = REFINING_STRENGTH if request.embiggen_strength is None else request.embiggen_strength
        pixels = overlap * _tile_side(inputs) if overlap < 1 else overlap
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
    request, side = inputs.request, _tile_side(inputs)
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


def _tile_side(inputs: PlanInputs) -> int:
    """Return the side of a tile: the model's native size, or the size beside `--embiggen` on an existing image."""
    request, sources = inputs.request, inputs.sources
    given = [
        side
        for name, side in (("width", request.width), ("height", request.height))
        if side and sources.get(name) in TILE_SOURCES
    ]
    if request.embiggen and request.fix and given:
        return max(inputs.grid.smallest, inputs.grid.floor(min(given)))
    return inputs.grid.floor(inputs.facts.size)


def _sampler(name: str) -> Sampler:
    sampler = find_sampler(name)
    return find_sampler(sampler.with_init) if sampler.with_init else sampler


def _check_colours(inputs: PlanInputs) -> Iterator[Refusal]:
    """Yield the error for colours that are to be matched to no image, unless a default of the session asks for it."""
    if not is_set_in_line(inputs, "match_colors") or inputs.colour_file is not None:
        return
    mode = (inputs.request.match_colors or "").partition(":")[0]
    hint = f"name an image: --match_colors={mode}:photo.png"
    if inputs.is_postprocess_only and not (inputs.init is not None and inputs.init.chained):
        message = "--match_colors has no effect with --fix unless it names an image: no image is generated"
        yield "match_colors", message, hint
    elif not inputs.has_colours:
        yield "match_colors", "--match_colors needs an init image, but there are only latents", hint


def _colour_matching(inputs: PlanInputs, _: list[str]) -> ColourMatching | None:
    if not inputs.request.match_colors or not inputs.has_colours:
        return None
    return ColourMatching(mode=inputs.request.match_colors.partition(":")[0], file=inputs.colour_file)


def _plugin_steps(inputs: PlanInputs, _: list[str]) -> PluginSteps | None:
    choices = inputs.request.postprocessors or ()
    for name, argument in choices:
        row = plugins().row(PluginKind.POSTPROCESSOR, name, PluginPostprocessor)
        if row is None:
            known = ", ".join(plugins().names(PluginKind.POSTPROCESSOR))
            hint = f"installed: {known}" if known else "no plug-in with a postprocessor is installed (!plugins)"
            raise PlanError(f"no such postprocessor: {name[:40]}", hint=hint, field="postprocessors")
        try:
            row.check(argument)
        except ValueError as error:
            raise PlanError(f"--post {name} {error}", hint=row.help, field="postprocessors") from None
    return PluginSteps(choices=choices) if choices else None


# In order of execution.
POSTPROCESSORS: tuple[Postprocessor, ...] = (
    Postprocessor(name="match_colors", triggers=("match_colors",), decide=_colour_matching, check=_check_colours),
    Postprocessor(name="faces", triggers=("facetool_strength",), decide=lambda inputs, _: _faces(inputs)),
    Postprocessor(name="enlarge", triggers=ENLARGING, decide=_enlarging, check=_check_enlarging),
    Postprocessor(name="plugins", triggers=("postprocessors",), decide=_plugin_steps),
)
