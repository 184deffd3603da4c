"""`!fix`: postprocess an existing image, from any program, into a new image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from invoke_cli.commands.command import Call, RewrittenLine
from invoke_cli.commands.image_selection import image_and_switches
from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import expand_path
from invoke_cli.errors import CommandError, MetadataError
from invoke_cli.generation.input_glob import init_files
from invoke_cli.inputs.history_lookup import read_metadata
from invoke_cli.inputs.references import find_image
from invoke_cli.language.grammar.format import format_line
from invoke_cli.language.grammar.line import Generation
from invoke_cli.metadata.codecs import recall
from invoke_cli.metadata.latents import SUFFIX
from invoke_cli.models.samplers import is_sampler
from invoke_cli.planning.postprocessors import POSTPROCESSORS, enlarges
from invoke_cli.replay.replay import find_input
from invoke_cli.request import GenerationRequest, overlay

USAGE = "!fix photo.png -U 2: enlarge an image into a new one"
# Fields that are taken from the metadata of the image unless the line sets them.
_INHERITED_FIELDS = (
    "prompt",
    "negative_prompt",
    "seeds",
    "num_inference_steps",
    "guidance_scale",
    "scheduler",
    "model",
)


def fix(context: SessionContext, call: Call) -> Sequence[str]:
    """Return a line for each image that the argument names first; the switches after it state what to do."""
    reference, parsed = image_and_switches(call, USAGE)
    first, *later = (stage.request for stage in parsed.stages)
    _check(first)
    _report_notices(context, parsed)
    folder = context.folder()
    paths = init_files(reference, folder)
    lines = []
    for path in paths if paths is not None else [find_image(reference, folder)]:
        _check_target(first, path)
        generates = first.outcrop is not None or first.text_mask is not None
        target = GenerationRequest(
            init_image=reference if paths is None else str(path), fix=None if generates else True
        )
        inherited = _inherited_settings(context, path)
        if not generates:
            target = overlay(target, _colours_of_init(context, first, path))
        own = _with_new_prompt(first) if generates else replace(first, prompt=None)
        lines.append(format_line([overlay(overlay(inherited, own), target), *later]))
    return RewrittenLine(lines) if len(lines) == 1 else lines


def _report_notices(context: SessionContext, parsed: Generation) -> None:
    for text in parsed.notices:
        context.notice(text)


def _with_new_prompt(request: GenerationRequest) -> GenerationRequest:
    """Return the request with `--new_prompt` as the prompt of what is painted, unless it is for adding detail."""
    if enlarges(request):
        return replace(request, prompt=None)
    return replace(request, prompt=request.new_prompt, new_prompt=None)


def _check(request: GenerationRequest) -> None:
    """Raise CommandError if the switches request nothing."""
    is_requested = any(row.is_requested(request) for row in POSTPROCESSORS)
    if not is_requested and request.outcrop is None and request.text_mask is None:
        raise CommandError(
            "!fix needs a switch that changes the image", hint="!fix photo.png -U 2, --embiggen 2, -c top 64, -G 0.8 …"
        )


def _check_target(request: GenerationRequest, path: Path) -> None:
    """Raise CommandError if the result would overwrite the image."""
    if request.outdir and expand_path(request.outdir).absolute() == path.absolute():
        raise CommandError("!fix never overwrites its source image", hint="choose another name for -o")


def _colours_of_init(context: SessionContext, request: GenerationRequest, path: Path) -> GenerationRequest:
    """Return the `--match_colors` that names the recorded init image, if the line names no image itself."""
    if request.match_colors is None or ":" in request.match_colors:
        return GenerationRequest()
    return GenerationRequest(match_colors=f"{request.match_colors}:{_recorded_init(context, path)}")


def _recorded_init(context: SessionContext, path: Path) -> Path:
    """Return the file of the init image that an image was generated from. Raises CommandError if it has none."""
    try:
        metadata = read_metadata(context, path)
    except MetadataError:
        metadata = None
    name = metadata.stages[0].init_image if metadata else None
    if metadata is None or name is None or name.endswith(SUFFIX):
        hint = "name the image whose colours you want: --match_colors=lab:photo.png"
        raise CommandError(f"{path.name} records no init image for --match_colors", hint=hint)
    hashes = metadata.provenance.inputs if metadata.provenance else ()
    found = find_input(context, metadata, path, (name, hashes[0][0] if hashes else ""))
    assert found is not None, "there is a name to find"
    return found[0]


def _inherited_settings(context: SessionContext, path: Path) -> GenerationRequest:
    """Return the settings in the metadata of the image, without models and samplers that are unknown here."""
    try:
        metadata = recall(path)
    except MetadataError:
        return GenerationRequest()
    recorded = metadata.request.set_fields()
    inherited = {name: recorded[name] for name in _INHERITED_FIELDS if name in recorded}
    if inherited.get("model") not in context.settings.registry.models:
        inherited.pop("model", None)
    if not is_sampler(str(inherited.get("scheduler", "ddim"))):
        inherited.pop("scheduler")
    return GenerationRequest.of(inherited)
