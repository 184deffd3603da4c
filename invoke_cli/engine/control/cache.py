"""Cache control models of every technique, and turn their errors into sentences that name the control and the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Generic, TypeVar

from PIL import Image

from invoke_cli.engine import Job
from invoke_cli.engine.devices import Device
from invoke_cli.engine.loading.load import LoadedModel
from invoke_cli.engine.loading.weights import FILE_ERRORS, WeightsOwner, first_line
from invoke_cli.engine.lru_cache import LRUCache
from invoke_cli.errors import ModelError
from invoke_cli.models.control_models import Technique
from invoke_cli.planning.plan import ControlUse

Network = TypeVar("Network")

_MAX_CACHED: Mapping[Technique, int] = {Technique.CONTROLNET: 3, Technique.T2I_ADAPTER: 3, Technique.IP_ADAPTER: 2}
_HINTS: Mapping[Technique, str] = {
    Technique.CONTROLNET: "download it again, as a diffusers folder",
    Technique.CONTROLNET_UNION: "download it again, as a diffusers folder",
    Technique.CONTROL_LORA: "download it again, or choose another model with -m",
    Technique.T2I_ADAPTER: "download it again, or try another size",
    Technique.IP_ADAPTER: "download it and its image encoder again",
}


RESTORE = "download it again"


def weights_owner(use: ControlUse) -> WeightsOwner:
    """Return what a control model's weights are loaded for, for messages."""
    name = f"the {use.technique.value} {use.model}"
    return WeightsOwner(name=name, field="controls", hint=_HINTS[use.technique], strict=True)


class ControlModelCache(Generic[Network]):
    """The most recently used control models of one technique; `read` loads one onto the device."""

    def __init__(self, technique: Technique, read: Callable[[LoadedModel, ControlUse], Network]) -> None:
        self._technique, self._read = technique, read
        self._cache: LRUCache[Network] = LRUCache(_MAX_CACHED[technique])

    def of_job(self, job: Job) -> list[tuple[ControlUse, Image.Image]]:
        """Return the job's controls of this technique with their control images."""
        pairs = zip(job.plan.controls, job.guides, strict=True)
        return [(use, image) for use, image in pairs if use.technique is self._technique]

    def get(self, loaded: LoadedModel, use: ControlUse) -> Network:
        """Return the control model of a use, loading it if necessary.

        Raises:
            ModelError: The control model cannot be read.
        """
        with translated_errors(loaded, use):
            return self._cache.get((use.path, use.sha256, _base(loaded, use)), partial(self._read, loaded, use))

    def clear(self) -> None:
        """Remove all control models."""
        self._cache.clear()


def _base(loaded: LoadedModel, use: ControlUse) -> str:
    """Return the key of the model that a network contains layers of; empty for other networks."""
    return loaded.key if use.technique is Technique.CONTROL_LORA else ""


@contextmanager
def translated_errors(loaded: LoadedModel, use: ControlUse) -> Iterator[None]:
    """Convert library errors about a control model to a ModelError that names it and the model."""
    try:
        yield
    except FILE_ERRORS as error:
        reason = first_line(error)
        message = f"the {use.technique.value} {use.model} cannot be used with {loaded.model.spec.name}: {reason}"
        raise ModelError(message, hint=_HINTS[use.technique], field="controls") from None


def incompatible(loaded: LoadedModel, use: ControlUse, reason: str) -> ModelError:
    """Return the error for a control model that was trained for another architecture."""
    model = f"{loaded.model.spec.name} ({loaded.family.label})"
    hint = "import one that was trained for it (!import_model), or choose another model with -m"
    return ModelError(
        f"the {use.technique.value} {use.model} does not fit {model}: {reason}", hint=hint, field="controls"
    )


def prepared(network: Any, device: Device) -> Any:
    """Prepare a network for inference: frozen, in evaluation mode, on the device in its dtype."""
    network.requires_grad_(False)
    return network.to(device.torch_device, device.dtype).eval()
