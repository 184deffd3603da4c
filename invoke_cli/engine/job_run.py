"""One job while it runs, whichever way its images are generated: fallbacks, progress and results.

Fallbacks that may change pixels are reported and recorded, and all of them are undone when the job ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import torch
from PIL import Image

from invoke_cli.engine import TILING, Hooks, ImageResult, Job
from invoke_cli.engine.devices import Device
from invoke_cli.engine.finite import FLOAT32_VAE, can_upcast_vae, is_finite, vae_in_float32
from invoke_cli.engine.loading.load import LoadedModel
from invoke_cli.engine.memory import Fallback, retry_with_fallbacks
from invoke_cli.engine.sampling.preview import decode_with_tiny_vae, to_image
from invoke_cli.engine.sampling.step_observer import Snapshot
from invoke_cli.engine.sampling.step_recorder import Recorder
from invoke_cli.errors import OutOfMemory
from invoke_cli.events import MAX_PREVIEW, Level, Notice, Preview, Step
from invoke_cli.metadata.codec import Batch
from invoke_cli.planning.fitting_size import size_remedy, working_memory

REMEDIES = "use a smaller size (-W and -H, or --fit), fewer images at once (--parallel 1) or a smaller model (-m)"

Result = TypeVar("Result")


class JobRun:
    """One job while it runs: its inputs, its counters, and the fallbacks that were applied for it."""

    def __init__(self, loaded: LoadedModel, device: Device, job: Job, hooks: Hooks) -> None:
        self.loaded, self.device, self.job, self.hooks = loaded, device, job, hooks
        self.counters = hooks.counters
        self.counters.emit = hooks.trace if job.plan.trace else None
        self.fallbacks: list[str] = []
        self._attention = dict(getattr(loaded.denoiser, "attn_processors", {}))
        if job.tiled:
            self.enable_tiling()

    def attempt(self, stage: str, action: Callable[[], Result], fallbacks: Sequence[Fallback] = ()) -> Result:
        """Run a stage of the job with fallbacks against out-of-memory errors.

        Args:
            stage: What is being done, for messages: "decoding".
            action: The work.
            fallbacks: Applied one after the other, until the work succeeds.

        Raises:
            OutOfMemory: The work failed after the last fallback, too.
        """
        try:
            return retry_with_fallbacks(
                action,
                fallbacks,
                lambda name: self.report_out_of_memory(f"{stage}: trying {name}"),
                self.device.release,
            )
        except OutOfMemory:
            free = self.device.memory().free
            message = f"out of memory while {stage} ({self.device.label}, {free / 1e9:.1f} GB free)"
        plan = self.job.plan
        needed = working_memory(plan, self.job.model.facts, self.device.dtype.itemsize)
        raise OutOfMemory(message, hint=size_remedy(plan, needed, free, failed=True) + REMEDIES)

    def fallback(self, name: str, apply: Callable[[], object]) -> Fallback:
        """Return a fallback that is recorded when it is applied."""

        def applied() -> None:
            self.fallbacks.append(name)
            apply()

        return Fallback(name=name, apply=applied)

    def enable_tiling(self) -> None:
        """Let the VAE work in tiles for the rest of the job."""
        if TILING not in self.fallbacks:
            self.fallbacks.append(TILING)
        self.loaded.vae.enable_tiling()

    def with_finite_vae(self, action: Callable[[], torch.Tensor]) -> torch.Tensor:
        """Run the VAE; if its result overflows float16, run it again in float32, for the rest of the job."""
        if FLOAT32_VAE not in self.fallbacks:
            result = action()
            if is_finite(result) or not can_upcast_vae(self.loaded):
                return result
            self.fallbacks.append(FLOAT32_VAE)
            self.hooks.emit(Notice(text="the VAE overflowed float16: running it in float32", level=Level.WARNING))
        with vae_in_float32(self.loaded):
            return action()

    def report_out_of_memory(self, text: str) -> None:
        """Warn that something did not fit, and what is tried instead."""
        self.hooks.emit(Notice(text=f"out of memory: {text}", level=Level.WARNING))

    def restore(self) -> None:
        """Undo the fallbacks of this job."""
        if self.fallbacks:
            if hasattr(self.loaded.vae, "disable_tiling"):
                self.loaded.vae.disable_slicing()
                self.loaded.vae.disable_tiling()
            if self._attention:
                self.loaded.denoiser.set_attn_processor(self._attention)
            if self.loaded.offload == "none":
                self.loaded.pipeline.to(self.device.torch_device)


class BatchRecorder:
    """Records one batch: emits its steps and previews, keeps its frames, and builds its results."""

    def __init__(self, run: JobRun, indices: range) -> None:
        self.run, self.indices = run, indices
        self.started = time.perf_counter()
        images = run.job.images[indices.start : indices.stop]
        self.recorder = Recorder(run.job, images, run.loaded.preview)

    def watch(self, snapshot: Snapshot) -> None:
        """Record a snapshot and emit it as a step event."""
        self.recorder.add(snapshot)
        job = self.run.job
        self.run.hooks.emit(
            Step(
                image=job.first + self.indices.start,
                images=job.total,
                step=snapshot.step,
                steps=job.plan.steps.taken,
                seconds=time.perf_counter() - self.started,
                batch=len(self.indices),
                stage=job.stage,
                stages=job.stages,
                preview=self._preview(snapshot),
            )
        )

    def _preview(self, snapshot: Snapshot) -> Preview | None:
        """Return a preview of the first image's predicted result, if the viewer wants one now."""
        kind = self.run.job.plan.output.preview
        if not self.run.hooks.viewer.wants(kind):
            return None
        latents = (snapshot.visible if snapshot.expected is None else snapshot.expected)[0]
        loaded, tiny = self.run.loaded, self.run.loaded.preview_vae
        image = to_image(latents, loaded.preview) if tiny is None else decode_with_tiny_vae(latents, tiny)
        image.thumbnail((MAX_PREVIEW, MAX_PREVIEW), Image.Resampling.BOX)
        return Preview(width=image.width, height=image.height, rgb=image.tobytes(), kind=kind)

    def results(self, decoded: Sequence[Image.Image], latents: torch.Tensor | None) -> Iterator[ImageResult]:
        """Yield the results of the batch; `latents` are what the next stage of a chain can start from."""
        images = self.run.job.images
        handed = latents if self.run.job.stages > 1 else None
        seconds = (time.perf_counter() - self.started) / len(self.indices)
        seeds = tuple(images[index].seed for index in self.indices)
        peak = self.run.device.memory().peak
        for index, (position, image) in enumerate(zip(self.indices, decoded, strict=True)):
            yield ImageResult(
                image=image,
                plan=images[position],
                index=position,
                seconds=seconds,
                batch=Batch(size=len(seeds), index=index, seeds=seeds),
                frames=self.recorder.frames(index),
                noise=self.recorder.noise,
                latents=self.recorder.latents(index),
                fallbacks=tuple(self.run.fallbacks),
                peak_memory=peak,
                first_step=self.run.job.plan.resume.step if self.run.job.plan.resume else 0,
                state=None if handed is None else handed[index : index + 1].detach().to("cpu"),
            )
