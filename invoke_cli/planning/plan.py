"""The plan: everything a run will do, decided. Nothing in it is unset. Knows no files, no clock and no engine."""

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

AUTO_PARALLEL = 0


class Task(Enum):
    """What the model is asked to do; the values are the original's names."""

    TEXT_TO_IMAGE = "txt2img"
    IMAGE_TO_IMAGE = "img2img"
    INPAINT = "inpaint"
    POSTPROCESS = "postprocess"


@dataclass(frozen=True, kw_only=True, slots=True)
class InitFacts:
    """What planning knows of the init image: its base name, how it was referred to, its hash and upright size. A model
    `generated` it, it says; `source_type` is the IPTC code that it says, or empty; `chained`: the result of the stage
    before, without a name.
    """

    name: str
    reference: str
    sha256: str
    size: Size
    frames: int = 1
    generated: bool = False
    source_type: str = ""
    chained: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class MaskFacts:
    """What planning knows of a mask in its final shape: the painted rectangle of the init image (None when nothing is
    painted), `hole`, what of it lies in the image as it was before it got borders, and the painted share of it, 0 to 1.
    `name`, `reference` and `sha256` are empty for the init image's own transparency. `black` tells that a mask without
    transparency paints the dark.
    """

    box: Box | None
    share: float
    hole: Box | None = None
    name: str = ""
    reference: str = ""
    sha256: str = ""
    black: bool = False
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ResumeFacts:
    """What planning knows of saved latents that a run goes on from: names and hash as of an init image, after which
    step of the run they were saved, and the seed that this run had begun from.
    """

    name: str
    reference: str
    sha256: str
    step: int
    seed: int


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
class LoraUse:
    """A LoRA of a line: its name, how strongly it works, its file and that file's hash."""

    name: str
    weight: float
    path: str = ""
    sha256: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbeddingUse:
    """An embedding (textual inversion) of a prompt: its name, its file and that file's hash."""

    name: str
    path: str = ""
    sha256: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlUse:
    """A picture that guides a line: what it was `said` to be (a kind or a control model's name), how strongly it works,
    its base name, how it was referred to and its hash. `made` is the kind of picture that is made of it, empty where
    it is used as it is. The control model: its entry's name, technique, place and hash, and the place
    of its image encoder.
    """

    said: str
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


@dataclass(frozen=True, kw_only=True, slots=True)
class LatentEffects:
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
    `box` is the size that was asked for (the model's own where none was). `patches` are the passes in which borders are
    painted, one after the other; `geometry` is then the first one's. With `resume` all is that of the earlier run, but
    what may change on the way.
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
    look: LatentEffects = LatentEffects()
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
        return self.postprocessing.result_size(self.drawn_size)

    @property
    def steps_left(self) -> int:
        """The steps that are made: all that are taken, but for those before the point that the run goes on from."""
        return self.steps.taken - (self.resume.step if self.resume else 0)

    @property
    def untouched(self) -> bool:
        """Whether the result is the fitted init image itself: strength 0, or a mask that paints nothing."""
        return self.steps.taken == 0 or (self.mask is not None and self.mask.box is None)

    @property
    def guided(self) -> bool:
        """Whether classifier-free guidance is on (and the model is called with two prompts at a time)."""
        return self.guidance_scale > 1
