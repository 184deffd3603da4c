"""Run a job in stages (prompt, init image, denoising, decoding), each with its own out-of-memory fallbacks.

A failed decode never repeats the denoising. Fallbacks that may change pixels are reported and recorded, and all of
them are undone when the job ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

import torch
from PIL import Image

from invoke_cli.engine import TILING, Hooks, ImageResult, Job
from invoke_cli.engine.conditioning.prompt_embeds import Conditioning, Embedding, PromptSpec
from invoke_cli.engine.devices import Device
from invoke_cli.engine.loading.load import LoadedModel
from invoke_cli.engine.memory import Fallback, retry_with_fallbacks
from invoke_cli.engine.sampling.checkpoint import Checkpoint, unpack
from invoke_cli.engine.sampling.denoise import DenoiseBatch, Snapshot, denoise
from invoke_cli.engine.sampling.initial_latents import Source
from invoke_cli.engine.sampling.preview import decode_with_tiny_vae, to_image
from invoke_cli.engine.sampling.prompt_to_prompt import encode_swap, prompts_to_encode
from invoke_cli.engine.sampling.step_recorder import Recorder, keeps_latents
from invoke_cli.engine.sampling.vae import ImageEncoder, decode
from invoke_cli.errors import OutOfMemory
from invoke_cli.events import MAX_PREVIEW, Level, Notice, Preview, Step
from invoke_cli.metadata.codec import Batch
from invoke_cli.metadata.latents import LatentFile
from invoke_cli.models.files.folder import INPAINTING_CHANNELS

REMEDIES = "use a smaller size (-W and -H, or --fit), fewer images at once (--parallel 1) or a smaller model (-m)"
SLICED_ATTENTION = "attention in slices"  # recorded in image files, like every fallback's name

Result = TypeVar("Result")


class JobRun:
    """The state of one job while it runs."""

    def __init__(self, loaded: LoadedModel, device: Device, job: Job, hooks: Hooks) -> None:
        self.loaded, self.device, self.job, self.hooks = loaded, device, job, hooks
        self.counters = hooks.counters
        self.counters.emit = hooks.trace if job.plan.trace else None
        self.fallbacks: list[str] = []
        self._attention = dict(getattr(loaded.denoiser, "attn_processors", {}))
        if job.tiled:
            self._tile()

    def images(self, conditioning: Conditioning, encoder: ImageEncoder, batch_size: int) -> Iterator[ImageResult]:
        """Yield the job's images in order, batch by batch."""
        plan, count = self.job.plan, len(self.job.images)
        # As in the stock pipeline, the negative prompt ignores clip_skip.
        wishes = [
            PromptSpec(tree=tree, clip_skip=plan.latent_effects.clip_skip)
            for tree in prompts_to_encode(self.loaded, plan.prompt.positive_tree)
        ]
        avoided = [PromptSpec(tree=plan.prompt.negative_tree, is_negative=True)] if plan.guided else []
        prompt, *others = self._encoded(conditioning, [*wishes, *avoided])
        negative = others.pop() if plan.guided else None
        source = self._source(encoder)
        waiting = [range(start, min(start + batch_size, count)) for start in range(0, count, batch_size)]
        while waiting:
            places = waiting.pop(0)
            watcher = Watcher(self, places)
            batch = DenoiseBatch(
                images=self.job.images[places.start : places.stop],
                prompt=prompt,
                negative=negative,
                encode_swap=encode_swap(self.loaded, plan.prompt.positive_tree, others),
                source=source,
                watch=watcher.watch,
                stopped=self.hooks.stopped,
                keeps=partial(keeps_latents, self.job),
                checkpoint=self._point(),
                until=self.job.until,
                counters=self.counters,
                tile=self.job.tile,
                guides=self.job.guides,
            )
            latents = self._denoised(batch)
            if latents is None:
                self._tell(f"a batch of {len(places)} images does not fit: trying half as many")
                middle = (places.start + places.stop + 1) // 2
                waiting[:0] = [range(places.start, middle), range(middle, places.stop)]
            else:
                yield from watcher.results(self._finished(latents), latents)

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

    # -- stages -----------------------------------------------------------------------------------------------------

    def _encoded(self, conditioning: Conditioning, wishes: Sequence[PromptSpec]) -> list[Embedding]:
        def action() -> list[Embedding]:
            with torch.no_grad():
                found = conditioning.encode_padded(self.loaded, wishes, self.counters)
                return [embedding.to(self.device.torch_device) for embedding in found]

        return self._climb("encoding the prompt", action, [self._rung("reads it on the CPU", self._park_text_encoder)])

    def _source(self, encoder: ImageEncoder) -> Source | None:
        plan, init, mask = self.job.plan, self.job.init, self.job.mask
        axes = plan.latent_effects.seamless
        if isinstance(self.job.start, torch.Tensor):
            return Source(latents=self.job.start)
        if self.job.checkpoint is not None and plan.resume is None:
            return Source(latents=unpack(self.job.checkpoint.data, self.job.checkpoint.about).latents)
        if init is None:
            return None
        moments = self._encoded_image(lambda: encoder.moments(self.loaded, init, self.counters, axes=axes))
        if mask is None or self.loaded.input_channels != INPAINTING_CHANNELS:
            return Source(moments=moments, mask=mask)
        blanked = self._encoded_image(lambda: encoder.moments(self.loaded, init, self.counters, mask, axes))
        return Source(moments=moments, mask=mask, blanked=blanked)

    def _point(self) -> tuple[LatentFile, Checkpoint] | None:
        """Return the checkpoint to resume from, with its file; None for a run from the beginning."""
        file = self.job.checkpoint
        return (file, unpack(file.data, file.about)) if file is not None and self.job.plan.resume is not None else None

    def _encoded_image(self, action: Callable[[], torch.Tensor]) -> torch.Tensor:
        return self._climb("encoding the init image", action, [self._rung(TILING, self._tile)])

    def _denoised(self, batch: DenoiseBatch) -> torch.Tensor | None:
        """Return the batch's latents; None if the batch must be halved."""

        def action() -> torch.Tensor:
            return denoise(self.loaded, self.job.plan, batch)

        if len(batch.images) > 1:
            try:
                return retry_with_fallbacks(action, [], self._tell, self.device.release)
            except OutOfMemory:
                return None
        rungs = [
            self._rung(SLICED_ATTENTION, lambda: self.loaded.denoiser.set_attention_slice("max")),
            self._rung("text encoder on the CPU", self._park_text_encoder),
        ]
        return self._climb("denoising", action, rungs)

    def _finished(self, latents: torch.Tensor) -> Sequence[Image.Image]:
        """Return decoded images, or latent previews if the latents are passed on undecoded."""
        if self.job.decode and self.job.until is None:
            return self._decoded(latents)
        return [to_image(one, self.loaded.preview) for one in latents]

    def _decoded(self, latents: torch.Tensor) -> Sequence[Image.Image]:
        rungs = [
            self._rung("one image at a time", self.loaded.vae.enable_slicing),
            self._rung(TILING, self._tile),
        ]
        return self._climb("decoding", lambda: decode(self.loaded, latents, self.counters), rungs)

    # -- fallbacks --------------------------------------------------------------------------------------------------

    def _climb(self, stage: str, action: Callable[[], Result], rungs: Sequence[Fallback]) -> Result:
        try:
            return retry_with_fallbacks(
                action, rungs, lambda measure: self._tell(f"{stage}: trying {measure}"), self.device.release
            )
        except OutOfMemory:
            free = self.device.memory().free / 1e9
            message = f"out of memory while {stage} ({self.device.label}, {free:.1f} GB free)"
        raise OutOfMemory(message, hint=REMEDIES)

    def _rung(self, measure: str, apply: Callable[[], object]) -> Fallback:
        def applied() -> None:
            self.fallbacks.append(measure)
            apply()

        return Fallback(name=measure, apply=applied)

    def _tile(self) -> None:
        if TILING not in self.fallbacks:
            self.fallbacks.append(TILING)
        self.loaded.vae.enable_tiling()

    def _park_text_encoder(self) -> None:
        for encoder in self.loaded.text_encoders.values():
            encoder.to("cpu")

    def _tell(self, text: str) -> None:
        self.hooks.emit(Notice(text=f"out of memory: {text}", level=Level.WARNING))


