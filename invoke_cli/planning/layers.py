"""Layers of defaults: several sparse requests into one, with the layer that each value came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from invoke_cli.request import GenerationRequest, overlay


class Layer(NamedTuple):
    """A sparse request and the name by which its values are explained: `program`, `model`, `!set`, `line` …"""

    name: str
    request: GenerationRequest


class Effective(NamedTuple):
    """What all layers say together, and which layer said each field last."""

    request: GenerationRequest
    sources: Mapping[str, str]


def resolve(layers: Sequence[Layer]) -> Effective:
    """The layers laid over each other, lowest first."""
    request = GenerationRequest()
    sources: dict[str, str] = {}
    for layer in layers:
        request = overlay(request, layer.request)
        sources |= dict.fromkeys(layer.request.said(), layer.name)
    return Effective(request, sources)
