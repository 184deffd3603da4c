"""Run a job with a family's stock pipeline as a whole: its own call generates, observed through patched methods.

For families that prepare and decode latents in their own way (packed latents, priors, language models as encoders).
Generates one image at a time; the latents are not passed on to later stages.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import torch
from PIL import Image

from invoke_cli.engine import TILING, ImageResult
from invoke_cli.engine.conditioning.prompt_embeds import Conditioning
from invoke_cli.engine.sampling.checkpoint import SamplerState
from invoke_cli.engine.sampling.denoise import Snapshot, finished_step
from invoke_cli.engine.sampling.latent_effects import after_step
from invoke_cli.engine.sampling.noise import generator
from invoke_cli.engine.sampling.packed_latents import packed_like, unpacked
from invoke_cli.engine.sampling.patching import patched_noise, replaced
from invoke_cli.engine.sampling.predicted_x0 import PredictedX0
from invoke_cli.engine.sampling.schedulers import build_scheduler, noise_at, normalised
from invoke_cli.engine.sampling.step_recorder import keeps_latents
from invoke_cli.engine.staged_run import JobRun, Watcher
from invoke_cli.errors import Interrupted
from invoke_cli.models.families.family import StrengthRule
from invoke_cli.planning.plan import ImagePlan, Task


class StockRun(JobRun):
    """The state of one job that a stock pipeline runs."""

    def images(self, conditioning: Conditioning, *_: object) -> Iterator[ImageResult]:
        """Yield the job's images one by one, in order."""
        for place, image in enumerate(self.job.images):
            watcher = Watcher(self, range(place, place + 1))
            call = _Call(self, conditioning, watcher, image)
            picture = self._climb("denoising", call.picture, [])
            yield from watcher.results([picture], None)

    def decoded(self, decode: Any, *arguments: Any, **named: Any) -> Any:
        """Decode latents with the VAE, with fallbacks against out-of-memory errors."""
        vae = self.loaded.vae
        rungs = []
        if hasattr(vae, "enable_tiling"):
            rungs.append(self._rung(TILING, self._tile))
        result = self._climb("decoding", lambda: decode(*arguments, **named), rungs)
        self.counters.decoded(1)
        return result


class _Call:
    """One call of the pipeline."""

    def __init__(self, run: StockRun, conditioning: Conditioning, watcher: Watcher, image: ImagePlan) -> None:
        self.run, self.watcher, self.image = run, watcher, image
        self.plan, self.loaded, self.counters = run.job.plan, run.loaded, run.counters
        self.family = self.plan.family
        self.conditioning = conditioning

    def picture(self) -> Image.Image:
        """Return the finished image.

        Raises:
            Interrupted: The run was stopped.
        """
        self.calls = self.steps = 0
        config = self.loaded.scheduler_config
        self.scheduler: Any = build_scheduler(self.plan.sampler, config, self.family, [self.image.seed])
        self.foresight = PredictedX0(self.scheduler, sigma_space=self.plan.sampler.sigma_space)
        view = self.loaded.view(self.plan.task, self.scheduler)
        inner = getattr(view, "decoder_pipe", view)
        with ExitStack() as seams:
            self._watch(seams, view, inner)
            seams.enter_context(patched_noise(inner, self.plan, self.image))
            with torch.no_grad():
                (picture,) = view(**self._arguments(view)).images
        assert isinstance(picture, Image.Image)
        return picture

    # -- arguments --------------------------------------------------------------------------------------------------

    def _arguments(self, view: Any) -> dict[str, Any]:
        """Return the arguments that this pipeline accepts; planning has rejected what it cannot honour."""
        taken = inspect.signature(type(view).__call__).parameters
        given: dict[str, Any] = {
            "prompt": self.plan.prompt.positive,
            "negative_prompt": self._negative(),
            "num_inference_steps": self._steps(),
            self.family.guidance: self.plan.guidance_scale,
            "generator": generator(self.image.seed),
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

    # -- hooks ------------------------------------------------------------------------------------------------------

    def _watch(self, seams: ExitStack, view: Any, inner: Any) -> None:
        vae, prepare = self.loaded.vae, inner.prepare_latents
        decode, encode = vae.decode, vae.encode

        def prepared(*arguments: Any, **named: Any) -> Any:
            result = prepare(*arguments, **named)
            self._show(0, result[0] if isinstance(result, tuple) else result)
            return result

        def encoded(pixels: torch.Tensor, *arguments: Any, **named: Any) -> Any:
            self.counters.encoded(pixels.shape[-1], pixels.shape[-2])
            return encode(pixels, *arguments, **named)

        inner.prepare_latents = prepared
        seams.enter_context(replaced(vae, "encode", encoded))
        seams.enter_context(replaced(vae, "decode", lambda *given, **named: self.run.decoded(decode, *given, **named)))
        if hasattr(view, "encode_prompt"):
            view.encode_prompt = self.conditioning.cached(self.loaded, view.encode_prompt, self.counters)
        hook = self.loaded.denoiser.register_forward_pre_hook(self._count)
        seams.callback(hook.remove)

    def _count(self, _module: object, _inputs: object) -> None:
        self.counters.denoiser_calls += 1

    def _after_callback(self, call: int, timestep: Any, latents: torch.Tensor) -> None:
        """Handle the older `callback` argument of pipelines, which cannot return changed latents."""
        self._after_step(None, call, timestep, {"latents": latents})

    def _after_step(self, _pipeline: object, call: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        if self.run.hooks.stopped():
            raise Interrupted("stopped")
        self.calls = call + 1
        step = finished_step(self.calls, len(self.scheduler.timesteps) - self._first(), self.plan)
        if not step:
            return {}
        self.counters.log(f"step {step} at timestep {int(timestep)}")
        latents = tensors["latents"]
        picture = self._spatial(latents)
        bent = after_step(picture, self.plan.latent_effects, step, self.plan.steps.taken)
        self._show(step, bent)
        return {} if bent is picture else {"latents": packed_like(bent, latents)}

    def _first(self) -> int:
        """Return the index in the schedule at which the run begins."""
        steps = self.plan.steps
        whole = self.plan.task is Task.TEXT_TO_IMAGE or self.family.strength in (StrengthRule.SHORT, StrengthRule.NONE)
        return 0 if whole else (steps.scheduled - steps.taken) * int(self.scheduler.order)

    def _show(self, step: int, latents: torch.Tensor) -> None:
        picture = self._spatial(latents)
        position = self._first() + self.calls
        visible = normalised(picture, self.scheduler, self.plan.sampler, position)
        expected = self.foresight.latents() if step < self.plan.steps.taken else None
        timesteps = self.scheduler.timesteps
        timestep = int(timesteps[min(position, len(timesteps) - 1)]) if len(timesteps) else 0
        # The latents can be viewed, but not resumed from: the stock pipeline's state is out of reach.
        moment = SamplerState(calls=self.calls, history={}) if keeps_latents(self.run.job, step) else None
        self.watcher.watch(
            Snapshot(
                step=step,
                timestep=timestep,
                latents=picture,
                visible=visible,
                expected=None if expected is None else self._spatial(expected),
                first=step == 0,
                state=moment,
                noise=self._noise(position),
            )
        )

    def _noise(self, position: int) -> float:
        """Return the noise level of the latents. Flow models mix (1 - sigma) of the image with sigma of the noise."""
        noise = noise_at(self.scheduler, position)
        return noise / max(1e-3, 1 - noise) if self.family.flow else noise

    def _spatial(self, latents: torch.Tensor) -> torch.Tensor:
        scale = self.family.latent_scale
        return unpacked(latents, self.plan.height // scale, self.plan.width // scale)
