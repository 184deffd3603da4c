"""`!edit`: lines on their way into the user's editor."""

from __future__ import annotations

from invoke_cli.commands.command import Call
from invoke_cli.commands.image_selection import means_images, numbered
from invoke_cli.context.context import SessionContext
from invoke_cli.errors import CommandError
from invoke_cli.events import Prefill
from invoke_cli.output.typed_lines import TypedLines

_LOOKED_AT = 20


def edit(context: SessionContext, call: Call) -> None:
    """Open a line in the editor: the given one, those of images, or the one before."""
    words = call.argument.split()
    if words and all(map(means_images, words)):
        lines = list(dict.fromkeys(image.entry.line for image in numbered(context, words)))
    else:
        lines = [call.argument or _last_line(context)]
    context.emit(Prefill(line="\n".join(lines), editor=True))


def _last_line(context: SessionContext) -> str:
    """The line typed last that was no `!edit`; else the last image's."""
    history = context.folder().history
    typed = TypedLines(history.path).recent(_LOOKED_AT)
    found = next((line for line in typed if not line.lstrip().startswith("!edit")), None)
    last = history.last() if found is None else None
    if found is None and last is None:
        raise CommandError("there is no line to edit", hint="!edit a red boat -s 20, or draw one first")
    return found or (last.line if last else "")
