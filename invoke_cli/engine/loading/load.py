"""Load a family's stock pipeline, and create pipelines for each task that share its components."""

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
from invoke_cli.engine.loading.components import Loaded, load_pipeline
from invoke_cli.engine.loading.quantization import load_quantized
from invoke_cli.engine.loading.single_file import check_single_file, load_single_file, load_vae
from invoke_cli.engine.loading.weights import FILE_ERRORS, WeightsOwner, first_line
from invoke_cli.engine.sampling.preview import load_tiny_vae
from invoke_cli.engine.sampling.schedulers import ZERO_SNR
from invoke_cli.errors import ModelError
from invoke_cli.models.control_models import Technique
from invoke_cli.models.families.family import Family, Matrix
from invoke_cli.models.preview_factors import without_factors
from invoke_cli.planning.capabilities import pipeline_for
from invoke_cli.planning.plan import Task

_OMITTED_COMPONENTS: Mapping[str, object] = {
    "safety_checker": None,
    "feature_extractor": None,
    "image_encoder": None,
    "requires_safety_checker": False,
    "add_watermarker": False,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedModel:
    """A model in memory.

    Attributes:
        scheduler_config: The model's own scheduler config, the base for every sampler.
        device: The device that the model runs on.
        offload: How the weights reach that device: `none`, `model`, `sequential` or `group`.
        adapters: The hash and weight of each active LoRA and embedding.
        controls: The ControlNets of the current job.
        image_embeds: The image embeddings of the job's IP-Adapters (`ip_adapter_image_embeds`).
        preview_vae: The tiny VAE for live previews, if the registry entry names one.
        notices: What the user should know about its files.
    """

    model: Model
    pipeline: Any
    scheduler_config: Mapping[str, object]
    device: torch.device
    offload: str = "none"
    adapters: tuple[tuple[str, float], ...] = ()
    controls: tuple[Any, ...] = ()
    image_embeds: tuple[torch.Tensor, ...] = ()
    preview_vae: Any = None
    notices: tuple[str, ...] = ()

    @property
    def family(self) -> Family:
        """The model's row in the family table."""
        return self.model.facts.family

    @property
    def preview(self) -> Matrix:
        """The linear map from latents to RGB.

        The entry's own if it has one; otherwise the family's if it has a row for each latent channel.
        """
        fits = len(self.family.preview) == self.latent_channels + 1
        return self.model.spec.preview or (self.family.preview if fits else without_factors(self.latent_channels))

    @property
    def denoiser(self) -> Any:
        """The denoising network: a UNet or a transformer."""
        return getattr(self.pipeline, self.family.denoiser)

    @property
    def vae(self) -> Any:
        """The autoencoder."""
        return getattr(self.pipeline, self.family.vae)

    @property
    def text_encoders(self) -> Mapping[str, Any]:
        """The loaded text encoders, keyed by their names in the pipeline."""
        parts = self.pipeline.components.items()
        return {name: part for name, part in parts if "text_encoder" in name and part is not None}

    @property
    def tokenizer(self) -> Any:
        """The last tokenizer, which has the widest window and reads the whole prompt."""
        tokenizers = [
            part for name, part in self.pipeline.components.items() if "tokenizer" in name and part is not None
        ]
        return tokenizers[-1]

    @property
    def latent_channels(self) -> int:
        """The number of channels of the latents."""
        return int(self.vae.config.get("latent_channels") or self.vae.config.z_dim)

    @property
    def input_channels(self) -> int:
        """The number of channels that the UNet takes: the latents', plus five for an inpainting UNet."""
        return int(self.denoiser.config.in_channels)

    @property
    def scale_factor(self) -> int:
        """The pixels per latent along each side."""
        return int(self.pipeline.vae_scale_factor)

    @property
    def key(self) -> str:
        """The key that separates this model's cached tensors from another's."""
        return self.model.facts.key

    @property
    def text_key(self) -> str:
        """The key of the model's cached text embeddings; it includes the adapters, which change text encoders, too."""
        return f"{self.key} {self.adapters}" if self.adapters else self.key

    def expand_embeddings(self, text: str, tokenizer: Any) -> str:
        """Expand each multi-vector embedding in `text` to the names of all its vectors."""
        if not hasattr(self.pipeline, "maybe_convert_prompt"):
            return text
        converted: str = self.pipeline.maybe_convert_prompt(text, tokenizer)
        return converted

    def view(self, task: Task, scheduler: Any) -> Any:
        """Create a pipeline for a task on the same modules, with a scheduler of its own. Takes about a millisecond.

        If the family runs in our own stages, the pipeline gets no text encoder, which may be on another device: it is
        passed embeddings instead.
        """
        cls = getattr(diffusers, pipeline_for(self.family, task, self._technique))
        replaced: dict[str, Any] = {"scheduler": scheduler}
        if self.controls:
            replaced["controlnet"] = self._networks()
        if self.family.staged:
            replaced |= dict.fromkeys(self.text_encoders)
        view = cls(**accepted_arguments(cls, {**_settings(self.pipeline), **self.pipeline.components, **replaced}))
        view.set_progress_bar_config(disable=True)
        return view

    @property
    def _technique(self) -> Technique | None:
        if not self.controls:
            return None
        is_union = isinstance(self.controls[0], diffusers.ControlNetUnionModel)
        return Technique.CONTROLNET_UNION if is_union else Technique.CONTROLNET

    def _networks(self) -> Any:
        """Return the ControlNets as the pipelines expect them: one alone, several as a list.

        A ControlNet Union runs once for all of its control images.
        """
        is_union = self._technique is Technique.CONTROLNET_UNION
        networks = {id(network): network for network in self.controls} if is_union else dict(enumerate(self.controls))
        return self.controls[0] if len(networks) == 1 else list(self.controls)


def _load_pipeline(model: Model, device: Device, cls: Any, arguments: dict[str, Any]) -> Loaded:
    """Load the pipeline, with a separate VAE and quantised weights unless `arguments` contains these components."""
    facts, owner = model.facts, _owner(model)
    family = facts.family
    if facts.vae_from is not None and family.vae not in arguments:
        arguments[family.vae] = load_vae(facts, facts.vae_from, owner, device.dtype)
    if facts.quantize and family.denoiser not in arguments:
        arguments[family.denoiser] = load_quantized(facts, owner, model.spec.name, device)
    if facts.single_file:
        return load_single_file(facts, owner, cls, arguments)
    return load_pipeline(cls, facts.folder, facts.parts, owner, arguments)


def _owner(model: Model) -> WeightsOwner:
    hint = "download its files again, or choose another model with -m (!models lists them)"
    return WeightsOwner(name=f"the model {model.spec.name}", field="model", hint=hint)


def check_model(model: Model) -> None:
    """Check the tensors of a single file by its header. Raises ModelError if a network is incomplete."""
    if model.facts.single_file and not model.facts.quantised:
        check_single_file(model.facts, _owner(model))


def load_model(model: Model, device: Device, shared: Mapping[str, Any], offload: str = "none") -> LoadedModel:
    """Load the model's pipeline on the device, reusing the components in `shared`.

    Raises:
        ModelError: The model's files cannot be used, or a package is missing.
    """
    family = model.facts.family
    cls = getattr(diffusers, family.text_to_image or family.image_to_image or family.inpaint)
    arguments = {**accepted_arguments(cls, _OMITTED_COMPONENTS), "torch_dtype": device.dtype, **shared}
    try:
        pipeline, reports = _load_pipeline(model, device, cls, arguments)
    except ImportError as error:
        raise _missing_package(model, error) from None
    except FILE_ERRORS as error:
        raise _load_error(model, error) from None
    if model.facts.prediction_type_source:
        pipeline.scheduler.register_to_config(prediction_type=model.facts.prediction_type)
    if model.facts.zero_snr_source:
        pipeline.scheduler.register_to_config(**ZERO_SNR)
    pipeline.set_progress_bar_config(disable=True)
    for part in pipeline.components.values():
        if hasattr(part, "requires_grad_"):
            part.requires_grad_(False)
    loaded = LoadedModel(
        model=model,
        pipeline=pipeline,
        scheduler_config=dict(pipeline.scheduler.config),
        device=device.torch_device,
        offload=offload,
        notices=tuple(filter(None, (report.notice() for report in reports))),
    )
    _place_on_device(loaded, device)
    return with_preview_vae(loaded, device)


def with_preview_vae(loaded: LoadedModel, device: Device) -> LoadedModel:
    """Return the model with the preview VAE that its registry entry names."""
    return replace(loaded, preview_vae=load_tiny_vae(loaded.model, loaded.latent_channels, device))


def _place_on_device(loaded: LoadedModel, device: Device) -> None:
    """Move the weights to the device, or set up offloading."""
    pipeline, place = loaded.pipeline, device.torch_device
    if loaded.offload in ("sequential", "group") and loaded.family.upcasts and loaded.vae.config.get("force_upcast"):
        loaded.vae.to(torch.float32)  # an offloaded VAE cannot change its dtype later
    match loaded.offload:
        case "model":
            pipeline.enable_model_cpu_offload(device=place)
        case "sequential":
            pipeline.enable_sequential_cpu_offload(device=place)
        case "group":
            pipeline.enable_group_offload(onload_device=place, offload_type="leaf_level", use_stream=device.is_cuda)
        case _:
            pipeline.to(place)


def accepted_arguments(cls: Any, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that the constructor of `cls` accepts."""
    names = inspect.signature(cls.__init__).parameters
    return {name: value for name, value in arguments.items() if name in names}


def _settings(pipeline: Any) -> dict[str, Any]:
    """Return the pipeline's plain config values besides its components, such as `requires_aesthetics_score`."""
    given = {name: value for name, value in pipeline.config.items() if isinstance(value, (bool, int, float, str))}
    return {**given, "requires_safety_checker": False, "add_watermarker": False}


def _missing_package(model: Model, error: ImportError) -> ModelError:
    """Return the error for a missing package; libraries name it in their message or as the error's module."""
    named = re.search(r"requires the (\S+) library", str(error), re.IGNORECASE)
    package = (named[1] if named else error.name or str(error).strip().split("\n")[0][:80]).lower()
    message = (
        f"the model {model.spec.name} ({model.facts.family.label}) needs the package {package}, which is not installed"
    )
    hint = f"pip install {package}, in the version that matches torch, or choose another model with -m"
    return ModelError(message, hint=hint, field="model")


def _load_error(model: Model, error: Exception) -> ModelError:
    hint = "restore its folder, or choose another model with -m (!models lists them)"
    if model.facts.single_file:
        hint = f"set the folder it was derived from as its base: !edit_model {model.spec.name} base FOLDER"
    return ModelError(f"the model {model.spec.name} cannot be loaded: {first_line(error)}", hint=hint, field="model")
