"""Generate a job's images in stages: encode the prompt, encode the init image, denoise, decode.

Each stage has its own out-of-memory fallbacks, and a failed decode never repeats the denoising.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from PIL import Image

from invoke_cli.engine import TILING, ImageResult
from invoke_cli.engine.conditioning.prompt_embeds import Conditioning, Embedding, PromptSpec
from invoke_cli.engine.finite import check_embeddings, check_latents, check_pixels
from invoke_cli.engine.job_run import BatchRecorder, JobRun
from invoke_cli.engine.memory import retry_with_fallbacks
from invoke_cli.engine.sampling.checkpoint import Checkpoint, unpack
from invoke_cli.engine.sampling.denoise import DenoiseBatch, denoise
from invoke_cli.engine.sampling.initial_latents import Source
from invoke_cli.engine.sampling.preview import to_image
from invoke_cli.engine.sampling.prompt_to_prompt import encode_swap, prompts_to_encode
from invoke_cli.engine.sampling.step_recorder import keeps_latents
from invoke_cli.engine.sampling.vae import ImageEncoder, decode, images_of
from invoke_cli.errors import OutOfMemory
from invoke_cli.metadata.latents import LatentFile
from invoke_cli.models.files.folder import INPAINTING_CHANNELS

SLICED_ATTENTION = "attention in slices"  # recorded in image files, like every fallback's name


class StagedRun:
    """A job of a family whose pipelines can be run stage by stage, in batches."""

    def __init__(self, run: JobRun, conditioning: Conditioning, encoder: ImageEncoder) -> None:
        self.run, self.job, self.loaded = run, run.job, run.loaded
        self.counters = run.counters
        self._conditioning, self._encoder = conditioning, encoder

    def images(self, batch_size: int) -> Iterator[ImageResult]:
        """Yield the job's images in order, batch by batch; a batch that does not fit is halved."""
        prompt, negative, others = self._embeddings()
        source, count = self._source(), len(self.job.images)
        waiting = [range(start, min(start + batch_size, count)) for start in range(0, count, batch_size)]
        while waiting:
            indices = waiting.pop(0)
            recorder = BatchRecorder(self.run, indices)
            batch = DenoiseBatch(
                images=self.job.images[indices.start : indices.stop],
                prompt=prompt,
                negative=negative,
                encode_swap=encode_swap(self.loaded, self.job.plan.prompt.positive_tree, others),
                source=source,
                watch=recorder.watch,
                stopped=self.run.hooks.stopped,
                keeps=partial(keeps_latents, self.job),
                checkpoint=self._checkpoint(),
                until=self.job.until,
                counters=self.counters,
                tile=self.job.tile,
                guides=self.job.guides,
            )
            latents = self._denoised(batch)
            if latents is None:
                self.run.report_out_of_memory(f"a batch of {len(indices)} images does not fit: trying half as many")
                middle = (indices.start + indices.stop + 1) // 2
                waiting[:0] = [range(indices.start, middle), range(middle, indices.stop)]
            else:
                check_latents(self.loaded, self.job.plan, latents)
                yield from recorder.results(self._finished(latents), latents)

    # -- stages -----------------------------------------------------------------------------------------------------

    def _embeddings(self) -> tuple[Embedding, Embedding | None, list[Embedding]]:
        """Return the embeddings of the prompt, of the negative prompt under guidance, and of a swap's other prompts."""
        plan = self.job.plan
        # As in the stock pipeline, the negative prompt ignores clip_skip.
        specs = [
            PromptSpec(tree=tree, clip_skip=plan.latent_effects.clip_skip)
            for tree in prompts_to_encode(self.loaded, plan.prompt.positive_tree)
        ]
        negatives = [PromptSpec(tree=plan.prompt.negative_tree, is_negative=True)] if plan.guided else []
        prompt, *others = self._encoded([*specs, *negatives])
        negative = others.pop() if plan.guided else None
        return prompt, negative, others

    def _encoded(self, specs: Sequence[PromptSpec]) -> list[Embedding]:
        def action() -> list[Embedding]:
            with torch.no_grad():
                embeddings = self._conditioning.encode_padded(self.loaded, specs, self.counters)
                return [embedding.to(self.run.device.torch_device) for embedding in embeddings]

        found = self.run.attempt(
            "encoding the prompt", action, [self.run.fallback("reads it on the CPU", self._park_text_encoder)]
        )
        check_embeddings(self.loaded, self.job.plan, (each.states for each in found))
        return found

    def _source(self) -> Source | None:
        plan, init, mask = self.job.plan, self.job.init, self.job.mask
        axes = plan.latent_effects.seamless
        if isinstance(self.job.start, torch.Tensor):
            return Source(latents=self.job.start)
        if self.job.checkpoint is not None and plan.resume is None:
            return Source(latents=unpack(self.job.checkpoint.data, self.job.checkpoint.about).latents)
        if init is None:
            return None
        moments = self._encoded_image(lambda: self._encoder.moments(self.loaded, init, self.counters, axes=axes))
        if mask is None or self.loaded.input_channels != INPAINTING_CHANNELS:
            return Source(moments=moments, mask=mask)
        blanked = self._encoded_image(lambda: self._encoder.moments(self.loaded, init, self.counters, mask, axes))
        return Source(moments=moments, mask=mask, blanked=blanked)

    def _checkpoint(self) -> tuple[LatentFile, Checkpoint] | None:
        """Return the checkpoint to resume from, with its file; None for a run from the beginning."""
        file = self.job.checkpoint
        return (file, unpack(file.data, file.about)) if file is not None and self.job.plan.resume is not None else None

    def _encoded_image(self, action: Callable[[], torch.Tensor]) -> torch.Tensor:
        def attempt() -> torch.Tensor:
            tiling = [self.run.fallback(TILING, self.run.enable_tiling)]
            return self.run.attempt("encoding the init image", action, tiling)

        moments = self.run.with_finite_vae(attempt)
        check_pixels(self.loaded, self.job.plan, moments)
        return moments

    def _denoised(self, batch: DenoiseBatch) -> torch.Tensor | None:
        """Return the batch's latents; None if the batch must be halved."""

        def action() -> torch.Tensor:
            return denoise(self.loaded, self.job.plan, batch)

        if len(batch.images) > 1:
            try:
                return retry_with_fallbacks(action, [], self.run.report_out_of_memory, self.run.device.release)
            except OutOfMemory:
                return None
        fallbacks = [
            self.run.fallback(SLICED_ATTENTION, lambda: self.loaded.denoiser.set_attention_slice("max")),
            self.run.fallback("text encoder on the CPU", self._park_text_encoder),
        ]
        return self.run.attempt("denoising", action, fallbacks)

    def _finished(self, latents: torch.Tensor) -> Sequence[Image.Image]:
        """Return decoded images, or latent previews if the latents are passed on undecoded."""
        if self.job.decode and self.job.until is None:
            return self._decoded(latents)
        return [to_image(one, self.loaded.preview) for one in latents]

    def _decoded(self, latents: torch.Tensor) -> Sequence[Image.Image]:
        def attempt() -> torch.Tensor:
            fallbacks = [
                self.run.fallback("one image at a time", self.loaded.vae.enable_slicing),
                self.run.fallback(TILING, self.run.enable_tiling),
            ]
            return self.run.attempt("decoding", lambda: decode(self.loaded, latents, self.counters), fallbacks)

        pixels = self.run.with_finite_vae(attempt)
        check_pixels(self.loaded, self.job.plan, pixels)
        return images_of(self.loaded, pixels)

    def _park_text_encoder(self) -> None:
        for encoder in self.loaded.text_encoders.values():
            encoder.to("cpu")