class Watcher:
    """Follows one batch: emits its progress, records its frames, and builds its results."""

    def __init__(self, run: JobRun, places: range) -> None:
        self.run, self.indices = run, places
        self.started = time.perf_counter()
        images = run.job.images[places.start : places.stop]
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
        picture = to_image(latents, loaded.preview) if tiny is None else decode_with_tiny_vae(latents, tiny)
        picture.thumbnail((MAX_PREVIEW, MAX_PREVIEW), Image.Resampling.BOX)
        return Preview(width=picture.width, height=picture.height, rgb=picture.tobytes(), kind=kind)

    def results(self, pictures: Sequence[Image.Image], latents: torch.Tensor | None) -> Iterator[ImageResult]:
        """Yield the results of the batch; `latents` are what the next stage of a chain can start from."""
        images = self.run.job.images
        handed = latents if self.run.job.stages > 1 else None
        seconds = (time.perf_counter() - self.started) / len(self.indices)
        seeds = tuple(images[place].seed for place in self.indices)
        for index, (place, picture) in enumerate(zip(self.indices, pictures, strict=True)):
            yield ImageResult(
                image=picture,
                plan=images[place],
                index=place,
                seconds=seconds,
                batch=Batch(size=len(seeds), index=index, seeds=seeds),
                frames=self.recorder.frames(index),
                noise=self.recorder.noise,
                latents=self.recorder.latents(index),
                fallbacks=tuple(self.run.fallbacks),
                first_step=self.run.job.plan.resume.step if self.run.job.plan.resume else 0,
                state=None if handed is None else handed[index : index + 1].detach().to("cpu"),
            )
