"""`!models`: list all models, or those that are tagged for a subject."""

from __future__ import annotations

from collections.abc import Sequence

from invoke_cli.commands.command import Call
from invoke_cli.commands.formatting import format_size
from invoke_cli.commands.models.control_entries import control_state
from invoke_cli.context.context import SessionContext
from invoke_cli.errors import CommandError, InvokeError, LineError
from invoke_cli.events import Item
from invoke_cli.models.registry import ModelSpec
from invoke_cli.models.upscalers import upscaler_at

_FILTER = "--for"


def models(context: SessionContext, call: Call) -> None:
    """List the models and whether each is active, loaded or missing; with `--for`, only those tagged for a subject."""
    context.report_model_problems()
    specs = _select(list(context.settings.registry.models.values()), call)
    current = context.settings.current_name()
    engine = context.open_engine
    loaded = engine.loaded() if engine else ()
    lines: list[str] = []
    items: list[Item] = []
    width = max(len(spec.name) for spec in specs)
    for spec in specs:
        marks = [mark for mark, on in (("active", spec.name == current), ("loaded", spec.name in loaded)) if on]
        try:
            state, facts = _state(context, spec)
        except InvokeError as error:
            marks, state, facts = ["missing"], error.message, {"type": None, "problem": error.message}
        lines.append(f"{spec.name:<{width}}  {', '.join(marks) or '-':<14}  {state}  {spec.description}".rstrip())
        items.append({**_item(spec, marks), **facts})
    context.say("\n".join(lines), items=items)


def _item(spec: ModelSpec, marks: Sequence[str]) -> Item:
    return {
        "kind": "model",
        "name": spec.name,
        "description": spec.description,
        "active": "active" in marks,
        "loaded": "loaded" in marks,
        "good_for": spec.good_for,
        "problem": None,
        "family": None,
        "size": None,
        "bytes": None,
    }


def _select(specs: Sequence[ModelSpec], call: Call) -> Sequence[ModelSpec]:
    """Return all models, or those whose entry is tagged (`good_for`) for the subject in the call."""
    if not call.argument:
        return specs
    if _FILTER not in call.switches:
        raise LineError(
            f"!models takes only {_FILTER} and a subject",
            hint=f"for example !models {_FILTER} portraits",
            span=call.span,
        )
    subject = " ".join([call.switches[_FILTER], *call.words]).lower()
    found = [spec for spec in specs if any(subject in word.lower() for word in spec.good_for)]
    if not found:
        raise CommandError(f"no model is tagged for {subject[:60]}", hint=_tags_hint(specs), span=call.span)
    return found


def _tags_hint(specs: Sequence[ModelSpec]) -> str:
    known = sorted({word for spec in specs for word in spec.good_for})
    return f"known tags: {', '.join(known) or 'none yet'}; add some: !edit_model NAME good_for portraits, night"


def _state(context: SessionContext, spec: ModelSpec) -> tuple[str, Item]:
    """Return a short description of a model, and its facts for programs. Raises ModelError if it cannot be used."""
    if spec.control:
        return control_state(context, spec), {"type": "control"}
    upscaler = upscaler_at(context.settings.paths.model_folder(spec.path), spec.name)
    if upscaler is not None:
        return f"upscales {upscaler.kind.factor} times (--{upscaler.kind.field})", {"type": "upscaler"}
    facts = context.settings.model(spec.name).facts
    item = {"type": "generator", "family": facts.family.label, "size": facts.size, "bytes": facts.size_on_disk}
    return f"{facts.family.label}, {facts.size} px, {format_size(facts.size_on_disk)}", item
