"""Generate a job's images with a family's stock pipeline as a whole, observed through patched methods.

For families that prepare and decode latents in their own way (packed latents, priors, language models as encoders).
Generates one image at a time; the latents are not passed on to later stages.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import torch
from PIL import Image

from invoke_cli.engine import TILING, ImageResult
from invoke_cli.engine.conditioning.prompt_embeds import Conditioning
from invoke_cli.engine.finite import check_latents, check_pixels
from invoke_cli.engine.job_run import BatchRecorder, JobRun
from invoke_cli.engine.sampling.checkpoint import SamplerState
from invoke_cli.engine.sampling.cpu_schedule import schedule_on_cpu
from invoke_cli.engine.sampling.latent_effects import after_step, varied_noise
from invoke_cli.engine.sampling.noise import generator
from invoke_cli.engine.sampling.patching import patched
from invoke_cli.engine.sampling.schedulers import build_scheduler
from invoke_cli.engine.sampling.step_observer import StepObserver
from invoke_cli.engine.sampling.step_recorder import keeps_latents
from invoke_cli.errors import Interrupted
from invoke_cli.models.families.family import StrengthRule
from invoke_cli.planning.plan import ImagePlan, Task


class StockRun:
    """A job of a family whose stock pipeline generates each image in one call."""

    def __init__(self, run: JobRun, conditioning: Conditioning) -> None:
        self._run, self._conditioning = run, conditioning

    def images(self) -> Iterator[ImageResult]:
        """Yield the job's images one by one, in order."""
        for index, image_plan in enumerate(self._run.job.images):
            recorder = BatchRecorder(self._run, range(index, index + 1))
            call = _Call(self._run, self._conditioning, recorder, image_plan)
            image = self._run.attempt("denoising", call.image)
            yield from recorder.results([image], None)


