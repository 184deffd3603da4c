"""The engine's seam: what the application asks for and what it gets. Imports no torch; `open_engine` does, late.

The engine knows nothing of lines, file names and terminals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from invoke_cli.engine.counters import Counters
from invoke_cli.events import Emit, NullViewer, Trace, Viewer
from invoke_cli.imaging.sizes import Size
from invoke_cli.metadata.codec import Batch
from invoke_cli.metadata.latents import LatentFile
from invoke_cli.models.files.folder import ModelFacts
from invoke_cli.models.registry import ModelSpec
from invoke_cli.planning.plan import ImagePlan, Plan
from invoke_cli.planning.postprocess import Diffusion

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image  # the seam is imported before the first prompt, which must not wait for Pillow

TILING = "vae tiling"


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineSettings:
    """What is fixed for a session. `auto` leaves the choice to the engine."""

    device: str = "auto"
    precision: str = "auto"
    offline: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """A registry entry together with what its folder says."""

    spec: ModelSpec
    facts: ModelFacts


@dataclass(frozen=True, kw_only=True, slots=True)
class Tile:
    """A part of a larger canvas: the canvas's size and where the part lies on it, in pixels, whole latent cells. The
    noise of a tile is its part of the canvas's, so that tiles that overlap start alike.
    """

    canvas: Size
    left: int
    top: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """Images of one plan that share their init image. `init` is already on its canvas (RGB, plan's width x height).

    `mask` (mode L, 255 is painted) lies on the same canvas and covers whole latent cells, `guides` are the pictures of
    the plan's controls, on that canvas too.
    `batch_size` of 0 leaves the size of a batch to the engine. `tiled` decodes in tiles, for replaying what had to be.
    `first` and `total` number the images in the events, `stage` and `stages` the places in a chain. In a chain `start`
    is what an earlier result handed over (its `state`), in the place of `init`; without `decode` the result is to be
    handed over itself.

    `point` is a file of saved latents to go on from, as the plan's `resume` says, or else in the place of `init`.
    `until` ends the run after that step, whose latents alone are kept. `vae` is the hash of the model's autoencoder.
    """

    plan: Plan
    model: Model
    images: tuple[ImagePlan, ...]
    init: Image.Image | None = None
    mask: Image.Image | None = None
    batch_size: int = 0
    tiled: bool = False
    first: int = 1
    total: int = 1
    stage: int = 1
    stages: int = 1
    start: object = None
    decode: bool = True
    point: LatentFile | None = None
    until: int | None = None
    guides: tuple[Image.Image, ...] = ()
    vae: str = ""
    tile: Tile | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkJob:
    """A picture (RGB) for the network in a file; `fidelity` goes to those that take one (CodeFormer)."""

    path: Path
    image: Image.Image
    fidelity: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DiffusionJob:
    """A picture (RGB), or the scaled `latents` that an earlier result handed over, for a diffusion upscaler."""

    work: Diffusion
    seed: int
    trace: bool = False
    image: Image.Image | None = None
    latents: object = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageResult:
    """A finished image. `frames` are pictures of the latents, the first before any step; `latents` the same as
    safetensors files, in memory; `noise` is how much of it is in each (its standard deviation over the picture's, 0 at
    the end). `concessions` are the measures against want of memory that may change pixels.

    `first_step` is the step of the first of these, after 0 where a run went on from saved latents.
    `state` is what the next stage of a chain can start from, the engine's own; `image` is a small preview where it was
    not decoded. `before` is the picture before the work after it, where that is kept. `earlier` are the results of the
    chain's stages before.
    """

    image: Image.Image
    plan: ImagePlan
    index: int
    seconds: float
    batch: Batch
    frames: tuple[Image.Image, ...] = ()
    latents: tuple[bytes, ...] = ()
    noise: tuple[float, ...] = ()
    fallbacks: tuple[str, ...] = ()
    first_step: int = 0
    state: object = None
    before: Image.Image | None = None
    earlier: tuple[ImageResult, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokens:
    """How a prompt is cut: the words the model reads, and those beyond its window. Of a prompt that is read in several
    `windows`, how many words each has.
    """

    read: tuple[str, ...]
    cut: tuple[str, ...]
    windows: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """Bytes. `free` and `total` are the device's; `used` is this process's on it, `peak` the most so far."""

    device: str
    free: int
    total: int
    used: int
    peak: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Hooks:
    """How the engine reports and is told to stop; previews are made when the viewer wants one."""

    emit: Emit
    stopped: Callable[[], bool] = field(default=lambda: False)
    counters: Counters = field(default_factory=Counters)
    viewer: Viewer = field(default=NullViewer())

    def trace(self, line: str) -> None:
        """Tell a line of `--trace`."""
        self.emit(Trace(text=line))


class Engine(Protocol):
    """Makes pictures from plans. Not thread-safe: one thread calls it."""

    def load(self, model: Model, hooks: Hooks) -> None:
        """Make the model ready; nothing to do when it is."""

    def generate(self, job: Job, hooks: Hooks) -> Iterator[ImageResult]:
        """The job's images as they are finished; Interrupted when stopped, OutOfMemory when nothing helps."""

    def through_network(self, job: NetworkJob, hooks: Hooks) -> Image.Image:
        """The picture that the network makes, as many times as large as it enlarges."""

    def upscale(self, job: DiffusionJob, hooks: Hooks) -> Image.Image:
        """The picture that the diffusion upscaler makes of the job's."""

    def tokens(self, model: Model, text: str, hooks: Hooks) -> Tokens:
        """How the model's tokenizer reads `text`."""

    def segment(self, folder: Path, image: Image.Image, phrases: Sequence[str]) -> Sequence[NDArray[np.float32]]:
        """Where a picture shows what each phrase names, by the CLIPSeg in `folder`: (height, width) each, 0 to 1."""

    def environment(self) -> Mapping[str, object]:
        """Versions, device, dtype and threads: what the same bytes depend on."""

    def memory(self) -> Memory:
        """The device's memory now."""

    def estimate(self, plan: Plan, model: Model) -> int:
        """About how many bytes one image of the plan needs besides the weights."""

    def loaded(self) -> tuple[str, ...]:
        """The names of the models in memory, the last used one first."""

    def save(self, model: Model, folder: Path, hooks: Hooks) -> None:
        """Write the model in the diffusers layout."""

    def unpickle(self, source: Path, target: Path) -> None:
        """Write a pickle's tensors as a .safetensors file, by the loader that runs no code."""

    def unload(self) -> None:
        """Give all memory back."""


def open_engine(settings: EngineSettings) -> Engine:
    """The engine on torch and diffusers; importing these takes seconds."""
    from invoke_cli.engine.libraries import prepare_libraries

    prepare_libraries()
    from invoke_cli.engine.diffusers_engine import DiffusersEngine

    return DiffusersEngine(settings)
