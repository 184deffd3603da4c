"""Commands on the session defaults, memory and whether a line can run."""

from __future__ import annotations

from invoke_cli.commands.command import Call
from invoke_cli.context.command_clash import command_clash
from invoke_cli.context.context import SessionContext
from invoke_cli.errors import CommandError
from invoke_cli.generation.chain import prepare_line
from invoke_cli.generation.line import REMEDIES
from invoke_cli.generation.resolved_line import resolve_line
from invoke_cli.language.grammar.format import format_line
from invoke_cli.language.grammar.line import Generation, parse, switches_only
from invoke_cli.language.switches.table import SWITCHES
from invoke_cli.replay.resume import resume_from_latents
from invoke_cli.request import GenerationRequest


def set_defaults(context: SessionContext, call: Call) -> None:
    """Change the session defaults, or show them."""
    if not call.argument:
        defaults = context.settings.session_request
        context.say(
            format_line([defaults])
            if defaults.set_fields()
            else "no session defaults; !set -s 20 makes 20 steps the default"
        )
    elif call.argument == "reset":
        context.settings.session_request = GenerationRequest()
        context.notice("session defaults cleared")
    else:
        change = switches_only(call.argument)
        context.settings.model(change.model)
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
            rows.append((typed, sources[row.field]))
    rows.append((f"-m {context.settings.current_name()}", sources.get("model", "registry")))
    width = max(len(typed) for typed, _ in rows)
    context.say("\n".join(f"{typed:<{width}}  {source}" for typed, source in rows))


def memory(context: SessionContext, _: Call) -> None:
    """Show the memory of the device and the loaded models."""
    state = context.engine.memory()
    gigabytes = {name: f"{getattr(state, name) / 1e9:.2f} GB" for name in ("used", "peak", "free", "total")}
    numbers = ", ".join(f"{name} {value}" for name, value in gigabytes.items())
    context.say(f"{state.device}: {numbers}; loaded: {', '.join(context.engine.loaded()) or 'no model'}")


def check(context: SessionContext, call: Call) -> None:
    """Check whether a line can run: weights, init image, prompt length, memory. Raises CommandError if it cannot."""
    parsed = parse(call.argument or '""')
    if not isinstance(parsed, Generation):
        raise CommandError("!check takes a line that generates images", hint='!check "a red boat" -I sketch.png')
    prepared = prepare_line(context, *resume_from_latents(context, resolve_line(context, parsed.stages)))
    plan, facts = prepared.plan, prepared.model.facts
    tokens = context.engine.tokens(prepared.model, plan.prompt.positive, context.hooks())
    needed, state = context.engine.estimate(plan, prepared.model), context.engine.memory()
    lines = [
        f"weights  {plan.model}: {facts.size_on_disk / 1e6:.0f} MB, complete",
        f"prompt   {len(tokens.read)} of {plan.family.max_tokens - 2} tokens"
        + (" (the rest is truncated)" if tokens.cut else f", in {len(tokens.windows)} parts" if tokens.windows else ""),
        f"memory   about {needed / 1e9:.2f} GB for an image, {state.free / 1e9:.2f} GB free on {state.device}",
    ]
    if prepared.init is not None:
        lines.insert(1, f"image    {prepared.init.name}: {prepared.init.size}, result {plan.result_size}")
    clash = command_clash()
    if clash:
        lines.append(f"command  {clash}")
    context.say("\n".join(lines))
    if needed > state.free:
        raise CommandError("this line needs more memory than is available", hint=REMEDIES)
