"""Commands on the session defaults and memory."""

from __future__ import annotations

from dataclasses import asdict

from invoke_cli.commands.command import Call
from invoke_cli.commands.session.default_check import check_defaults
from invoke_cli.context.context import SessionContext
from invoke_cli.errors import InvokeError
from invoke_cli.language.grammar.error_location import locate
from invoke_cli.language.grammar.format import format_line
from invoke_cli.language.grammar.line import Generation, parse, switches_only
from invoke_cli.language.switches.table import SWITCHES
from invoke_cli.output.items import line_item
from invoke_cli.request import GenerationRequest


def set_defaults(context: SessionContext, call: Call) -> None:
    """Change the session defaults, or show them."""
    if not call.argument:
        defaults = context.settings.session_request
        context.say(
            format_line([defaults])
            if defaults.set_fields()
            else "no session defaults; !set -s 20 makes 20 steps the default",
            items=[line_item(format_line([defaults]))] if defaults.set_fields() else (),
        )
    elif call.argument == "reset":
        context.settings.session_request = GenerationRequest()
        context.notice("session defaults cleared")
    else:
        change = switches_only(call.argument)
        try:
            check_defaults(context, change)
        except InvokeError as error:
            parsed = parse(call.argument)
            spans = parsed.stages[0].spans if isinstance(parsed, Generation) else {}
            raise locate(error, call.argument, spans) from None
        context.settings.change(change)
        context.notice(f"session defaults: {format_line([context.settings.session_request])}")


def show(context: SessionContext, _: Call) -> None:
    """Show the values that a line would use, and the source of each."""
    request, sources = context.settings.defaults()
    rows = []
    for row in SWITCHES:
        value = getattr(request, row.field)
        if value is not None and row.field in sources:
            typed = format_line([GenerationRequest.of({row.field: value})])
            rows.append((row.field, typed, sources[row.field]))
    rows.append(("model", f"-m {context.settings.current_name()}", sources.get("model", "registry")))
    width = max(len(typed) for _, typed, _ in rows)
    context.say(
        "\n".join(f"{typed:<{width}}  {source}" for _, typed, source in rows),
        items=[{"kind": "default", "name": name, "switch": typed, "source": source} for name, typed, source in rows],
    )


def memory(context: SessionContext, _: Call) -> None:
    """Show the memory of the device and the loaded models."""
    state = context.engine.memory()
    gigabytes = {name: f"{getattr(state, name) / 1e9:.2f} GB" for name in ("used", "peak", "free", "total")}
    numbers = ", ".join(f"{name} {value}" for name, value in gigabytes.items())
    loaded = context.engine.loaded()
    context.say(
        f"{state.device}: {numbers}; loaded: {', '.join(loaded) or 'no model'}",
        items=[{"kind": "memory", **asdict(state), "loaded": loaded}],
    )
