"""Events as JSON, one object per line. The key `event` is the kind; the other keys are the event's fields.

`assets/events.schema.json` documents the format; a test compares the two.
"""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass

from invoke_cli.errors import InvokeError
from invoke_cli.events import (
    Done,
    Event,
    Failed,
    Forget,
    Loading,
    Message,
    Notice,
    Planned,
    Prefill,
    Preview,
    Progress,
    Saved,
    Start,
    Step,
    Tokenized,
    Trace,
)

NAMES: dict[type[Event], str] = {
    Start: "start",
    Planned: "plan",
    Step: "step",
    Progress: "progress",
    Saved: "image",
    Failed: "error",
    Done: "done",
    Notice: "notice",
    Message: "message",
    Loading: "loading",
    Trace: "trace",
    Tokenized: "tokens",
    Prefill: "prefill",
    Forget: "forget",
}


# Fields that only a terminal shows.
FOR_TERMINALS: dict[type[Event], tuple[str, ...]] = {Message: ("on_terminal", "picture")}

# Increases when a field is removed or changes its meaning; not for new fields or events.
SCHEMA_VERSION = 1


def json_line(event: Event) -> str:
    """Return an event as one line of ASCII JSON."""
    if isinstance(event, Failed):
        body: dict[str, object] = {"number": event.number, **_error(event.error)}
    else:
        left_out = FOR_TERMINALS.get(type(event), ())
        body = {field.name: getattr(event, field.name) for field in fields(event) if field.name not in left_out}
    if isinstance(event, Start):
        body["schema"] = SCHEMA_VERSION
    return json.dumps({"event": NAMES[type(event)], **body}, default=_plain)


def _error(error: InvokeError) -> dict[str, object]:
    return {
        "message": error.message,
        "hint": error.hint,
        "line": error.line,
        "span": list(error.span) if error.span else None,
        "exit_status": int(error.exit_status),
    }


def _plain(value: object) -> object:
    if isinstance(value, Preview):
        return None
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return getattr(value, "value", str(value))
