"""`!fix`: work on a finished picture, ours or another's, as a new image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from invoke_cli.commands.command import Call
from invoke_cli.commands.image_selection import image_and_rest
from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import expanded
from invoke_cli.errors import CommandError, MetadataError
from invoke_cli.generation.input_glob import init_files
from invoke_cli.inputs.references import find_image
from invoke_cli.language.grammar.format import format_line
from invoke_cli.language.grammar.line import Generation, parse
from invoke_cli.metadata import recall
from invoke_cli.models.samplers import is_sampler
from invoke_cli.planning.postprocessors import POSTPROCESSORS
from invoke_cli.request import GenerationRequest, overlay

USAGE = "!fix photo.png -U 2: the picture enlarged, as a new image"
# What the picture's own record gives to the work on it, where the line does not say otherwise.
_TAKEN_OVER = ("prompt", "negative_prompt", "seeds", "num_inference_steps", "guidance_scale", "scheduler", "model")


def fix(context: SessionContext, call: Call) -> Sequence[str]:
    """The lines that work on the pictures named first, as the switches after them say."""
    call.required(USAGE)
    reference, rest = image_and_rest(call.argument)
    parsed = parse(f'"" {rest}')
    if not isinstance(parsed, Generation):
        raise CommandError("!fix takes a picture and switches", hint=USAGE)
    first, *later = (stage.request for stage in parsed.stages)
    _check(first)
    folder = context.folder()
    paths = init_files(reference, folder)
    lines = []
    for path in paths if paths is not None else [find_image(reference, folder)]:
        _check_target(first, path)
        draws = first.outcrop is not None or first.text_mask is not None
        own = GenerationRequest(init_image=reference if paths is None else str(path), fix=None if draws else True)
        taken = _taken_over(context, path)
        lines.append(format_line([overlay(overlay(taken, replace(first, prompt=None)), own), *later]))
    return lines


def _check(request: GenerationRequest) -> None:
    """CommandError when nothing is asked for."""
    is_requested = any(row.is_requested(request) for row in POSTPROCESSORS)
    if not is_requested and request.outcrop is None and request.text_mask is None:
        raise CommandError("!fix needs to know what to do", hint="!fix photo.png -U 2, -c top 64, -G 0.8, --sr 4 …")


def _check_target(request: GenerationRequest, path: Path) -> None:
    """CommandError when the result would take the picture's own place."""
    if request.outdir and expanded(request.outdir).absolute() == path.absolute():
        raise CommandError("!fix never writes over the picture it works on", hint="give -o another name")


def _taken_over(context: SessionContext, path: Path) -> GenerationRequest:
    """What the picture says of itself, as far as it holds here."""
    try:
        recalled = recall(path)
    except MetadataError:
        return GenerationRequest()
    said = recalled.request.set_fields()
    taken = {name: said[name] for name in _TAKEN_OVER if name in said}
    if taken.get("model") not in context.settings.registry.models:
        taken.pop("model", None)
    if not is_sampler(str(taken.get("scheduler", "ddim"))):
        taken.pop("scheduler")
    return GenerationRequest.of(taken)
