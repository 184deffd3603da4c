"""Overlay layers of defaults: several sparse requests to one, with the layer that each value came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from invoke_cli.request import GenerationRequest, overlay


class Layer(NamedTuple):
    """A sparse request, and the name of its layer as shown to the user: `program`, `model`, `!set`, `line` …"""

    name: str
    request: GenerationRequest


class Effective(NamedTuple):
    """The combined request of all layers, and the layer that set each field."""

    request: GenerationRequest
    sources: Mapping[str, str]


def resolve(layers: Sequence[Layer]) -> Effective:
    """Overlay the layers, lowest first."""
    request = GenerationRequest()
    sources: dict[str, str] = {}
    for layer in layers:
        request = overlay(request, layer.request)
        sources |= dict.fromkeys(layer.request.set_fields(), layer.name)
    return Effective(request, sources)
