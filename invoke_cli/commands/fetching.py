"""`!fetch`: a picture's line, or a part of it, into the next prompt; the lines of many pictures into a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from invoke_cli.commands.command import Call
from invoke_cli.commands.naming import pictures_of
from invoke_cli.errors import CommandError, MetadataError, OutputError
from invoke_cli.events import Prefill
from invoke_cli.language.formatting import format_line
from invoke_cli.metadata import recall
from invoke_cli.metadata.chunks import harmless, read_chunks
from invoke_cli.metadata.codec import Recalled
from invoke_cli.metadata.sheet import decode_sheet
from invoke_cli.models.samplers import is_sampler
from invoke_cli.output.files import write_whole
from invoke_cli.request import GenerationRequest
from invoke_cli.workshop.places import expanded, is_there
from invoke_cli.workshop.workshop import Workshop

_USAGE = "!fetch picture.png: its line comes into the next prompt; with prompt, seed or remix only a part of it"
_MOST_SHOWN = 5
_WORDS = ("prompt", "negative_prompt")

# What is taken of each stage; a chain's later stages have seeds of their own.
PARTS: Mapping[str, Callable[[Mapping[str, object]], Mapping[str, object]]] = {
    "all": lambda said: said,
    "prompt": lambda said: {name: value for name, value in said.items() if name in _WORDS},
    "seed": lambda said: {name: value for name, value in said.items() if name in ("seeds", "variations")},
    "remix": lambda said: {name: value for name, value in said.items() if name not in ("seeds", "variations")},
}


def fetch(workshop: Workshop, call: Call) -> None:
    """Put the line that made a picture into the next prompt, and tell what does not fit into it."""
    name, *more = call.required(_USAGE)
    paths = pictures_of(workshop, name)
    if len(more) == 1 and more[0] in PARTS:
        _one(workshop, paths, PARTS[more[0]])
    elif len(more) == 1:
        _into_file(workshop, paths, expanded(more[0]))
    elif more:
        raise CommandError("!fetch takes one picture or pattern, and one word more", hint=_USAGE)
    else:
        _one(workshop, paths, PARTS["all"])


def _one(workshop: Workshop, paths: Sequence[Path], part: Callable[..., Mapping[str, object]]) -> None:
    """The line of the picture, or of the first of several, into the prompt."""
    sheet = decode_sheet(read_chunks(paths[0]))
    if sheet is not None:
        workshop.emit(Prefill(line=harmless(sheet.line)))
        return
    recalled = recall(paths[0])
    _tell_losses(workshop, recalled)
    stages = [GenerationRequest.of(part(stage.said())) for stage in _usable(workshop, recalled)]
    stages = [stage for stage in stages if stage.said()] or [GenerationRequest()]
    if part is PARTS["seed"]:
        stages = stages[:1]
    workshop.emit(Prefill(line=harmless(format_line(stages))))


def _into_file(workshop: Workshop, paths: Sequence[Path], target: Path) -> None:
    """The lines of all pictures that have one, each below its name, ready for --from_file."""
    if is_there(target):
        hint = f"name another file, or one of {', '.join(PARTS)} for a part of one picture"
        raise OutputError(f"{target} is there already", hint=hint)
    lines: list[str] = []
    silent: list[Path] = []
    for path in paths:
        workshop.check_stopped()
        try:
            recalled = recall(path)
        except MetadataError:
            silent.append(path)
            continue
        lines += [f"# {path.name}", harmless(format_line(_usable(workshop, recalled)))]
    if not lines:
        raise CommandError("none of these pictures says how it was made", hint="check the pattern")
    if silent:
        shown = ", ".join(path.name for path in silent[:_MOST_SHOWN]) + (" …" if len(silent) > _MOST_SHOWN else "")
        workshop.notice(f"left out, for they do not say how they were made: {shown}")
    write_whole(target, "\n".join([*lines, ""]).encode("utf-8"))
    workshop.say(f"{len(lines) // 2} lines are in {target}; --from_file {target} draws them")


def _tell_losses(workshop: Workshop, recalled: Recalled) -> None:
    for text in recalled.conflicts:
        workshop.notice(harmless(text))
    for text in recalled.missing:
        workshop.notice(f"not carried over: {harmless(text)}")


def _usable(workshop: Workshop, recalled: Recalled) -> list[GenerationRequest]:
    """The stages without what would fail here: an unknown model or sampler."""
    return [_usable_stage(workshop, stage) for stage in recalled.stages]


def _usable_stage(workshop: Workshop, request: GenerationRequest) -> GenerationRequest:
    said = request.said()
    if request.model not in workshop.settings.registry.models and "model" in said:
        workshop.notice(f"not carried over: model {harmless(str(said.pop('model')))}, which is not known here")
    if "scheduler" in said and not is_sampler(str(said["scheduler"])):
        workshop.notice(f"not carried over: sampler {harmless(str(said.pop('scheduler')))}")
    return GenerationRequest.of(said)
