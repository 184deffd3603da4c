"""The plan: everything a run will do, decided. Nothing in it is unset. Knows no files, no clock and no engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from invoke_cli.imaging.sizes import Box, FitMode, Geometry, Size
from invoke_cli.language.formatting import format_line
from invoke_cli.language.prompt import Prompt
from invoke_cli.language.switch import Group
from invoke_cli.language.switches import SWITCHES
from invoke_cli.models.families import Family
from invoke_cli.models.samplers import Sampler, find_sampler
from invoke_cli.planning.after import After, recorded_after
from invoke_cli.request import GenerationRequest, Variation, overlay

AUTO_PARALLEL = 0


class Task(Enum):
    """What the model is asked to do; the values are the original's names."""

    TEXT_TO_IMAGE = "txt2img"
    IMAGE_TO_IMAGE = "img2img"
    INPAINT = "inpaint"
    FIX = "postprocess"


@dataclass(frozen=True, kw_only=True, slots=True)
class InitFacts:
    """What planning knows of the init image: its base name, how it was referred to, its hash and upright size.

    `generated` tells that its metadata says that a model made it; `chained` that it is the result of the stage before
    and has no name.
    """

    name: str
    reference: str
    sha256: str
    size: Size
    frames: int = 1
    generated: bool = False
    chained: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class MaskFacts:
    """What planning knows of a mask in its final shape: the painted rectangle of the init image (None when nothing is
    painted) and the painted share of it, 0 to 1. `name`, `reference` and `sha256` are empty for the init image's own
    transparency. `black` tells that a mask without transparency paints the dark.
    """

    box: Box | None
    share: float
    name: str = ""
    reference: str = ""
    sha256: str = ""
    black: bool = False
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Steps:
    """`asked` by the user, `scheduled` for the sampler, `taken` of these: the last `taken` ones."""

    asked: int
    scheduled: int
    taken: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ImagePlan:
    """One image: its seed, the noise blended in, and the image of the same plan that it starts from, if any."""

    seed: int
    variations: tuple[Variation, ...] = ()
    follows: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputPlan:
    """What is written beside or instead of the plain picture. `save_intermediates` of 0 is off, else every Nth step."""

    outdir: str
    name_format: str
    prompt_as_dir: bool
    grid: bool
    png_compression: int
    save_intermediates: int
    save_latents: bool
    save_all: bool
    strip: bool
    preview: str
    private: bool
    no_metadata: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What bends the run; zero or empty is off. `seamless` are the axes along which the picture tiles: x, y, xy."""

    eta: float = 0.0
    clip_skip: int = 0
    guidance_rescale: float = 0.0
    threshold: float = 0.0
    perlin: float = 0.0
    seamless: str = ""
    h_symmetry_time_pct: float = 0.0
    v_symmetry_time_pct: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Tip:
    """Advice that is given at most once a session; `key` tells the tips apart."""

    key: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A stage, decided. `request` is the effective request, every layer of defaults in it; `sources` names the layers.

    `width` and `height` are the canvas that the model works on; `geometry` tells how the init image gets there, and
    `box` is the size that was asked for (the model's own where none was).
    `parallel` of `AUTO_PARALLEL` leaves the size of a batch to the engine. `strength` is 1 without an init image.
    """

    request: GenerationRequest
    task: Task
    model: str
    family: Family
    prompt: Prompt
    width: int
    height: int
    box: Size
    steps: Steps
    guidance_scale: float
    sampler: Sampler
    strength: float
    images: tuple[ImagePlan, ...]
    parallel: int
    output: OutputPlan
    trace: bool
    look: Look = Look()
    after: After = field(default_factory=After)
    init: InitFacts | None = None
    mask: MaskFacts | None = None
    geometry: Geometry | None = None
    pad: str = "black"
    mask_blur: int = 0
    sources: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    tips: tuple[Tip, ...] = ()

    @property
    def drawn_size(self) -> Size:
        """The size of the pictures before the work after them."""
        return self.geometry.result if self.geometry else Size(self.width, self.height)

    @property
    def result_size(self) -> Size:
        """The size of the finished pictures."""
        return self.after.result_size(self.drawn_size)

    @property
    def untouched(self) -> bool:
        """Whether the result is the fitted init image itself: strength 0, or a mask that paints nothing."""
        return self.steps.taken == 0 or (self.mask is not None and self.mask.box is None)

    @property
    def guided(self) -> bool:
        """Whether classifier-free guidance is on (and the model is called with two prompts at a time)."""
        return self.guidance_scale > 1


def recorded_request(plan: Plan, image: ImagePlan, *, by_name: bool = False) -> GenerationRequest:
    """The request that makes this one image again: one seed, every value that shapes the picture said outright.

    `by_name` refers to the init image and the mask by their base names, as files do.
    """
    request = plan.request
    common = GenerationRequest(
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
    worked_on = overlay(_recorded_look(request), recorded_after(request, plan.after, by_name=by_name))
    common = overlay(common, worked_on)
    if plan.init is None or plan.geometry is None:
        return common
    name = None if plan.init.chained else plan.init.name if by_name else plan.init.reference
    strength = None if plan.task is Task.FIX else plan.strength
    about_init = GenerationRequest(init_image=name, strength=strength, real_steps=request.real_steps)
    said = overlay(overlay(common, about_init), _recorded_mask(plan, by_name=by_name))
    if plan.geometry.window is not None or plan.task is Task.FIX:
        return replace(said, width=None, height=None)
    if plan.geometry.untouched:
        return said
    return overlay(said, _recorded_fit(plan))


def _recorded_look(request: GenerationRequest) -> GenerationRequest:
    """The looks that do something."""
    fields = [row.field for row in SWITCHES if row.group is Group.LOOK]
    return GenerationRequest.of({name: value for name in fields if (value := getattr(request, name))})


def _recorded_mask(plan: Plan, *, by_name: bool) -> GenerationRequest:
    """The switches that give the same mask again."""
    if plan.mask is None:
        return GenerationRequest()
    mask, request = plan.mask, plan.request
    return GenerationRequest(
        init_mask=(mask.name if by_name else mask.reference) or None,
        invert_mask=request.invert_mask or None,
        mask_polarity="black" if mask.black else None,
        mask_blur=plan.mask_blur,
        mask_grow=request.mask_grow or None,
    )


def _recorded_fit(plan: Plan) -> GenerationRequest:
    """The switches that give the same geometry again. A size that was worked out is said as the size to crop to."""
    assert plan.geometry is not None
    match plan.geometry.mode:
        case FitMode.FIT:
            return GenerationRequest(width=plan.box.width, height=plan.box.height, fit=True)
        case FitMode.PAD:
            return GenerationRequest(pad=plan.pad)
        case FitMode.STRETCH:
            return GenerationRequest(stretch=True)
        case _:
            return GenerationRequest(crop=True)


def recorded_line(stages: Sequence[tuple[Plan, ImagePlan]]) -> str:
    """The `recorded_request` of each stage as a line."""
    return format_line([recorded_request(plan, image) for plan, image in stages])
