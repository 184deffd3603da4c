"""The calls of an `Engine` that are forwarded to an engine elsewhere in the same way, whatever the connection."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from invoke_cli.engine import DiffusionJob, Hooks, Model, NetworkJob, SegmentationJob, Tokens
from invoke_cli.planning.plan import LoraUse, Plan

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image


class ForwardedCalls(ABC):
    """The base of engines that forward their calls; see the `Engine` protocol."""

    @abstractmethod
    def _request(self, name: str, *arguments: object, hooks: Hooks | None = None, required: object = None) -> Any:
        """Return the result of a call.

        Args:
            name: The method of `Engine`.
            arguments: Its arguments without the hooks.
            hooks: Its hooks, if it takes any.
            required: A value that only the engine elsewhere can provide.
        """

    def load(self, model: Model, hooks: Hooks) -> None:
        """Load the model."""
        self._request("load", model, hooks=hooks)

    def check(self, model: Model) -> None:
        """Check that a single file contains the whole model."""
        self._request("check", model)

    def check_loras(self, model: Model, loras: Sequence[LoraUse], hooks: Hooks) -> None:
        """Check that LoRAs fit the model."""
        self._request("check_loras", model, tuple(loras), hooks=hooks)

    def best_fast(self, model: Model) -> str:
        """Return what `--fast auto` means for the model."""
        return cast(str, self._request("best_fast", model))

    def apply_network(self, job: NetworkJob, hooks: Hooks) -> Image.Image:
        """Run a postprocessing network on an image."""
        return cast("Image.Image", self._request("apply_network", job, hooks=hooks))

    def upscale(self, job: DiffusionJob, hooks: Hooks) -> Image.Image:
        """Run the diffusion upscaler."""
        return cast("Image.Image", self._request("upscale", job, hooks=hooks, required=job.latents))

    def tokens(self, model: Model, text: str, hooks: Hooks) -> Tokens:
        """Tokenize `text` with the model's tokenizer."""
        return cast(Tokens, self._request("tokens", model, text, hooks=hooks))

    def segment(self, job: SegmentationJob) -> Sequence[NDArray[np.float32]]:
        """Return a heat map of an image for each phrase."""
        return cast("Sequence[NDArray[np.float32]]", self._request("segment", job))

    def estimate(self, plan: Plan, model: Model) -> int:
        """Estimate the bytes that one image of the plan needs besides the weights."""
        return cast(int, self._request("estimate", plan, model))

    def loaded(self) -> tuple[str, ...]:
        """Return the names of the loaded models."""
        return cast(tuple[str, ...], self._request("loaded"))
