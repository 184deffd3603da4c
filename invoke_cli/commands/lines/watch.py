"""`!watch`: run a line each time another program saves its init image."""

from __future__ import annotations

from dataclasses import replace

from invoke_cli.commands.command import Call
from invoke_cli.commands.image_selection import is_history_reference, split_image_reference
from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import expand_path, is_folder, path_exists
from invoke_cli.errors import CommandError, ImageError
from invoke_cli.exploration.file_changes import watch_saves
from invoke_cli.generation.line import generate
from invoke_cli.inputs.references import find_image
from invoke_cli.language.grammar.line import Generation, Stage, parse
from invoke_cli.language.image_names import IMAGE_SUFFIXES, is_image_name
from invoke_cli.replay.resume import resume_from_latents

USAGE = "!watch sketch.png oil painting -f .6 -S 1: generate an image each time sketch.png is saved"


def watch(context: SessionContext, call: Call) -> None:
    """Run a line from an init image after each save of the image, until the user stops it."""
    call.required(USAGE)
    reference, rest = split_image_reference(call.argument)
    path = expand_path(reference)
    if not is_image_name(reference) and is_history_reference(reference):
        path = find_image(reference, context.folder())
    stages = _stages(reference, rest.strip())
    expected = path.suffix.lower() in IMAGE_SUFFIXES and path_exists(path.parent)
    if is_folder(path) or not (path_exists(path) or expected):
        raise CommandError(f"{reference} is neither an image nor a possible name for one", hint=USAGE)
    pending = "" if path_exists(path) else " (the file does not exist yet)"
    context.notice(f"watching {path}{pending}: generating an image after each save; Ctrl-C stops")
    for _ in watch_saves(path, context.check_stopped, context.notice):
        try:
            generate(context, stages, resume_from_latents)
        except ImageError as error:  # the file was saved again, or removed, in the meantime
            context.notice(f"{error.message}; waiting for the next save")


def _stages(reference: str, line: str) -> list[Stage]:
    """Return the stages of the line, the first with this init image. Raises CommandError if the line has another."""
    parsed = parse(line) if line else None
    if not isinstance(parsed, Generation):
        raise CommandError("!watch takes an image and a line", hint=USAGE)
    first, *later = parsed.stages
    if first.request.init_image is not None:
        raise CommandError("the watched image is the init image", hint="omit -I")
    return [replace(first, request=replace(first.request, init_image=reference)), *later]
