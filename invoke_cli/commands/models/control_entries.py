"""The part of the model commands that concerns control models: describe one, import one."""

from __future__ import annotations

from collections.abc import Mapping

from invoke_cli.commands.formatting import format_size
from invoke_cli.context.context import SessionContext
from invoke_cli.errors import CommandError
from invoke_cli.inputs.control_images import control_hash, read_control_entry
from invoke_cli.models.control_models import ControlFacts, kind_in_name
from invoke_cli.models.registry import ModelSpec
from invoke_cli.models.registry_edit import with_entry


def control_state(context: SessionContext, spec: ModelSpec) -> str:
    """Return a short description of a control model. Raises ModelError if it cannot be used."""
    facts = read_control_entry(context, spec)
    return f"{facts.technique.value} for {facts.made_for}, {format_size(_size(facts))} (--control {spec.control[0]})"


def control_rows(context: SessionContext, spec: ModelSpec) -> Mapping[str, str]:
    """Return the properties of a control model, as rows of a table."""
    facts = read_control_entry(context, spec)
    return {
        "name": spec.name,
        "description": spec.description,
        "kind": facts.technique.value,
        "made for": facts.made_for,
        "path": str(facts.path),
        "size on disk": format_size(_size(facts)),
        "use": ", ".join(f"--control {kind}:IMAGE" for kind in spec.control),
        "good for": ", ".join(spec.good_for),
        "hash": control_hash(context, facts),
        "entry": spec.source,
    }


def import_control(context: SessionContext, facts: ControlFacts, values: Mapping[str, object]) -> None:
    """Add a control model to models.yaml.

    Args:
        context: The session context.
        facts: The facts of the control model.
        values: The settings of its entry. If `control` is empty, the kind is taken from the name of the model; a
            ControlNet Union is entered with all of its kinds.
    """
    kind = str(values["control"]) or ",".join(facts.kinds) or kind_in_name(facts.name) or kind_in_name(facts.path.name)
    if not kind:
        message = f"{facts.name} is a {facts.technique.value}, but its name does not contain the kind of control image"
        raise CommandError(
            message, hint=f"specify it: !import_model {facts.path} {facts.name} control=canny, or depth, pose …"
        )
    entry = {**values, "control": kind}
    context.settings.change_models(lambda text: with_entry(text, facts.name, entry))
    size = format_size(_size(facts))
    first, *others = kind.split(",")
    more = f" (also {', '.join(others)})" if others else ""
    context.notice(
        f"{facts.name}: {facts.technique.value} for {facts.made_for}, {size}; --control {first}:IMAGE uses it{more}"
    )


def _size(facts: ControlFacts) -> int:
    return sum(path.stat().st_size for path in facts.weights)
