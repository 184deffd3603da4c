"""Loading a model: the stock pipeline of its family, and views of it for each task that share every component."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import diffusers
import torch

from invoke_cli.engine import Model
from invoke_cli.engine.devices import Device
from invoke_cli.engine.loading.quantization import load_quantized
from invoke_cli.engine.loading.single_file import load_single_file, load_vae
from invoke_cli.engine.sampling.preview import load_tiny_vae
from invoke_cli.errors import ModelError
from invoke_cli.models.families.family import Family, Matrix
from invoke_cli.models.files.folder import ModelFacts, variant_of
from invoke_cli.models.preview_factors import without_factors
from invoke_cli.planning.capabilities import pipeline_for
from invoke_cli.planning.plan import Task

_LEFT_OUT: Mapping[str, object] = {
    "safety_checker": None,
    "feature_extractor": None,
    "image_encoder": None,
    "requires_safety_checker": False,
    "add_watermarker": False,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedModel:
    """A model in memory. `scheduler_config` is the model's own, the base of every sampler. `place` is the device that
    it works on, `offload` how its weights get there. `worn` are the LoRAs and embeddings that it has on: hashes and
    weights. `controls` are the ControlNets that take part in a job, `seen` the embeddings of pictures as prompts.
    `preview_vae` draws the live previews where its entry names one.
    """

    model: Model
    pipeline: Any
    scheduler_config: Mapping[str, object]
    place: torch.device
    offload: str = "none"
    worn: tuple[tuple[str, float], ...] = ()
    controls: tuple[Any, ...] = ()
    seen: tuple[torch.Tensor, ...] = ()
    preview_vae: Any = None

    @property
    def family(self) -> Family:
        """The model's row of the family table."""
        return self.model.facts.family

    @property
    def preview(self) -> Matrix:
        """The map from latents to RGB: the entry's own, else the family's where it has a row for each channel."""
        fits = len(self.family.preview) == self.latent_channels + 1
        return self.model.spec.preview or (self.family.preview if fits else without_factors(self.latent_channels))

    @property
    def denoiser(self) -> Any:
        """The network that takes the noise away."""
        return getattr(self.pipeline, self.family.denoiser)

    @property
    def vae(self) -> Any:
        """The autoencoder."""
        return getattr(self.pipeline, self.family.vae)

    @property
    def text_encoders(self) -> Mapping[str, Any]:
        """The text encoders that are there, by their names in the pipeline."""
        parts = self.pipeline.components.items()
        return {name: part for name, part in parts if "text_encoder" in name and part is not None}

    @property
    def tokenizer(self) -> Any:
        """The tokenizer that reads the whole of a prompt: the last one, whose window is the widest."""
        tokenizers = [
            part for name, part in self.pipeline.components.items() if "tokenizer" in name and part is not None
        ]
        return tokenizers[-1]

    @property
    def latent_channels(self) -> int:
        """Channels of the latents."""
        return int(self.vae.config.get("latent_channels") or self.vae.config.z_dim)

    @property
    def input_channels(self) -> int:
        """Channels that the UNet takes: the latents', and five more where it was made for inpainting."""
        return int(self.denoiser.config.in_channels)

    @property
    def scale_factor(self) -> int:
        """Pixels a side of one latent."""
        return int(self.pipeline.vae_scale_factor)

    @property
    def key(self) -> str:
        """What tells this model's cached tensors from another's."""
        return self.model.facts.key

    @property
    def text_key(self) -> str:
        """What tells its embeddings of a text from another's: LoRAs change text encoders too."""
        return f"{self.key} {self.worn}" if self.worn else self.key

    def spelt_out(self, text: str, tokenizer: Any) -> str:
        """A text in which each embedding of several vectors stands as the names of all of them."""
        if not hasattr(self.pipeline, "maybe_convert_prompt"):
            return text
        converted: str = self.pipeline.maybe_convert_prompt(text, tokenizer)
        return converted

    def view(self, task: Task, scheduler: Any) -> Any:
        """A pipeline for the task on the same modules, with a scheduler of its own. Takes about a millisecond.

        Where the family runs in our own stages it has no text encoder, which may stand on another device: embeddings
        are handed to it.
        """
        cls = getattr(diffusers, pipeline_for(self.family, task, controlled=bool(self.controls)))
        replaced: dict[str, Any] = {"scheduler": scheduler}
        if self.controls:
            replaced["controlnet"] = self.controls[0] if len(self.controls) == 1 else list(self.controls)
        if self.family.staged:
            replaced |= dict.fromkeys(self.text_encoders)
        view = cls(**known(cls, {**_settings(self.pipeline), **self.pipeline.components, **replaced}))
        view.set_progress_bar_config(disable=True)
        return view


