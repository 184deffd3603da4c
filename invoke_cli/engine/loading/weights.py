"""Check that every tensor of a network was loaded from its files.

The libraries initialise missing tensors at random and only log a warning. Every loading path of this program compares
the names and shapes of its tensors with the network's here, and turns a difference into an error before the first step.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.loaders import single_file_model, single_file_utils
from diffusers.loaders.single_file_utils import SingleFileComponentError
from safetensors import SafetensorError

from invoke_cli.engine.sampling.patching import patched
from invoke_cli.errors import ModelError

# How torch, safetensors, diffusers and transformers reject files that do not contain what they expect.
FILE_ERRORS = (
    OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RuntimeError, SafetensorError,
    SingleFileComponentError,
)  # fmt: skip
Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]

# Tensors of published files that no network needs: buffers that are computed, and what training leaves behind.
_HARMLESS = re.compile(
    r"(^|\.)(position_ids|logit_scale|text_projection(\.weight)?|attn_mask|causal_mask|inv_freq|num_batches_tracked)$"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightsOwner:
    """What tensors are loaded for, for messages.

    Attributes:
        name: What the user calls it: `the model sd15`, `the ControlNet canny`.
        field: The request field that names it.
        hint: What to do about incomplete weights.
        strict: Whether unknown tensors are an error, too, as for adapters.
    """

    name: str
    field: str
    hint: str
    strict: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightsReport:
    """How the tensors of files match those of a network.

    Attributes:
        component: The network, for messages: `text encoder`.
        source: The name of the file or folder.
        total: The number of tensors of the network.
        missing: The network's tensors that the files lack.
        unexpected: The tensors in the files that the network lacks, without harmless ones.
        mismatched: A tensor's name, its shape in the files and its shape in the network.
    """

    component: str
    source: str
    total: int
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    mismatched: tuple[tuple[str, Shape, Shape], ...] = ()

    def check(self, owner: WeightsOwner) -> None:
        """Raise ModelError if tensors are missing or have another shape, for a strict owner also for others."""
        problem = self._problem(strict=owner.strict)
        if problem:
            message = f"{owner.name} cannot be loaded: {problem}"
            raise ModelError(message, hint=owner.hint, field=owner.field)

    def notice(self) -> str:
        """Return a sentence about tensors that were ignored; empty if there are none."""
        if not self.unexpected:
            return ""
        count = len(self.unexpected)
        tensors = f"{count} tensors that do" if count > 1 else "1 tensor that does"
        return f"{self.source} contains {tensors} not belong to the {self.component} ({self.unexpected[0]}): ignored"

    def _problem(self, *, strict: bool) -> str:
        if self.missing:
            others = f"; it contains unknown ones, such as {self.unexpected[0]}" if self.unexpected else ""
            return (
                f"{len(self.missing)} of the {self.total} tensors of its {self.component} "
                f"are missing in {self.source}, the first is {self.missing[0]}{others}"
            )
        if self.mismatched:
            name, actual, expected = self.mismatched[0]
            return (
                f"{len(self.mismatched)} of the {self.total} tensors of its {self.component} have another shape in "
                f"{self.source}, the first is {name}: {_joined(actual)} instead of {_joined(expected)}"
            )
        if strict and self.unexpected:
            return (
                f"{len(self.unexpected)} tensors in {self.source} do not belong to its {self.component}, "
                f"the first is {self.unexpected[0]}"
            )
        return ""


def _joined(shape: Shape) -> str:
    return " x ".join(map(str, shape)) or "a number"


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, shortened; the name of its class if it has none."""
    return " ".join((str(error).strip() or type(error).__name__).splitlines()[0].split())[:200]


def component_label(part: str) -> str:
    """Return how messages name a component: `text_encoder_2` is `text encoder 2`, `vae` is `VAE`."""
    return {"vae": "VAE", "unet": "UNet", "vqvae": "VQVAE"}.get(part, part.replace("_", " "))


def source_name(files: Collection[Path]) -> str:
    """Return how messages name weight files: the file, or the folder of several."""
    first = next(iter(files))
    return first.name if len(files) == 1 else f"{first.parent.name} ({len(files)} files)"


def compare(component: str, source: str, expected: Shapes, found: Shapes) -> WeightsReport:
    """Compare the shapes of a network's tensors with those of its files.

    Args:
        component: The network, for messages.
        source: The file, for messages.
        expected: The shapes of the network's tensors by name.
        found: The shapes of the files' tensors by name.
    """
    return WeightsReport(
        component=component,
        source=source,
        total=len(expected),
        missing=tuple(name for name in expected if name not in found),
        unexpected=tuple(name for name in found if name not in expected and not _HARMLESS.search(name)),
        mismatched=tuple(
            (name, shape, expected[name])
            for name, shape in found.items()
            if name in expected and shape != expected[name]
        ),
    )


def report_of(network: torch.nn.Module, info: Any, component: str, source: str) -> WeightsReport:
    """Convert the loading info of diffusers or transformers (`output_loading_info=True`) to a report."""
    return WeightsReport(
        component=component,
        source=source,
        total=len(network.state_dict()),
        missing=tuple(sorted(info["missing_keys"])),
        unexpected=tuple(name for name in sorted(info["unexpected_keys"]) if not _HARMLESS.search(name)),
        mismatched=tuple((name, tuple(found), tuple(own)) for name, found, own in sorted(info["mismatched_keys"])),
    )


def shapes_of(tensors: Mapping[str, torch.Tensor]) -> Shapes:
    """Return the shape of each tensor."""
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def load_state(
    network: torch.nn.Module, tensors: Mapping[str, torch.Tensor], component: str, source: str, owner: WeightsOwner
) -> None:
    """Load the tensors of an adapter or a similar file into a network.

    Raises:
        ModelError: Tensors are missing, have another shape, or do not belong to the network.
    """
    compare(component, source, shapes_of(network.state_dict()), shapes_of(tensors)).check(owner)
    network.load_state_dict(tensors, strict=False)


class CheckedOnly(Exception):
    """Raised instead of loading tensors that were only to be checked, and that fit."""


@contextmanager
def checked_conversion(
    component: str, source: str, owner: WeightsOwner, *, packed: bool = False, load: bool = True
) -> Iterator[list[Any]]:
    """Check the tensors that diffusers converts from a single file before it puts them into a network.

    Args:
        component: The network, for messages.
        source: The file, for messages.
        owner: What it is loaded for.
        packed: Whether the tensors are quantised, so that their shapes differ.
        load: Whether to load them after the check; otherwise CheckedOnly is raised.

    Yields:
        A list that receives the converted tensors, to find those of the file that were not used.

    Raises:
        ModelError: Tensors are missing or have another shape.
    """
    converted: list[Any] = []

    def checking(original: Callable[..., Any]) -> Callable[..., Any]:
        def checked(model: torch.nn.Module, state_dict: Mapping[str, Any], **named: Any) -> Any:
            expected = shapes_of(model.state_dict())
            found = {name: expected.get(name, ()) for name in state_dict} if packed else shapes_of(state_dict)
            compare(component, source, expected, found).check(owner)
            if not load:
                raise CheckedOnly
            converted.extend(state_dict.values())
            return original(model, state_dict, **named)

        return checked

    with ExitStack() as stack:
        for module in (single_file_model, single_file_utils):
            original = module.load_model_dict_into_meta
            stack.enter_context(patched(module, load_model_dict_into_meta=checking(original)))
        yield converted
