"""An engine without torch: colours from a hash of the plan, and failures on demand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from invoke_cli.engine import (
    DiffusionJob,
    EngineSettings,
    Hooks,
    ImageResult,
    Job,
    Memory,
    Model,
    NetworkJob,
    SegmentationJob,
    Tokens,
)
from invoke_cli.errors import Interrupted, OutOfMemory
from invoke_cli.events import Loading, Step
from invoke_cli.metadata.codec import Batch
from invoke_cli.planning.plan import ImagePlan, LoraUse, Plan


class FakeEngine:
    """An `Engine` for tests. `fail_with` is raised at the next image; `free` is the free memory that it reports."""

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings
        self.fail_with: Exception | None = None
        self.free = 10_000_000_000
        self.jobs: list[Job] = []
        self._loaded: str | None = None

    def load(self, model: Model, hooks: Hooks) -> None:
        if self._loaded != model.spec.name:
            hooks.emit(Loading(model=model.spec.name))
            self._loaded = model.spec.name
            hooks.emit(Loading(model=model.spec.name, seconds=0.0))

    def check(self, model: Model) -> None:
        pass

    def check_loras(self, model: Model, loras: Sequence[LoraUse], hooks: Hooks) -> None:
        pass

    def best_fast(self, model: Model) -> str:
        return "bfloat16"

    def generate(self, job: Job, hooks: Hooks) -> Iterator[ImageResult]:
        self.load(job.model, hooks)
        self.jobs.append(job)
        for index, image in enumerate(job.images):
            for step in range(job.plan.steps.taken + 1):
                if hooks.stopped():
                    raise Interrupted("stopped")
                hooks.emit(
                    Step(
                        image=index + 1,
                        images=len(job.images),
                        step=step,
                        steps=job.plan.steps.taken,
                        seconds=0.1,
                        stage=job.stage,
                        stages=job.stages,
                    )
                )
            if self.fail_with is not None:
                error, self.fail_with = self.fail_with, None
                raise error
            result = paint(job.plan, image, job.init, job.mask, previous_result(job))
            frames = tuple(result.resize((8, 8)) for _ in range(job.plan.steps.taken + 1))
            wants_frames = job.plan.output.strip or job.plan.output.save_intermediates
            yield ImageResult(
                state=result,
                image=result if job.decode else result.resize((8, 8)),
                plan=image,
                index=index,
                seconds=0.1,
                batch=Batch(seeds=(image.seed,)),
                frames=frames if wants_frames else (),
                noise=tuple(float(left) for left in range(job.plan.steps.taken, -1, -1)),
            )

    def apply_network(self, job: NetworkJob, hooks: Hooks) -> Image.Image:
        return job.image.resize((job.image.width * 4, job.image.height * 4))

    def upscale(self, job: DiffusionJob, hooks: Hooks) -> Image.Image:
        source = job.latents if isinstance(job.latents, Image.Image) else job.image
        assert source is not None
        factor = job.work.upscaler.kind.factor
        return source.resize((source.width * factor, source.height * factor))

    def tokens(self, model: Model, text: str, hooks: Hooks) -> Tokens:
        words = text.split()
        return Tokens(read=tuple(words[:75]), cut=tuple(words[75:]))

    def segment(self, job: SegmentationJob) -> Sequence[NDArray[np.float32]]:
        return [np.zeros((job.image.height, job.image.width), dtype=np.float32) for _ in job.phrases]

    def environment(self) -> Mapping[str, object]:
        return {"device": "fake", "threads": 1}

    def memory(self) -> Memory:
        return Memory(device="fake", free=self.free, total=self.free, used=0, peak=0)

    def estimate(self, plan: Plan, model: Model) -> int:
        return plan.width * plan.height * 100

    def loaded(self) -> tuple[str, ...]:
        return (self._loaded,) if self._loaded else ()

    def save(self, model: Model, folder: Path, hooks: Hooks) -> None:
        folder.mkdir()

    def unpickle(self, source: Path, target: Path) -> None:
        target.write_bytes(b"")

    def unload(self) -> None:
        self._loaded = None


def previous_result(job: Job) -> Image.Image | None:
    """Return the image that stands for the latents of the previous stage."""
    return job.start if isinstance(job.start, Image.Image) else None


def paint(plan: Plan, image: ImagePlan, *inputs: Image.Image | None) -> Image.Image:
    """Return an image of one colour that depends on everything that should affect it."""
    values = [
        plan.model, plan.prompt.positive, plan.prompt.negative, plan.steps.scheduled, plan.steps.taken,
        plan.guidance_scale, plan.sampler.name, image.seed, image.variations, repr(plan.latent_effects),
        [hashlib.sha256(each.tobytes()).hexdigest() for each in inputs if each],
    ]  # fmt: skip
    digest = hashlib.sha256(json.dumps(values).encode()).digest()
    return Image.new("RGB", (plan.width, plan.height), (digest[0], digest[1], digest[2]))


__all__ = ["FakeEngine", "OutOfMemory", "paint"]
