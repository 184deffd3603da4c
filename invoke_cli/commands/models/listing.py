"""`!models`: the table of all models, or of those that are good for something."""

from __future__ import annotations

from collections.abc import Sequence

from invoke_cli.commands.command import Call
from invoke_cli.commands.formatting import size_text
from invoke_cli.commands.models.control_entries import control_state
from invoke_cli.context.context import SessionContext
from invoke_cli.errors import CommandError, InvokeError, LineError
from invoke_cli.models.registry import ModelSpec
from invoke_cli.models.upscalers import upscaler_at

_FOR = "--for"


def models(context: SessionContext, call: Call) -> None:
    """List the models: which is used, which are in memory, which are not there; with `--for` those good for a kind."""
    specs = _chosen(list(context.settings.registry.models.values()), call)
    current = context.settings.current_name()
    engine = context.open_engine
    warm = engine.loaded() if engine else ()
    lines = []
    width = max(len(spec.name) for spec in specs)
    for spec in specs:
        marks = [mark for mark, on in (("active", spec.name == current), ("loaded", spec.name in warm)) if on]
        try:
            state = _state(context, spec)
        except InvokeError as error:
            marks, state = ["not present"], error.message
        lines.append(f"{spec.name:<{width}}  {', '.join(marks) or '-':<14}  {state}  {spec.description}".rstrip())
    context.say("\n".join(lines))


def _chosen(specs: Sequence[ModelSpec], call: Call) -> Sequence[ModelSpec]:
    """All models, or those whose entry says that they are good for what the call names."""
    if not call.words:
        return specs
    flag, *kind = call.words
    if flag != _FOR or not kind:
        raise LineError(f"!models takes {_FOR} and a kind", hint=f"such as !models {_FOR} portraits", span=call.span)
    wanted = " ".join(kind).lower()
    found = [spec for spec in specs if any(wanted in word.lower() for word in spec.good_for)]
    if not found:
        known = sorted({word for spec in specs for word in spec.good_for})
        hint = f"known: {', '.join(known) or 'nothing yet'}; !edit_model NAME good_for portraits, night adds to it"
        raise CommandError(f"no model's entry says that it is good for {wanted[:60]}", hint=hint, span=call.span)
    return found


def _state(context: SessionContext, spec: ModelSpec) -> str:
    """What a model is, in a few words; ModelError when it cannot be used."""
    if spec.control:
        return control_state(context, spec)
    upscaler = upscaler_at(context.settings.paths.model_folder(spec.path), spec.name)
    if upscaler is not None:
        return f"enlarges {upscaler.kind.factor} times (--{upscaler.kind.field})"
    facts = context.settings.model(spec.name).facts
    return f"{facts.family.label}, {facts.size} px, {size_text(facts.size_on_disk)}"
