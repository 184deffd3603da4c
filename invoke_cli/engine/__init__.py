"""The interface between the application and the engine: jobs, results and the `Engine` protocol.

Imports no torch; only `open_engine` does, when it is called. The engine knows nothing of command lines, file names of
outputs, or terminals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from invoke_cli.engine.counters import Counters
from invoke_cli.events import Emit, NullViewer, Trace, Viewer
from invoke_cli.imaging.sizes import Size
from invoke_cli.memory_limits import check_engine
from invoke_cli.metadata.codec import Batch
from invoke_cli.metadata.latents import LatentFile
from invoke_cli.models.files.folder import ModelFacts
from invoke_cli.models.registry import ModelSpec
from invoke_cli.planning.plan import ImagePlan, LoraUse, Plan
from invoke_cli.planning.postprocess import Diffusion

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image  # this module is imported before the first prompt, which must not wait for Pillow

TILING = "vae tiling"
MAX_THREADS = 256  # recorded thread counts come from files, which may contain any number


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineSettings:
    """Settings that are fixed for a session.

    Attributes:
        device: `auto` (the best available), `cpu`, or an accelerator such as `cuda`, `cuda:1`, `xpu` or `mps`.
        precision: `auto`, `float32`, `float16` or `bfloat16`; `auto` follows from the device.
        offline: Whether network access is disabled for the session.
        max_loaded_models: The number of models to keep in memory; 0 for as many as fit.
        model_memory: The bytes that the weights of loaded models may take; 0 for what is free.
        threads: The number of CPU threads; 0 for torch's choice.
    """

    device: str = "auto"
    precision: str = "auto"
    offline: bool = False
    max_loaded_models: int = 0
    model_memory: int = 0
    threads: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """A registry entry together with the facts read from its folder."""

    spec: ModelSpec
    facts: ModelFacts


@dataclass(frozen=True, kw_only=True, slots=True)
class Tile:
    """A part of a larger canvas, in pixels; all values are whole latent cells.

    The noise of a tile is cut out of the canvas's noise, so that overlapping tiles start from the same noise.

    Attributes:
        canvas: The size of the whole canvas.
        left: The tile's left edge on the canvas.
        top: The tile's top edge on the canvas.
    """

    canvas: Size
    left: int
    top: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """The images of one plan that share an init image.

    Attributes:
        init: The init image, RGB, already at the plan's width x height.
        mask: Mode L at the same size, 255 = paint; covers whole latent cells.
        batch_size: The images per batch; 0 lets the engine choose.
        tiled: Whether to decode in tiles, to replay a run that had to.
        first: The number of the job's first image in events, from 1.
        total: The number of images in events.
        stage: The number of this stage in a chain, from 1.
        stages: The number of stages in the chain.
        start: The `state` of an earlier stage's result, used instead of `init`.
        decode: False if the result is passed to the next stage without decoding.
        point: Saved latents: the checkpoint to resume from if the plan has `resume`, otherwise used instead of `init`.
        until: End the run after this step and keep only that step's latents.
        guides: The control images of the plan's controls, in order, at the canvas size.
        vae: The hash of the model's autoencoder.
        tile: The position on a larger canvas, for tiled enlargement.
        threads: The number of CPU threads, to repeat a recorded run; 0 for the current number.
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
    checkpoint: LatentFile | None = None
    until: int | None = None
    guides: tuple[Image.Image, ...] = ()
    vae: str = ""
    tile: Tile | None = None
    threads: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkJob:
    """An RGB image for the single-file network at `path`.

    Attributes:
        fidelity: CodeFormer's fidelity weight; ignored by networks that take none.
        threads: The number of CPU threads, as in `Job`.
    """

    path: Path
    image: Image.Image
    fidelity: float | None = None
    threads: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class DiffusionJob:
    """Input for a diffusion upscaler: an RGB `image`, or the scaled `latents` that an earlier result passed on.

    Attributes:
        threads: The number of CPU threads, as in `Job`.
    """

    work: Diffusion
    seed: int
    trace: bool = False
    image: Image.Image | None = None
    latents: object = None
    threads: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class SegmentationJob:
    """An RGB image in which the CLIPSeg model in `folder` looks for phrases.

    Attributes:
        threads: The number of CPU threads, as in `Job`.
    """

    folder: Path
    image: Image.Image
    phrases: tuple[str, ...]
    threads: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageResult:
    """A finished image.

    Attributes:
        image: The decoded image; a small preview if the result was not decoded.
        index: The position of the image in its job, from 0.
        seconds: The time that the image took.
        frames: Previews of the latents, the first before any step.
        latents: The same latents as safetensors files, in memory.
        noise: The noise level of each frame: its standard deviation divided by the image's; 0 at the end.
        fallbacks: The out-of-memory fallbacks applied that may change pixels.
        peak_memory: The highest memory use so far, in bytes; 0 if unknown.
        first_step: The step of the first frame; above 0 if the run was resumed from saved latents.
        state: What the next stage of a chain can start from; opaque outside the engine.
        before: The image before postprocessing, if it is kept.
        earlier: The results of the chain's earlier stages.
        worker: The name of the worker that generated it, if there are several.
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
    peak_memory: int = 0
    first_step: int = 0
    state: object = None
    before: Image.Image | None = None
    earlier: tuple[ImageResult, ...] = ()
    worker: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokens:
    """A tokenized prompt.

    Attributes:
        read: The tokens that the model reads, as text.
        cut: The tokens beyond its window, which it ignores.
        windows: The tokens per window if the prompt is read in several windows.
    """

    read: tuple[str, ...]
    cut: tuple[str, ...]
    windows: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """Memory in bytes.

    Attributes:
        device: The device's name.
        free: Free memory of the device.
        total: Total memory of the device.
        used: This process's memory on the device.
        peak: The highest `used` so far.
    """

    device: str
    free: int
    total: int
    used: int
    peak: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Hooks:
    """The callbacks through which the engine reports progress and checks for cancellation.

    Previews are generated only when the viewer wants one.
    """

    emit: Emit
    stopped: Callable[[], bool] = field(default=lambda: False)
    counters: Counters = field(default_factory=Counters)
    viewer: Viewer = field(default=NullViewer())

    def trace(self, line: str) -> None:
        """Emit a line of `--trace`."""
        self.emit(Trace(text=line))


class Engine(Protocol):
    """Generates images from plans. Not thread-safe: only one thread may call it."""

    def load(self, model: Model, hooks: Hooks) -> None:
        """Load the model if it is not loaded yet."""

    def check(self, model: Model) -> None:
        """Check that a single file contains the whole model, without loading it.

        Raises:
            ModelError: Tensors are missing or have another shape.
        """

    def check_loras(self, model: Model, loras: Sequence[LoraUse], hooks: Hooks) -> None:
        """Check that LoRAs fit the model, which is loaded for that.

        Raises:
            ModelError: A LoRA does not fit, or cannot be used.
        """

    def best_fast(self, model: Model) -> str:
        """Return what `--fast auto` means for the model on this device; empty if nothing pays."""

    def generate(self, job: Job, hooks: Hooks) -> Iterator[ImageResult]:
        """Yield the job's images as they finish.

        Raises:
            Interrupted: The run was stopped.
            OutOfMemory: Memory ran out and every fallback failed.
        """

    def apply_network(self, job: NetworkJob, hooks: Hooks) -> Image.Image:
        """Return the network's output image, enlarged by the network's factor."""

    def upscale(self, job: DiffusionJob, hooks: Hooks) -> Image.Image:
        """Return the job's image enlarged by a diffusion upscaler."""

    def tokens(self, model: Model, text: str, hooks: Hooks) -> Tokens:
        """Tokenize `text` with the model's tokenizer."""

    def segment(self, job: SegmentationJob) -> Sequence[NDArray[np.float32]]:
        """Return a heat map of each phrase.

        Returns:
            For each phrase a (height, width) array, 0 to 1.
        """

    def environment(self) -> Mapping[str, object]:
        """Return the versions, device, dtype and thread count that bit-identical results depend on."""

    def memory(self) -> Memory:
        """Return the device's current memory use."""

    def estimate(self, plan: Plan, model: Model) -> int:
        """Estimate the bytes that one image of the plan needs besides the weights."""

    def loaded(self) -> tuple[str, ...]:
        """Return the names of the loaded models, most recently used first."""

    def save(self, model: Model, folder: Path, hooks: Hooks) -> None:
        """Write the model in the diffusers layout."""

    def unpickle(self, source: Path, target: Path) -> None:
        """Convert a pickle's tensors to a .safetensors file, with the loader that executes no code."""

    def unload(self) -> None:
        """Unload everything and release all memory."""


def open_engine(settings: EngineSettings) -> Engine:
    """Create the engine on torch and diffusers; importing these takes seconds.

    Raises:
        OutOfMemory: The limits of this process's memory are too small for them.
    """
    check_engine()
    from invoke_cli.engine.libraries import prepare_libraries

    prepare_libraries()
    from invoke_cli.engine.diffusers_engine import DiffusersEngine

    return DiffusersEngine(settings)