def load_model(model: Model, device: Device, shared: Mapping[str, Any], offload: str = "none") -> LoadedModel:
    """Load the model's pipeline on the device, but for the components that are `shared` with another; ModelError when
    its files cannot be used.
    """
    family = model.facts.family
    cls = getattr(diffusers, family.text_to_image or family.image_to_image or family.inpaint)
    arguments = {**known(cls, _LEFT_OUT), "torch_dtype": device.dtype, **shared}
    try:
        if model.facts.vae_from is not None and family.vae not in shared:
            arguments[family.vae] = load_vae(model.facts, model.facts.vae_from, device.dtype)
        if model.facts.quantize and family.denoiser not in shared:
            arguments[family.denoiser] = load_quantized(model.facts, model.spec.name, device)
        if model.facts.single_file:
            pipeline = load_single_file(model.facts, cls, arguments)
        else:
            pipeline = _from_folder(model.facts, cls, arguments)
    except ImportError as error:
        raise _lacking(model, error) from None
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise _unusable(model, error) from None
    if model.facts.prediction_type_source:
        pipeline.scheduler.register_to_config(prediction_type=model.facts.prediction_type)
    pipeline.set_progress_bar_config(disable=True)
    for part in pipeline.components.values():
        if hasattr(part, "requires_grad_"):
            part.requires_grad_(False)
    loaded = LoadedModel(
        model=model,
        pipeline=pipeline,
        scheduler_config=dict(pipeline.scheduler.config),
        place=device.place,
        offload=offload,
    )
    _put(loaded, device)
    return with_preview_vae(loaded, device)


def with_preview_vae(loaded: LoadedModel, device: Device) -> LoadedModel:
    """The model with what its entry names for previews."""
    return replace(loaded, preview_vae=load_tiny_vae(loaded.model, loaded.latent_channels, device))


def _put(loaded: LoadedModel, device: Device) -> None:
    """Bring the weights to the device, or let them come when they are needed."""
    pipeline, place = loaded.pipeline, device.place
    if loaded.offload in ("sequential", "group") and loaded.family.upcasts and loaded.vae.config.get("force_upcast"):
        loaded.vae.to(torch.float32)  # it could not change its dtype later
    match loaded.offload:
        case "model":
            pipeline.enable_model_cpu_offload(device=place)
        case "sequential":
            pipeline.enable_sequential_cpu_offload(device=place)
        case "group":
            pipeline.enable_group_offload(
                onload_device=place, offload_type="leaf_level", use_stream=device.kind == "cuda"
            )
        case _:
            pipeline.to(place)


def _from_folder(facts: ModelFacts, cls: Any, arguments: Mapping[str, Any]) -> Any:
    return cls.from_pretrained(
        facts.folder,
        local_files_only=True,
        use_safetensors=True,
        variant=variant_of(facts.parts.get(facts.family.denoiser, facts.weights)[0]),
        **arguments,
    )


def known(cls: Any, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that a pipeline's class takes."""
    names = inspect.signature(cls.__init__).parameters
    return {name: value for name, value in arguments.items() if name in names}


def _settings(pipeline: Any) -> dict[str, Any]:
    """What a pipeline was made with besides its components: plain values such as `requires_aesthetics_score`."""
    given = {name: value for name, value in pipeline.config.items() if isinstance(value, (bool, int, float, str))}
    return {**given, "requires_safety_checker": False, "add_watermarker": False}


def _lacking(model: Model, error: ImportError) -> ModelError:
    """What a component needs that is not installed; the libraries say so in words, or by the module's name."""
    named = re.search(r"requires the (\S+) library", str(error), re.IGNORECASE)
    package = (named[1] if named else error.name or str(error).strip().split("\n")[0][:80]).lower()
    message = (
        f"the model {model.spec.name} ({model.facts.family.label}) needs the package {package}, which is not installed"
    )
    hint = f"pip install {package}, in the version that fits torch, or take another model with -m"
    return ModelError(message, hint=hint, field="model")


def _unusable(model: Model, error: Exception) -> ModelError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
    hint = "put its folder back as it was, or take another model with -m (!models lists them)"
    if model.facts.single_file:
        hint = f"name the folder it was made from as its base: !edit_model {model.spec.name} base FOLDER"
    return ModelError(f"the model {model.spec.name} cannot be loaded: {reason}", hint=hint, field="model")
