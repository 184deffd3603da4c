"""Control models at work: brought to the device when a job wants them, and told to the pipeline with their pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from diffusers import ControlNetModel
from diffusers.loaders.single_file_utils import convert_controlnet_checkpoint
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file

from invoke_cli.engine.caches import RecentlyUsed
from invoke_cli.engine.devices import Device
from invoke_cli.engine.loading import LoadedModel, known
from invoke_cli.errors import ModelError
from invoke_cli.models.controls import Technique
from invoke_cli.planning.plan import ControlUse, Plan, Task

KEPT = 3


class ControlModels:
    """The control models that were used last, in memory."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._kept: RecentlyUsed[Any] = RecentlyUsed(KEPT)

    def get(self, loaded: LoadedModel, uses: Sequence[ControlUse]) -> tuple[Any, ...]:
        """The ControlNets of these uses, ready on the device; ModelError for one that cannot be loaded."""
        nets = [use for use in uses if use.technique is Technique.CONTROLNET]
        return tuple(self._kept.get((use.path, use.sha256), partial(self._load, loaded, use)) for use in nets)

    def clear(self) -> None:
        """Forget all of them."""
        self._kept.clear()

    def _load(self, loaded: LoadedModel, use: ControlUse) -> Any:
        path = Path(use.path)
        try:
            network = self._from_folder(path) if path.is_dir() else _from_file(path, loaded)
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            reason = " ".join((str(error) or type(error).__name__).split())[:160]
            message = f"the control model {use.model} cannot be used with {loaded.model.spec.name}: {reason}"
            raise ModelError(message, hint="fetch it again, as a diffusers folder", field="controls") from None
        network.requires_grad_(False)
        return network.to(self._device.place, self._device.dtype).eval()

    def _from_folder(self, folder: Path) -> Any:
        plain = any(".fp16." not in path.name for path in folder.glob("*.safetensors"))
        return ControlNetModel.from_pretrained(
            folder,
            torch_dtype=self._device.dtype,
            variant=None if plain else "fp16",
            use_safetensors=True,
            local_files_only=True,
        )


def _from_file(path: Path, loaded: LoadedModel) -> Any:
    """A ControlNet from a file that holds its tensors alone: it is built like the UNet that it is for."""
    config = known(ControlNetModel, {**loaded.denoiser.config, "in_channels": loaded.latent_channels})
    network = ControlNetModel(**config)
    tensors: Mapping[str, torch.Tensor] = convert_controlnet_checkpoint(load_file(path), config)
    network.load_state_dict(tensors)
    return network


def control_arguments(plan: Plan, guides: Sequence[Image.Image], task: Task) -> dict[str, object]:
    """What the pipeline of a task is told of the control images; nothing without any. Several add up."""
    pairs = zip(plan.controls, guides, strict=True)
    nets = [(use.weight, image) for use, image in pairs if use.technique is Technique.CONTROLNET]
    if not nets:
        return {}
    name = "image" if task is Task.TEXT_TO_IMAGE else "control_image"
    weights, images = [weight for weight, _ in nets], [image for _, image in nets]
    alone = len(nets) == 1
    return {
        name: images[0] if alone else images,
        "controlnet_conditioning_scale": weights[0] if alone else weights,
    }
