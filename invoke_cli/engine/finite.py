"""Detect results with values that are not finite (NaN or infinity), and name the component that they come from.

They would become a black image without any error. One reduction per stage detects them; where they come from is only
examined afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from invoke_cli.engine.conditioning.lora import lora_tensors
from invoke_cli.engine.loading.load import LoadedModel
from invoke_cli.engine.loading.weights import component_label
from invoke_cli.errors import InvokeError, ModelError
from invoke_cli.planning.plan import Plan

FLOAT32_VAE = "VAE in float32"  # recorded in image files, like every fallback's name
_PRECISION_HINT = "start with --precision bfloat16 or float32, or choose another model with -m"
_RELOAD_HINT = "download it again, or choose another"


def is_finite(tensor: torch.Tensor) -> bool:
    """Return whether all values are finite, by one reduction."""
    return bool(torch.isfinite(tensor.sum(dtype=torch.float32)))


def check_embeddings(loaded: LoadedModel, plan: Plan, embeddings: Iterable[torch.Tensor]) -> None:
    """Raise ModelError if prompt embeddings contain values that are not finite."""
    if not all(map(is_finite, embeddings)):
        raise _error(loaded, plan, "text encoder", loaded.text_encoders.values())


def check_latents(loaded: LoadedModel, plan: Plan, latents: torch.Tensor) -> None:
    """Raise ModelError if denoised latents contain values that are not finite."""
    if not is_finite(latents):
        raise _error(loaded, plan, component_label(loaded.family.denoiser), [loaded.denoiser])


def check_pixels(loaded: LoadedModel, plan: Plan, pixels: torch.Tensor) -> None:
    """Raise ModelError if the output of the VAE contains values that are not finite."""
    if not is_finite(pixels):
        raise _error(loaded, plan, "VAE", [loaded.vae])


def can_upcast_vae(loaded: LoadedModel) -> bool:
    """Return whether the VAE runs in float16, where it may overflow, and can be run in float32 instead."""
    return loaded.vae.dtype == torch.float16 and loaded.offload in ("none", "model")


@contextmanager
def vae_in_float32(loaded: LoadedModel) -> Iterator[None]:
    """Run the VAE in float32."""
    dtype = loaded.vae.dtype
    loaded.vae.to(torch.float32)
    try:
        yield
    finally:
        loaded.vae.to(dtype)


def _error(loaded: LoadedModel, plan: Plan, component: str, networks: Iterable[Any]) -> InvokeError:
    """Return the error that names the component whose weights are not finite, or that overflowed."""
    for lora in plan.loras:
        if not all(map(is_finite, lora_tensors(loaded, lora))):
            return _damaged(f"the LoRA {lora.name}", "loras")
    uses = [use for use in plan.controls if use.technique.is_controlnet]
    for use, network in zip(uses, loaded.controls, strict=True):
        if not _has_finite_weights(network):
            return _damaged(f"the ControlNet {use.model}", "controls")
    if not all(map(is_finite, loaded.image_embeds)):
        return _damaged("an IP-Adapter or its image encoder", "controls")
    name = loaded.model.spec.name
    if not all(map(_has_finite_weights, networks)):
        return _damaged(f"the {component} of {name}", "model")
    dtype = str(loaded.denoiser.dtype).removeprefix("torch.")
    message = f"the {component} of {name} gave values that are not finite in {dtype}, so no image was written"
    return ModelError(message, hint=_PRECISION_HINT, field="model")


def _damaged(name: str, field: str) -> ModelError:
    message = f"{name} contains values that are not finite (NaN or infinity), so no image was written"
    return ModelError(message, hint=_RELOAD_HINT, field=field)


def _has_finite_weights(network: Any) -> bool:
    return all(is_finite(weights) for weights in network.parameters() if weights.is_floating_point())
