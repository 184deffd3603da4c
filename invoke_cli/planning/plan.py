"""The plan: everything a run will do, decided. Nothing in it is unset. Knows no files, no clock and no engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from invoke_cli.imaging.sizes import FitMode, Geometry, Size
from invoke_cli.language.line import format_line
from invoke_cli.language.prompt import Prompt
from invoke_cli.models.families import Family
from invoke_cli.models.samplers import Sampler, find_sampler
from invoke_cli.request import GenerationRequest, Variation, overlay

AUTO_PARALLEL = 0


class Task(Enum):
    """What the model is asked to do; the values are the original's names."""

    TEXT_TO_IMAGE = "txt2img"
    IMAGE_TO_IMAGE = "img2img"


@dataclass(frozen=True, kw_only=True, slots=True)
class InitFacts:
    """What planning knows of the init image: its base name, how it was referred to, its hash and upright size.

    `generated` tells that its metadata says that a model made it.
    """

    name: str
    reference: str
    sha256: str
    size: Size
    transparent: bool = False
    frames: int = 1
    generated: bool = False


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
    strip: bool
    preview: str
    private: bool
    no_metadata: bool


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
    init: InitFacts | None = None
    geometry: Geometry | None = None
    pad: str = "black"
    sources: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    tips: tuple[Tip, ...] = ()

    @property
    def result_size(self) -> Size:
        """The size of the finished pictures."""
        return self.geometry.result if self.geometry else Size(self.width, self.height)

    @property
    def guided(self) -> bool:
        """Whether classifier-free guidance is on (and the model is called with two prompts at a time)."""
        return self.guidance_scale > 1


def recorded_request(plan: Plan, image: ImagePlan, *, init_image: str | None = None) -> GenerationRequest:
    """The request that makes this one image again: one seed, every value that shapes the picture said outright.

    `init_image` overrides how the init image is referred to.
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
    if plan.init is None or plan.geometry is None:
        return common
    about_init = GenerationRequest(
        init_image=init_image or plan.init.reference,
        strength=plan.strength,
        real_steps=request.real_steps,
    )
    return overlay(overlay(common, about_init), _recorded_fit(plan))


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


def recorded_line(plan: Plan, image: ImagePlan, *, init_image: str | None = None) -> str:
    """`recorded_request` as a line."""
    return format_line([recorded_request(plan, image, init_image=init_image)])
