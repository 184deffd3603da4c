"""Run diffusers' diffusion upscalers: x2 on latents, x4 on pixels."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import diffusers
import numpy as np
import torch
from PIL import Image

from invoke_cli.engine import DiffusionJob, Hooks
from invoke_cli.engine.devices import Device
from invoke_cli.engine.finite import is_finite
from invoke_cli.engine.loading.components import load_pipeline
from invoke_cli.engine.loading.weights import FILE_ERRORS, WeightsOwner, first_line
from invoke_cli.engine.memory import retry_with_fallbacks
from invoke_cli.engine.sampling.noise import generator
from invoke_cli.engine.sampling.patching import forward_pre_hook, patched
from invoke_cli.errors import Interrupted, ModelError, OutOfMemory
from invoke_cli.events import Step
from invoke_cli.models.upscalers import Upscaler

_OMITTED = {"safety_checker": None, "feature_extractor": None, "watermarker": None}
_RESTORE = "restore its folder"
_REMEDY = "enlarge a smaller image, or use -U, which works in tiles"


def load_upscaler(upscaler: Upscaler, device: Device) -> Any:
    """Load the pipeline in the upscaler's folder.

    Raises:
        ModelError: Its files cannot be used.
    """
    cls = getattr(diffusers, upscaler.kind.pipeline)
    owner = WeightsOwner(name=f"the upscaler {upscaler.name}", field="upscaler", hint=_RESTORE)
    optional = {name: None for name in _OMITTED if name in cls._optional_components}
    try:
        arguments = {"torch_dtype": device.dtype, **optional}
        pipeline, _ = load_pipeline(cls, upscaler.folder, upscaler.parts, owner, arguments)
    except FILE_ERRORS as error:
        message = f"the upscaler {upscaler.name} cannot be loaded: {first_line(error)}"
        raise ModelError(message, hint=_RESTORE, field="upscaler") from None
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(device.torch_device)


def run_upscaler(pipeline: Any, job: DiffusionJob, device: Device, hooks: Hooks) -> Image.Image:
    """Return the job's image, enlarged.

    One generator seeded with the job's seed supplies all noise, as in a plain call of the pipeline.

    Raises:
        OutOfMemory: The device's memory does not suffice.
    """
    try:
        return retry_with_fallbacks(lambda: _run(pipeline, job, hooks), [], lambda _: None, device.release)
    except OutOfMemory:
        message = f"out of memory while {job.work.upscaler.name} was enlarging the image"
    raise OutOfMemory(message, hint=_REMEDY)


def _run(pipeline: Any, job: DiffusionJob, hooks: Hooks) -> Image.Image:
    work = job.work
    source = job.latents if isinstance(job.latents, torch.Tensor) else _padded(job)
    if isinstance(source, Image.Image) and work.upscaler.kind.takes_latents:
        hooks.counters.encoded(*source.size)

    def count(_module: object, _inputs: object) -> None:
        hooks.counters.denoiser_calls += 1

    decode = pipeline.vae.decode

    def checked(*arguments: Any, **named: Any) -> Any:
        decoded = decode(*arguments, **named)
        if not is_finite(decoded[0]):
            message = f"the upscaler {work.upscaler.name} gave values that are not finite, so no image was written"
            raise ModelError(message, hint="start with --precision float32, or download it again", field="upscaler")
        return decoded

    with forward_pre_hook(pipeline.unet, count), patched(pipeline.vae, decode=checked):
        (image,) = pipeline(
            prompt=work.prompt.positive,
            negative_prompt=work.prompt.negative or None,
            image=source,
            num_inference_steps=work.steps,
            guidance_scale=work.guidance_scale,
            generator=generator(job.seed),
            callback=_reporter(work.steps, hooks),
        ).images
    hooks.counters.decoded(1)
    if job.image is None or job.latents is not None:
        return image  # type: ignore[no-any-return]  # a Pillow image; diffusers is untyped
    factor = work.upscaler.kind.factor
    return image.crop((0, 0, job.image.width * factor, job.image.height * factor))  # type: ignore[no-any-return]


def _padded(job: DiffusionJob) -> Image.Image:
    """Pad the image to the network's multiple by repeating its last column and row."""
    assert job.image is not None
    multiple = job.work.upscaler.kind.multiple
    right, below = -job.image.width % multiple, -job.image.height % multiple
    if not (right or below):
        return job.image
    return Image.fromarray(np.pad(np.asarray(job.image), ((0, below), (0, right), (0, 0)), mode="edge"))


def _reporter(steps: int, hooks: Hooks) -> Callable[[int, int, torch.Tensor], None]:
    started = time.perf_counter()

    def report(step: int, _timestep: int, _latents: torch.Tensor) -> None:
        if hooks.stopped():
            raise Interrupted("stopped")
        seconds = time.perf_counter() - started
        hooks.emit(Step(image=1, images=1, step=min(step + 1, steps), steps=steps, seconds=seconds))

    return report
