"""Record what a job keeps of each step: previews of the latents, and the latents themselves."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from invoke_cli.engine import Job
from invoke_cli.engine.sampling.checkpoint import pack
from invoke_cli.engine.sampling.preview import to_image
from invoke_cli.engine.sampling.step_observer import Snapshot
from invoke_cli.metadata.latents import describe
from invoke_cli.models.families.family import Matrix
from invoke_cli.planning.plan import ImagePlan


def keeps_latents(job: Job, step: int) -> bool:
    """Return whether a job saves the latents after this step: of all steps, or of the one that it ends after."""
    return job.plan.output.save_latents if job.until is None else step == job.until


class Recorder:
    """Collects the frames and latents of each image of a batch; `factors` maps latents to RGB."""

    def __init__(self, job: Job, images: Sequence[ImagePlan], factors: Matrix) -> None:
        self._job, self._plan, self._images = job, job.plan, images
        self._factors = factors
        self._frames: list[list[Image.Image]] = [[] for _ in images]
        self._latents: list[list[bytes]] = [[] for _ in images]
        self._noise: list[float] = []

    def add(self, snapshot: Snapshot) -> None:
        """Record a step. The first snapshot of a run clears what a failed attempt recorded."""
        if snapshot.first:
            self._frames = [[] for _ in self._frames]
            self._latents = [[] for _ in self._latents]
            self._noise = []
        self._noise.append(snapshot.noise)
        output = self._plan.output
        for index in range(len(self._frames)):
            if output.strip or output.save_intermediates:
                self._frames[index].append(to_image(snapshot.visible[index], self._factors))
            if keeps_latents(self._job, snapshot.step):
                self._latents[index].append(self._serialised(snapshot, index))

    def frames(self, index: int) -> tuple[Image.Image, ...]:
        """Return the frames of image `index`, the first from before any step."""
        return tuple(self._frames[index])

    @property
    def noise(self) -> tuple[float, ...]:
        """The noise level of each frame."""
        return tuple(self._noise)

    def latents(self, index: int) -> tuple[bytes, ...]:
        """Return the latents of image `index` as safetensors files."""
        return tuple(self._latents[index])

    def _serialised(self, snapshot: Snapshot, index: int) -> bytes:
        assert snapshot.state is not None
        about = describe(self._plan, self._images[index], snapshot.step, self._job.vae)
        latents = snapshot.latents
        about |= {"calls": snapshot.state.calls, "timestep": snapshot.timestep}
        about |= {"shape": [1, *latents.shape[1:]], "dtype": str(latents.dtype).removeprefix("torch.")}
        return pack(about, latents, snapshot.state, index)
