"""Decide whether a line needs results of earlier lines, so that it cannot be prepared before they are finished."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import expand_path, names_a_file, path_exists
from invoke_cli.inputs.url import is_url
from invoke_cli.language.grammar.line import Stage
from invoke_cli.planning.default_layers import resolve
from invoke_cli.request import GenerationRequest, overlay


def needs_earlier_results(context: SessionContext, stages: Sequence[Stage]) -> bool:
    """Return whether a line may refer to a result: by number, `@last`, `-1`, or a file in the output folder."""
    default = resolve(context.settings.upper_layers()).request
    first = overlay(default, stages[0].request)
    return any(_needs(context, request) for request in (first, *(stage.request for stage in stages[1:])))


def writes_named_file(context: SessionContext, stages: Sequence[Stage]) -> bool:
    """Return whether a line writes a file that later lines may read."""
    default = resolve(context.settings.upper_layers()).request
    return names_a_file(stages[0].request.outdir or default.outdir or "")


def _needs(context: SessionContext, request: GenerationRequest) -> bool:
    if any(seed < 0 for seed in request.seeds or ()):
        return True
    return any(not _is_outside(context, name) for name in _references(request))


def _references(request: GenerationRequest) -> Iterator[str]:
    _, _, matched = (request.match_colors or "").partition(":")
    yield from filter(None, (request.init_image, request.init_mask, matched))
    yield from (control.image for control in request.controls or () if control.image)


def _is_outside(context: SessionContext, name: str) -> bool:
    """Return whether a reference is to a file that exists and is in no output folder, or to an address."""
    if is_url(name):
        return True
    path = expand_path(name)
    outputs = context.folder().path.resolve()
    return path_exists(path) and not path.resolve().is_relative_to(outputs)
