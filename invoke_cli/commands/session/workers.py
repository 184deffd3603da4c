"""`!workers`: generate several images at the same time, from the next line on."""

from __future__ import annotations

from dataclasses import replace

from invoke_cli.commands.command import Call
from invoke_cli.context.context import SessionContext
from invoke_cli.context.worker_settings import worker_settings
from invoke_cli.errors import CommandError
from invoke_cli.workers.opener import PoolOpener

_USAGE = "!workers 4, !workers auto or !workers off"
_MOST = 999


def workers(context: SessionContext, call: Call) -> None:
    """Change the number of workers, or show it."""
    wanted = call.argument.strip()
    if not wanted:
        text = f"{context.width} workers" if context.width > 1 else "no workers: one image at a time"
        context.say(text, items=[{"kind": "workers", "count": context.width}])
        return
    if wanted == "off":
        context.reopen_engine(None, 1)
        context.notice("no workers: one image at a time")
        return
    if wanted != "auto" and not (wanted.isascii() and wanted.isdigit() and 0 < int(wanted) <= _MOST):
        raise CommandError(f"!workers takes a number, auto or off, not {wanted[:40]!r}", hint=_USAGE)
    settings = replace(worker_settings(context.settings), workers=wanted)
    opener = PoolOpener(context.settings, settings, context.background_hooks, context.notice)
    context.reopen_engine(opener, opener.count)
    context.notice(f"the following lines use {opener.count} worker{'s' if opener.count > 1 else ''}")
