"""The plan: every decision about a run. No value in it is unset. Knows no files, no clock and no engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from invoke_cli.imaging.patches import Patch
from invoke_cli.imaging.sizes import Box, Geometry, Size
from invoke_cli.language.prompt.prompt import Prompt
from invoke_cli.models.control_models import Technique
from invoke_cli.models.families.family import Family
from invoke_cli.models.samplers import Sampler
from invoke_cli.planning.postprocess import Postprocessing
from invoke_cli.request import GenerationRequest, Variation
from invoke_cli.version import SCHEMA_VERSION, STRICT_MASKS

AUTO_PARALLEL = 0


class Task(Enum):
    """The task of the model; the values are the names in InvokeAI."""

    TEXT_TO_IMAGE = "txt2img"
    IMAGE_TO_IMAGE = "img2img"
    INPAINT = "inpaint"
    POSTPROCESS = "postprocess"


@dataclass(frozen=True, kw_only=True, slots=True)
class InitFacts:
    """Facts about the init image.

    Attributes:
        name: Its base name.
        reference: The reference as typed.
        sha256: The hash of the file.
        size: Its size in pixels, after applying the EXIF orientation.
        frames: The number of frames.
        generated: Whether its metadata states that a model generated it.
        source_type: The IPTC digital source type in its metadata, or empty.
        chained: Whether it is the result of the previous stage, without a name.
        source: The address that it was downloaded from, without secrets; empty for a file.
    """

    name: str
    reference: str
    sha256: str
    size: Size
    frames: int = 1
    generated: bool = False
    source_type: str = ""
    chained: bool = False
    source: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class MaskFacts:
    """Facts about a mask in its final shape.

    Attributes:
        box: The bounding box of the painted area in the init image; None if the mask is empty.
        share: The fraction of the image that is painted, 0 to 1.
        hole: The part of the box within the image before borders were added.
        name: The base name of the file; empty for the transparency of the init image.
        reference: The reference as typed; empty for the transparency of the init image.
        sha256: The hash of the file; empty for the transparency of the init image.
        source: The address that it was downloaded from, without secrets; empty for a file.
        black: Whether black areas are painted, in a mask without transparency.
        notices: Notices for the user.
    """

    box: Box | None
    share: float
    hole: Box | None = None
    name: str = ""
    reference: str = ""
    sha256: str = ""
    source: str = ""
    black: bool = False
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ResumeFacts:
    """Facts about the saved latents that a run resumes from.

    Attributes:
        name: The base name of the file.
        reference: The reference as typed.
        sha256: The hash of the file.
        step: The number of completed steps.
        seed: The seed of the original run.
    """

    name: str
    reference: str
    sha256: str
    step: int
    seed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Steps:
    """The number of steps: `asked` by the user, `scheduled` for the sampler, of which the last `taken` ones run."""

    asked: int
    scheduled: int
    taken: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ImagePlan:
    """One image: its seed, its variations, and the index of the image in the same plan that it `follows`, if any."""

    seed: int
    variations: tuple[Variation, ...] = ()
    follows: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputPlan:
    """The output settings. `save_intermediates` saves every Nth step; 0 is off."""

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
class LoraUse:
    """A LoRA of a plan: its name, weight, file, and the hash of the file."""

    name: str
    weight: float
    path: str = ""
    sha256: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbeddingUse:
    """An embedding (textual inversion) of a prompt: its name, file, and the hash of the file."""

    name: str
    path: str = ""
    sha256: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlUse:
    """A control image and the control model that it is used with.

    Attributes:
        requested_kind: The kind or the name of the control model, as typed.
        weight: The conditioning scale.
        name: The base name of the image.
        reference: The reference to the image, as typed.
        image_sha256: The hash of the image file.
        made: The kind of map to compute from the image; empty if the image is used unchanged.
        model: The name of the control model's entry.
        technique: The technique of the control model.
        path: The path of the control model.
        encoder: The path of its image encoder.
        sha256: The hash of its weights.
        mode: The mode of a ControlNet Union for this kind of control image.
    """

    requested_kind: str
    weight: float
    name: str
    reference: str = ""
    image_sha256: str = ""
    made: str = ""
    model: str = ""
    technique: Technique = Technique.CONTROLNET
    path: str = ""
    encoder: str = ""
    sha256: str = ""
    mode: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class LatentEffects:
    """Modifications of the denoising process, each from the request's field of the same name; zero or empty is off.

    `seamless` contains the tiling axes: x, y or xy.
    """

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
    """Advice shown at most once per session; `key` identifies it."""

    key: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The complete plan of a stage. With `resume`, it has the settings of the original run, except what may change.

    Attributes:
        request: The effective request, including all layers of defaults.
        width: The width of the canvas that the model works on, in pixels.
        height: The height of the canvas.
        box: The requested size (by default, the model's native size).
        strength: The strength; 1 without an init image.
        parallel: The number of images per batch; `AUTO_PARALLEL` lets the engine choose.
        geometry: The placement of the init image on the canvas; with `patches`, that of the first one.
        patches: The passes that paint borders, in order.
        mask_match: Whether the colours of the painted area are matched to its surroundings.
        takes_mask: Whether the mask is an input of the model, as of one trained for inpainting.
        schema_version: The rules that the image follows (see `version.SCHEMA_VERSION`).
        sources: The layer that set each field.
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
    latent_effects: LatentEffects = LatentEffects()
    loras: tuple[LoraUse, ...] = ()
    embeddings: tuple[EmbeddingUse, ...] = ()
    controls: tuple[ControlUse, ...] = ()
    postprocessing: Postprocessing = field(default_factory=Postprocessing)
    init: InitFacts | None = None
    mask: MaskFacts | None = None
    geometry: Geometry | None = None
    patches: tuple[Patch, ...] = ()
    resume: ResumeFacts | None = None
    pad: str = "black"
    mask_blur: int = 0
    mask_match: bool = True
    takes_mask: bool = False
    schema_version: int = SCHEMA_VERSION
    sources: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    tips: tuple[Tip, ...] = ()

    @property
    def generated_size(self) -> Size:
        """The size of the images before postprocessing."""
        return self.geometry.result if self.geometry else Size(self.width, self.height)

    @property
    def result_size(self) -> Size:
        """The size of the finished images."""
        return self.postprocessing.result_size(self.generated_size)

    @property
    def steps_left(self) -> int:
        """The number of steps to run, without those completed before the run is resumed."""
        return self.steps.taken - (self.resume.step if self.resume else 0)

    @property
    def untouched(self) -> bool:
        """Whether the result is the fitted init image itself: strength 0, or an empty mask."""
        return self.steps.taken == 0 or (self.mask is not None and self.mask.box is None)

    @property
    def has_strict_masks(self) -> bool:
        """Whether a resized mask paints no pixel outside it; before schema version 3, it painted along its edge."""
        return self.schema_version >= STRICT_MASKS

    @property
    def guided(self) -> bool:
        """Whether classifier-free guidance is on (and each step evaluates two prompts)."""
        return self.guidance_scale > 1
