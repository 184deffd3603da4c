"""Keep a sampler's schedule on the CPU, so that reading it does not make an accelerator finish its queue.

Stock pipelines move timesteps and alphas to the device, and then read single values of them in each step. The values
are the same on the CPU, and torch takes them as scalars in arithmetic with tensors on the device.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from importlib import import_module
from typing import Any

import torch

from invoke_cli.engine.sampling.patching import forward_pre_hook, patched


@contextmanager
def schedule_on_cpu(scheduler: Any, denoiser: Any, device: torch.device) -> Iterator[None]:
    """Keep the timesteps, sigmas and alphas of a scheduler on the CPU; the denoiser gets its timestep on the device."""
    if device.type == "cpu":
        yield
        return
    with ExitStack() as stack:
        stack.enter_context(patched(scheduler, set_timesteps=_on_cpu(scheduler.set_timesteps)))
        if hasattr(scheduler, "alphas_cumprod") and hasattr(scheduler, "add_noise"):
            stack.enter_context(patched(scheduler, add_noise=_keeping_alphas(scheduler)))
        if hasattr(scheduler, "noise_sampler"):
            stack.enter_context(patched(scheduler, step=_with_noise_of_the_cpu(scheduler)))
        stack.enter_context(forward_pre_hook(denoiser, _with_timestep_on_device, with_kwargs=True))
        yield


def _on_cpu(set_timesteps: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(set_timesteps)

    @wraps(set_timesteps)
    def moved(*arguments: Any, **named: Any) -> Any:
        bound = signature.bind(*arguments, **named)
        if "device" in signature.parameters:
            bound.arguments["device"] = torch.device("cpu")
        return set_timesteps(*bound.args, **bound.kwargs)

    return moved


def _keeping_alphas(scheduler: Any) -> Callable[..., Any]:
    """Return `add_noise`, which moves the alphas to the device of the image, so that it leaves them on the CPU."""
    add_noise = scheduler.add_noise

    @wraps(add_noise)
    def keeping(*arguments: Any, **named: Any) -> Any:
        alphas = scheduler.alphas_cumprod
        try:
            return add_noise(*arguments, **named)
        finally:
            scheduler.alphas_cumprod = alphas

    return keeping


def _with_noise_of_the_cpu(scheduler: Any) -> Callable[..., Any]:
    """Return `step` of a scheduler that draws a Brownian path, drawn on the CPU: each device would draw another."""
    step = scheduler.step

    @wraps(step)
    def drawing(model_output: Any, timestep: Any, sample: torch.Tensor, *arguments: Any, **named: Any) -> Any:
        if scheduler.noise_sampler is None:
            scheduler.noise_sampler = _path_on_cpu(scheduler, sample)
        return step(model_output, timestep, sample, *arguments, **named)

    return drawing


def _path_on_cpu(scheduler: Any, sample: torch.Tensor) -> Callable[[Any, Any], torch.Tensor]:
    """Return the noise sampler that the scheduler would make, on the CPU in float32; its noise moves to the image."""
    sampler = import_module(type(scheduler).__module__).BrownianTreeNoiseSampler
    sigmas = scheduler.sigmas[scheduler.sigmas > 0]
    path = sampler(torch.zeros(sample.shape), float(sigmas.min()), float(sigmas.max()), scheduler.noise_sampler_seed)
    device, dtype = sample.device, sample.dtype
    return lambda start, end: path(start, end).to(device, dtype, non_blocking=True)


def _with_timestep_on_device(_module: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, Any]:
    """Move a timestep to the device of the latents, without waiting for it."""
    first: Any = next(iter((*arguments, *named.values())), None)
    latents = first[0] if isinstance(first, (list, tuple)) and first else first
    if not isinstance(latents, torch.Tensor):
        return arguments, named
    moved = tuple(_moved(value, latents.device) if index == 1 else value for index, value in enumerate(arguments))
    return moved, {**named, **({"timestep": _moved(named["timestep"], latents.device)} if "timestep" in named else {})}


def _moved(value: Any, device: torch.device) -> Any:
    is_elsewhere = isinstance(value, torch.Tensor) and value.device.type == "cpu" != device.type
    return value.to(device, non_blocking=True) if is_elsewhere else value
