"""`!watch`: a line is drawn anew each time another program saves its init image."""

from __future__ import annotations

from dataclasses import replace

from invoke_cli.commands.command import Call
from invoke_cli.commands.image_selection import image_and_rest
from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import expanded, is_folder, is_there
from invoke_cli.errors import CommandError, ImageError
from invoke_cli.exploration.file_changes import saves
from invoke_cli.generation.line import generate
from invoke_cli.language.grammar.line import Generation, Stage, parse
from invoke_cli.replay.resume import resume_from_latents

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
USAGE = "!watch sketch.png oil painting -f .6 -S 1: one picture each time sketch.png is saved"


def watch(context: SessionContext, call: Call) -> None:
    """Draw a line from an image after each save of it, until the line is stopped."""
    call.required(USAGE)
    reference, rest = image_and_rest(call.argument)
    path = expanded(reference)
    stages = _stages(reference, rest.strip())
    expected = path.suffix.lower() in SUFFIXES and is_there(path.parent)
    if is_folder(path) or not (is_there(path) or expected):
        raise CommandError(f"{reference} is not an image, nor the name of one to come", hint=USAGE)
    waits = "" if is_there(path) else ", which is not there yet"
    context.notice(f"watching {path}{waits}: each save is drawn; Ctrl-C ends it")
    for _ in saves(path, context.check_stopped, context.notice):
        try:
            generate(context, stages, resume_from_latents)
        except ImageError as error:  # saved anew, or removed, in the moment between
            context.notice(f"{error.message}; waiting for the next save")


def _stages(reference: str, line: str) -> list[Stage]:
    """The line's stages, the first starting from the image; CommandError for a line that starts elsewhere."""
    parsed = parse(line) if line else None
    if not isinstance(parsed, Generation):
        raise CommandError("!watch takes an image and a line to draw", hint=USAGE)
    first, *later = parsed.stages
    if first.request.init_image is not None:
        raise CommandError("the image that is watched is the init image", hint="leave -I out")
    return [replace(first, request=replace(first.request, init_image=reference)), *later]
