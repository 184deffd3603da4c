"""What the settings in files and logs of InvokeAI 2.x meant, where the same switch means something else here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from invoke_cli.context.context import SessionContext
from invoke_cli.request import GenerationRequest

_BLEND = (
    "-U {factor:g} {second:g} blended in the result of ESRGAN in InvokeAI 2.x; here the second number is how much "
    "detail the model adds, unless --upscaler names a network"
)


def paints_black_by_default(context: SessionContext) -> bool:
    """Return whether masks of lines without `--mask_polarity` paint their black areas in this session."""
    defaults = context.settings.defaults()[0]
    return defaults.compat is not None or defaults.mask_polarity == "black"


def as_2x_meant(request: GenerationRequest) -> GenerationRequest:
    """Return the request with the switch with which its mask means what it meant there."""
    if request.init_mask is None or request.mask_polarity is not None:
        return request
    return replace(request, mask_polarity="black")


def as_recorded_here(request: GenerationRequest) -> GenerationRequest:
    """Return a request of this program's own records with a mask that paints white whatever a session's default is."""
    if request.init_mask is None or request.mask_polarity is not None:
        return request
    return replace(request, mask_polarity="white")


def remarks(request: GenerationRequest) -> Iterator[str]:
    """Yield what differs from InvokeAI 2.x in a request from one of its files."""
    if request.init_mask is not None:
        yield f"the black areas of {request.init_mask} are painted, as in InvokeAI 2.x (--mask_polarity black)"
    if request.upscale is not None and len(request.upscale) > 1 and request.upscaler is None:
        yield _BLEND.format(factor=request.upscale[0], second=request.upscale[1])