class _Call:
    """One call of the pipeline."""

    def __init__(self, run: JobRun, conditioning: Conditioning, recorder: BatchRecorder, image_plan: ImagePlan) -> None:
        self.run, self.recorder, self.image_plan = run, recorder, image_plan
        self.plan, self.loaded, self.counters = run.job.plan, run.loaded, run.counters
        self.family = self.plan.family
        self.conditioning = conditioning

    def image(self) -> Image.Image:
        """Return the finished image.

        Raises:
            Interrupted: The run was stopped.
        """
        config = self.loaded.scheduler_config
        self.scheduler: Any = build_scheduler(self.plan.sampler, config, self.family, [self.image_plan.seed])
        self.observer = StepObserver(
            plan=self.plan,
            scheduler=self.scheduler,
            counters=self.counters,
            start=self._first,
            spatial=self._spatial,
        )
        view = self.loaded.view(self.plan.task, self.scheduler)
        inner = getattr(view, "decoder_pipe", view)
        with ExitStack() as stack:
            stack.enter_context(schedule_on_cpu(self.scheduler, self.loaded.denoiser, self.loaded.device))
            stack.enter_context(self.observer.attached(self.loaded.denoiser))
            stack.enter_context(patched(inner, prepare_latents=self._observed_start(inner.prepare_latents)))
            vae = self.loaded.vae
            stack.enter_context(patched(vae, encode=self._counted(vae.encode), decode=self._retried(vae.decode)))
            if hasattr(view, "encode_prompt"):
                cached = self.conditioning.cached(self.loaded, view.encode_prompt, self.counters)
                stack.enter_context(patched(view, encode_prompt=cached))
            stack.enter_context(varied_noise(inner, self.plan, self.image_plan))
            with torch.no_grad():
                (image,) = view(**self._arguments(view)).images
        assert isinstance(image, Image.Image)
        return image

    # -- arguments --------------------------------------------------------------------------------------------------

    def _arguments(self, view: Any) -> dict[str, Any]:
        """Return the arguments that this pipeline accepts; planning has rejected what it cannot honour."""
        taken = inspect.signature(type(view).__call__).parameters
        given: dict[str, Any] = {
            "prompt": self.plan.prompt.positive,
            "negative_prompt": self._negative(),
            "num_inference_steps": self._steps(),
            self.family.guidance: self.plan.guidance_scale,
            "generator": generator(self.image_plan.seed),
            "width": self.plan.width,
            "height": self.plan.height,
            "max_area": self.plan.width * self.plan.height,
            "callback_on_step_end": self._after_step,
            **self._about_image(),
            **self.family.arguments,
        }
        if self.plan.latent_effects.eta:
            given["eta"] = self.plan.latent_effects.eta
        if "callback_on_step_end" not in taken:
            given["callback"] = self._after_callback
        if "clip_skip" in taken and self.plan.latent_effects.clip_skip:
            given["clip_skip"] = self.plan.latent_effects.clip_skip
        return {name: value for name, value in given.items() if name in taken and value is not None}

    def _negative(self) -> str | None:
        return self.plan.prompt.negative or (self.family.without_negative if self.plan.guided else None)

    def _steps(self) -> int:
        steps, short = self.plan.steps, self.family.strength is StrengthRule.SHORT
        return steps.taken if short else steps.scheduled

    def _about_image(self) -> dict[str, Any]:
        if self.plan.task is Task.TEXT_TO_IMAGE:
            return {}
        about: dict[str, Any] = {"image": self.run.job.init, "strength": self._strength()}
        if self.plan.task is Task.INPAINT:
            about["mask_image"] = self.run.job.mask
        return about

    def _strength(self) -> float:
        """Return the strength at which the pipeline takes exactly the planned steps, whatever its rounding."""
        steps = self.plan.steps
        match self.family.strength:
            case StrengthRule.DOWN:
                return min(1.0, (steps.taken + 0.5) / steps.scheduled)
            case StrengthRule.UP:
                return 1.0 if steps.taken == steps.scheduled else (steps.taken - 0.5) / steps.scheduled
            case _:
                return self.plan.strength

    # -- replacements -----------------------------------------------------------------------------------------------

    def _observed_start(self, prepare: Callable[..., Any]) -> Callable[..., Any]:
        """Report the initial latents when the pipeline prepares them."""

        def observed(*arguments: Any, **named: Any) -> Any:
            prepared = prepare(*arguments, **named)
            self._report(0, prepared[0] if isinstance(prepared, tuple) else prepared)
            return prepared

        return observed

    def _counted(self, encode: Callable[..., Any]) -> Callable[..., Any]:
        def counted(pixels: torch.Tensor, *arguments: Any, **named: Any) -> Any:
            self.counters.encoded(pixels.shape[-1], pixels.shape[-2])
            return encode(pixels, *arguments, **named)

        return counted

    def _retried(self, decode: Callable[..., Any]) -> Callable[..., Any]:
        """Decode in tiles where the whole image does not fit, and in float32 where float16 overflows.

        Raises:
            ModelError: The latents or the decoded pixels contain values that are not finite.
        """

        def retried(latents: torch.Tensor, *arguments: Any, **named: Any) -> Any:
            check_latents(self.loaded, self.plan, latents)
            tiles = [self.run.fallback(TILING, self.run.enable_tiling)]
            fallbacks = tiles if hasattr(self.loaded.vae, "enable_tiling") else []
            decoded: list[Any] = []

            def pixels() -> torch.Tensor:
                source = latents.to(self.loaded.vae.dtype)
                decoded[:] = [self.run.attempt("decoding", lambda: decode(source, *arguments, **named), fallbacks)]
                sample: torch.Tensor = decoded[0][0]
                return sample

            check_pixels(self.loaded, self.plan, self.run.with_finite_vae(pixels))
            self.counters.decoded(1)
            return decoded[0]

        return retried

    # -- steps ------------------------------------------------------------------------------------------------------

    def _after_callback(self, call: int, timestep: Any, latents: torch.Tensor) -> None:
        """Handle the older `callback` argument of pipelines, which cannot return changed latents."""
        self._after_step(None, call, timestep, {"latents": latents})

    def _after_step(self, _pipeline: object, call: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        if self.run.hooks.stopped():
            raise Interrupted("stopped")
        step = self.observer.finish_call(call)
        if not step:
            return {}
        self.counters.log(f"step {step} at timestep {int(timestep)}")
        packed = tensors["latents"]
        spatial = self._spatial(packed)
        changed = after_step(spatial, self.plan.latent_effects, step, self.plan.steps.taken)
        self._report(step, changed)
        return {} if changed is spatial else {"latents": packed_like(changed, packed)}

    def _report(self, step: int, latents: torch.Tensor) -> None:
        # The latents can be viewed, but not resumed from: the stock pipeline's state is out of reach.
        keeps = keeps_latents(self.run.job, step)
        state = SamplerState(calls=self.observer.calls, history={}) if keeps else None
        self.recorder.watch(self.observer.snapshot(step, latents, first=step == 0, state=state))

    def _first(self) -> int:
        """Return the index in the schedule at which the run begins."""
        steps = self.plan.steps
        whole = self.plan.task is Task.TEXT_TO_IMAGE or self.family.strength in (StrengthRule.SHORT, StrengthRule.NONE)
        return 0 if whole else (steps.scheduled - steps.taken) * int(self.scheduler.order)

    def _spatial(self, latents: torch.Tensor) -> torch.Tensor:
        scale = self.family.latent_scale
        return unpacked(latents, self.plan.height // scale, self.plan.width // scale)


PATCH = 2


def unpacked(latents: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """Convert latents to (n, channels, rows, columns).

    Args:
        latents: (n, channels, rows, columns), (n, channels, 1, rows, columns), or packed tokens
            (n, rows / 2 x columns / 2, 4 x channels) in the order of FLUX and related models.
        rows: The height in latents.
        columns: The width in latents.
    """
    if latents.ndim == 5:
        return latents[:, :, 0]
    if latents.ndim != 3:
        return latents
    count, _, width = latents.shape
    cells = latents.view(count, rows // PATCH, columns // PATCH, width // 4, PATCH, PATCH)
    return cells.permute(0, 3, 1, 4, 2, 5).reshape(count, width // 4, rows, columns)


def packed_like(spatial: torch.Tensor, latents: torch.Tensor) -> torch.Tensor:
    """Convert (n, channels, rows, columns) back to the shape of `latents`; the inverse of `unpacked`."""
    if latents.ndim != 3:
        return spatial.reshape(latents.shape)
    count, channels, rows, columns = spatial.shape
    cells = spatial.view(count, channels, rows // PATCH, PATCH, columns // PATCH, PATCH)
    return cells.permute(0, 2, 4, 1, 3, 5).reshape(latents.shape)
