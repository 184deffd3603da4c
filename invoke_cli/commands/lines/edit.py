"""`!edit`: open lines in the user's editor."""

from __future__ import annotations

from invoke_cli.commands.command import Call
from invoke_cli.commands.image_selection import history_images, is_history_reference
from invoke_cli.context.context import SessionContext
from invoke_cli.errors import CommandError
from invoke_cli.events import Prefill
from invoke_cli.output.typed_lines import TypedLines

_MAX_LINES = 20


def edit(context: SessionContext, call: Call) -> None:
    """Open lines in the editor: the argument, the lines of images, or the last line."""
    words = call.argument.split()
    if words and all(map(is_history_reference, words)):
        lines = list(dict.fromkeys(image.entry.line for image in history_images(context, words)))
    else:
        lines = [call.argument or _last_line(context)]
    context.emit(Prefill(line="\n".join(lines), editor=True))


def _last_line(context: SessionContext) -> str:
    """Return the last typed line that is not an `!edit`; if there is none, the line of the last image."""
    history = context.folder().history
    typed = TypedLines(history.path).recent(_MAX_LINES)
    line = next((line for line in typed if not line.lstrip().startswith("!edit")), None)
    last = history.last() if line is None else None
    if line is None and last is None:
        raise CommandError("no line to edit", hint="type !edit a red boat -s 20, or generate an image first")
    return line or (last.line if last else "")
