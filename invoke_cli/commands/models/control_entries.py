"""What the commands on models say of control models, and how such a model is entered."""

from __future__ import annotations

from collections.abc import Mapping

from invoke_cli.commands.formatting import size_text
from invoke_cli.context.context import SessionContext
from invoke_cli.errors import CommandError
from invoke_cli.inputs.control_images import control_hash, control_of
from invoke_cli.models.control_models import ControlFacts, kind_in_name
from invoke_cli.models.registry import ModelSpec
from invoke_cli.models.registry_edit import with_entry


def control_state(context: SessionContext, spec: ModelSpec) -> str:
    """What a control model is, in a few words; ModelError when it cannot be used."""
    facts = control_of(context, spec)
    return f"{facts.technique.value} for {facts.made_for}, {size_text(_size(facts))} (--control {spec.control[0]})"


def control_rows(context: SessionContext, spec: ModelSpec) -> Mapping[str, str]:
    """All that is known of a control model."""
    facts = control_of(context, spec)
    return {
        "name": spec.name,
        "description": spec.description,
        "kind": facts.technique.value,
        "made for": facts.made_for,
        "path": str(facts.path),
        "size on disk": size_text(_size(facts)),
        "use": ", ".join(f"--control {kind}:IMAGE" for kind in spec.control),
        "good for": ", ".join(spec.good_for),
        "hash": control_hash(context, facts),
        "entry": spec.source,
    }


def import_control(context: SessionContext, facts: ControlFacts, values: Mapping[str, object]) -> None:
    """Enter a control model with these settings; its kind is the one that is said, else that in its name."""
    kind = str(values["control"]) or kind_in_name(facts.name) or kind_in_name(facts.path.name)
    if not kind:
        message = f"{facts.name} is a {facts.technique.value}, and its name does not say what its pictures are"
        raise CommandError(
            message, hint=f"say it: !import_model {facts.path} {facts.name} control=canny, or depth, pose …"
        )
    entry = {**values, "control": kind}
    context.settings.change_models(lambda text: with_entry(text, facts.name, entry))
    size = size_text(_size(facts))
    use = f"--control {kind.split(',')[0]}:IMAGE"
    context.notice(f"{facts.name}: {facts.technique.value} for {facts.made_for}, {size}; {use} uses it")


def _size(facts: ControlFacts) -> int:
    return sum(path.stat().st_size for path in facts.weights)
