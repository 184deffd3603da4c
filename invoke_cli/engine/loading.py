"""Loading a model: the stock pipeline of its family, and views of it for each task that share every component."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import diffusers

from invoke_cli.engine import Model
from invoke_cli.engine.devices import Device
from invoke_cli.errors import ModelError
from invoke_cli.models.folder import ModelFacts
from invoke_cli.models.registry import Matrix
from invoke_cli.planning.plan import Task

_LEFT_OUT: Mapping[str, object] = {
    "safety_checker": None,
    "feature_extractor": None,
    "image_encoder": None,
    "requires_safety_checker": False,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedModel:
    """A model in memory. `scheduler_config` is the model's own, the base of every sampler."""

    model: Model
    pipeline: Any
    scheduler_config: Mapping[str, object]

    @property
    def preview(self) -> Matrix:
        """The map from latents to RGB: the entry's own, else the family's."""
        return self.model.spec.preview or self.model.facts.family.preview

    @property
    def latent_channels(self) -> int:
        """Channels of the latents."""
        return int(self.pipeline.vae.config.latent_channels)

    @property
    def input_channels(self) -> int:
        """Channels that the UNet takes: the latents', and five more where it was made for inpainting."""
        return int(self.pipeline.unet.config.in_channels)

    @property
    def scale_factor(self) -> int:
        """Pixels a side of one latent."""
        return int(self.pipeline.vae_scale_factor)

    @property
    def key(self) -> str:
        """What tells this model's cached tensors from another's."""
        return str(self.model.facts.folder)

    def view(self, task: Task, scheduler: Any) -> Any:
        """A pipeline for the task on the same modules, with a scheduler of its own. Takes about a millisecond.

        It has no text encoder, which may stand on another device: embeddings are handed to it.
        """
        family = self.model.facts.family
        name = {
            Task.TEXT_TO_IMAGE: family.text_to_image,
            Task.IMAGE_TO_IMAGE: family.image_to_image,
            Task.INPAINT: family.inpaint,
        }[task]
        components = {**self.pipeline.components, "scheduler": scheduler, "text_encoder": None}
        view = getattr(diffusers, name)(**components, requires_safety_checker=False)
        view.set_progress_bar_config(disable=True)
        return view


def load_model(model: Model, device: Device) -> LoadedModel:
    """Load the model's pipeline on the device; ModelError when its files cannot be used."""
    facts = model.facts
    cls = getattr(diffusers, facts.family.text_to_image)
    try:
        pipeline = cls.from_pretrained(
            facts.folder,
            dtype=device.dtype,
            local_files_only=True,
            use_safetensors=all(path.suffix == ".safetensors" for path in facts.weights),
            variant=_variant(facts),
            **_LEFT_OUT,
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise _unusable(model, error) from None
    pipeline.set_progress_bar_config(disable=True)
    for part in pipeline.components.values():
        if hasattr(part, "requires_grad_"):
            part.requires_grad_(False)
    pipeline.to(device.place)
    return LoadedModel(model=model, pipeline=pipeline, scheduler_config=dict(pipeline.scheduler.config))


def _variant(facts: ModelFacts) -> str | None:
    """The variant that the UNet's file name carries: `diffusion_pytorch_model.fp16.safetensors` is `fp16`."""
    parts = facts.weights[0].name.split(".")
    return parts[1] if len(parts) > 2 else None


def _unusable(model: Model, error: Exception) -> ModelError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
    hint = "put its folder back as it was, or take another model with -m (!models lists them)"
    return ModelError(f"the model {model.spec.name} cannot be loaded: {reason}", hint=hint, field="model")
