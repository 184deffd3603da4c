"""Run single-file networks of the ESRGAN and GFPGAN families through spandrel.

spandrel is an optional extra, since it needs torchvision.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from invoke_cli.engine import Hooks, NetworkJob
from invoke_cli.engine.devices import Device
from invoke_cli.engine.finite import is_finite
from invoke_cli.engine.loading.weights import WeightsOwner, compare, shapes_of
from invoke_cli.engine.sampling.patching import patched
from invoke_cli.errors import Interrupted, ModelError

TILE = 512
MARGIN = 24
FACE_SIDE = 512
_HINT = "use another file; networks of the ESRGAN and GFPGAN families are supported"


def load_network(path: Path, device: Device) -> Any:
    """Load a network file with spandrel.

    Raises:
        ModelError: The file is damaged, incomplete, unknown to spandrel, or not an image-to-image network.
    """
    import spandrel

    _add_restricted()
    try:
        with _checked_weights(path):
            network = spandrel.ModelLoader(device=device.torch_device).load_from_file(path)
    except (spandrel.UnsupportedModelError, ValueError, KeyError, RuntimeError, OSError, EOFError) as error:
        raise _load_error(path, error) from None
    except pickle.UnpicklingError as error:
        raise _load_error(path, error) from None
    if not isinstance(network, spandrel.ImageModelDescriptor) or network.input_channels != 3:
        raise ModelError(f"{path.name} is not an image-to-image network", hint=_HINT, field="upscaler")
    network.model.requires_grad_(False)
    return network.eval()


@contextmanager
def _checked_weights(path: Path) -> Iterator[None]:
    """Check the tensors of a network when spandrel loads them. Raises ModelError if some are missing or do not fit.

    spandrel knows which architectures have tensors that files may lack, and loads those without `strict`.
    """
    owner = WeightsOwner(name=f"the network {path.name}", field="upscaler", hint="download it again")
    original = torch.nn.Module.load_state_dict

    def checked(module: torch.nn.Module, tensors: Mapping[str, Any], strict: bool = True, **named: Any) -> Any:
        if strict:
            compare("network", path.name, shapes_of(module.state_dict()), shapes_of(tensors)).check(owner)
        return original(module, tensors, strict, **named)

    with patched(torch.nn.Module, load_state_dict=checked):
        yield


def _add_restricted() -> None:
    """Register the architectures whose licences forbid commercial use, if the user has installed them."""
    try:
        import spandrel_extra_arches
    except ImportError:
        return
    spandrel_extra_arches.install(ignore_duplicates=True)


def _load_error(path: Path, error: Exception) -> ModelError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0][:160]
    return ModelError(f"{path.name} cannot be used as a network: {reason}", hint=_HINT, field="upscaler")


def run_network(network: Any, job: NetworkJob, hooks: Hooks) -> Image.Image:
    """Return the network's output, tile by tile; a face is processed in one piece."""
    if network.purpose == "FaceSR":
        face = job.image.resize((FACE_SIDE, FACE_SIDE), Image.Resampling.LANCZOS)
        return _run_face(network, face, job.fidelity)
    factor = int(network.scale)
    result = Image.new("RGB", (job.image.width * factor, job.image.height * factor))
    for left, top in _corners(job.image):
        if hooks.stopped():
            raise Interrupted("stopped")
        outer = (max(0, left - MARGIN), max(0, top - MARGIN),
                 min(job.image.width, left + TILE + MARGIN), min(job.image.height, top + TILE + MARGIN))  # fmt: skip
        output = _run_once(network, job.image.crop(outer))
        inner = ((left - outer[0]) * factor, (top - outer[1]) * factor)
        right = min(job.image.width, left + TILE) - outer[0]
        bottom = min(job.image.height, top + TILE) - outer[1]
        result.paste(output.crop((*inner, right * factor, bottom * factor)), (left * factor, top * factor))
    return result


def _corners(image: Image.Image) -> Iterator[tuple[int, int]]:
    for top in range(0, image.height, TILE):
        for left in range(0, image.width, TILE):
            yield left, top


def _run_face(network: Any, face: Image.Image, fidelity: float | None) -> Image.Image:
    """Run a face network, which works on -1 to 1; calling it through spandrel would leave its noise unseeded."""
    with torch.inference_mode():
        output = network.model(_to_tensor(network, face) * 2 - 1, weight=fidelity or 0.0, randomize_noise=False)
    return _to_image(output[0] / 2 + 0.5)


def _run_once(network: Any, image: Image.Image) -> Image.Image:
    """Run an image through the network once."""
    with torch.inference_mode():
        return _to_image(network(_to_tensor(network, image)))


def _to_tensor(network: Any, image: Image.Image) -> torch.Tensor:
    """Convert an image to a float32 tensor (1, 3, height, width), 0 to 1."""
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]
    return pixels.to(network.device, torch.float32) / 255


def _to_image(values: torch.Tensor) -> Image.Image:
    """Convert a tensor (1, 3, height, width), 0 to 1, to an image.

    Raises:
        ModelError: The tensor contains values that are not finite.
    """
    if not is_finite(values):
        message = "the network gave values that are not finite (NaN or infinity), so no image was written"
        raise ModelError(message, hint=_HINT, field="upscaler")
    rounded = values[0].clamp(0, 1).mul(255).round().to("cpu", torch.uint8)
    return Image.fromarray(rounded.permute(1, 2, 0).numpy())
