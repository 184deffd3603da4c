"""Commands on models: show one, switch to one, and edit the entries of models.yaml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from invoke_cli.commands.command import Call
from invoke_cli.commands.formatting import count_model_parameters, format_size, format_table, properties_item
from invoke_cli.commands.models.control_entries import control_rows
from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import IN_PACKAGE, expand_path, is_file, path_exists
from invoke_cli.errors import CommandError
from invoke_cli.events import Item
from invoke_cli.inputs.adapters import embedding_words, lora_triggers, reference_to_adapter
from invoke_cli.language.grammar.format import format_line
from invoke_cli.language.switches.table import by_field
from invoke_cli.models.files.folder import ModelFacts
from invoke_cli.models.files.weights_header import SINGLE_FILES
from invoke_cli.models.registry_edit import entry_of, shown, with_entry, without_entry
from invoke_cli.request import GenerationRequest

_BOOLEAN_SETTINGS = {"default": ("yes", "no"), "zero_snr": ("yes", "no")}
_PATH_SETTINGS = ("path", "base", "vae", "preview_vae")


def model(context: SessionContext, call: Call) -> None:
    """Show the properties of a model without loading it."""
    control = context.settings.registry.models.get(" ".join(call.words))
    if control is not None and control.control:
        rows = control_rows(context, control)
        context.say(format_table(rows), items=[properties_item(rows)])
        return
    found = context.settings.model(" ".join(call.words) or None)
    spec, facts = found.spec, found.facts
    parameter_count, dtypes = count_model_parameters(facts)
    rows = {
        "name": spec.name,
        "description": spec.description,
        "family": facts.family.label,
        "path": str(facts.folder),
        "base": str(facts.base or ""),
        "VAE": str(facts.vae_from or ""),
        "size on disk": format_size(facts.size_on_disk),
        "parameters": f"{parameter_count:,}" if parameter_count else "",
        "precision": ", ".join(dtypes),
        "quantized": facts.quantize,
        "native size": f"{facts.size} x {facts.size}",
        "sampler": facts.scheduler,
        "predicts": "flow" if facts.family.flow else _prediction(facts),
        "schedule": f"zero terminal SNR (from {facts.zero_snr_source})" if facts.zero_snr_source else "",
        "generates": _tasks(facts),
        "defaults": f"{facts.family.defaults} {format_line([spec.defaults])}".strip(),
        "unsupported": _unsupported_switches(facts),
        "triggers": ", ".join(spec.triggers),
        "good for": ", ".join(spec.good_for),
        "hash": context.hashes.of_model(found),
        "VAE hash": context.hashes.of_vae(found),
        "entry": spec.source,
    }
    numbers = {"bytes": facts.size_on_disk, "parameter_count": parameter_count or None, "size": facts.size}
    context.say(format_table(rows), items=[properties_item(rows) | numbers])


def switch(context: SessionContext, call: Call) -> None:
    """Load a model and use it for the following lines."""
    name = " ".join(call.required("!switch NAME: use another model; !models lists them"))
    chosen = context.settings.model(name)
    context.engine.load(chosen, context.hooks())
    context.settings.change(GenerationRequest(model=chosen.spec.name))
    context.notice(f"lines without -m now use {chosen.spec.name}")


def triggers(context: SessionContext, call: Call) -> None:
    """Show the trigger words of a model, a LoRA or an embedding; without a name, of the current model and all files."""
    name = " ".join(call.words)
    found = {"lora": lora_triggers(context), "embedding": embedding_words(context)}
    for source, words_of in found.items():
        if name in words_of:
            text = ", ".join(words_of[name]) or f"the metadata of {name} contains no trigger words"
            context.say(text, items=[_trigger_item(source, name, words_of[name])])
            return
    _model_triggers(context, name, {} if name else found)


def _model_triggers(context: SessionContext, name: str, adapters: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
    """Show the trigger words of a model, and those of the adapters of each kind."""
    spec = context.settings.model(name or None).spec
    no_triggers = f"{spec.name} has no trigger words; add some: !edit_model {spec.name} triggers word, other words"
    words = ", ".join(spec.triggers) or no_triggers
    others = [(kind, each, found) for kind, files in adapters.items() for each, found in files.items() if found]
    context.say(
        "\n".join([words, *(f"{each}: {', '.join(found)}" for _, each, found in others)]),
        items=[_trigger_item("model", spec.name, spec.triggers), *(_trigger_item(*each) for each in others)],
    )


def _trigger_item(source: str, name: str, words: Sequence[str]) -> Item:
    return {"kind": "triggers", "source": source, "name": name, "words": words}


# -- entries ---------------------------------------------------------------------------------------------------------


def _parse_setting(key: str, value: str) -> object:
    """Convert the text of a setting to its value; `none` is None, except for booleans."""
    if value == "none" and key != "default":
        return None
    if key in _BOOLEAN_SETTINGS:
        return value not in ("no", "false", "none")
    if key == "size" and value.isdigit():
        return int(value)
    if key in _PATH_SETTINGS and path_exists(expand_path(value)):
        return str(expand_path(value).resolve())  # relative paths would depend on the working directory
    return value


def edit_model(context: SessionContext, call: Call) -> None:
    """Show an entry or change one of its settings; a change to a packaged entry goes to the user's models.yaml."""
    name, _, rest = call.argument.strip().partition(" ")
    spec = context.settings.registry.find(name)
    own_text = context.settings.own_models.text()
    packaged_text = "" if entry_of(own_text, spec.name) else context.settings.text_of(spec)
    entry = entry_of(own_text, spec.name) or entry_of(packaged_text, spec.name)
    key, _, value = rest.strip().partition(" ")
    if not key:
        usage = f"!edit_model {spec.name} SETTING VALUE changes a setting; the value none removes it"
        settings = {key: str(value) for key, value in entry.items()}
        context.say(
            f"{shown(spec.name, entry)}\n\n{usage}",
            items=[{"kind": "entry", "name": spec.name, "settings": settings}],
        )
        return
    new_value = _parse_setting(key, value.strip())
    values = {**({} if entry_of(own_text, spec.name) else entry), key: new_value}
    context.settings.change_models(lambda text: with_entry(text, spec.name, values))
    context.notice(f"{spec.name}: {f'removed {key}' if new_value is None else f'{key} set to {new_value}'}")


def del_model(context: SessionContext, call: Call) -> None:
    """Remove an entry from the user's models.yaml; the files of the model are kept."""
    name = " ".join(call.required("!del_model NAME: remove your entry; !models lists the names"))
    spec = context.settings.registry.find(name)
    if not entry_of(context.settings.own_models.text(), spec.name):
        reason = (
            "it is part of the program" if spec.path.startswith(IN_PACKAGE) else "it has no entry in your models.yaml"
        )
        hint = "only entries in your own models.yaml can be removed"
        raise CommandError(f"cannot remove {spec.name}: {reason}", hint=hint)
    was_active = context.settings.current_name() == spec.name
    context.settings.change_models(lambda text: without_entry(text, spec.name))
    context.notice(
        f"removed {spec.name} from models.yaml; its files remain in {context.settings.paths.model_folder(spec.path)}"
    )
    if was_active:
        context.settings.forget_model(spec.name)
        context.notice(f"lines without -m now use {context.settings.current_name()}")


def convert_model(context: SessionContext, call: Call) -> None:
    """Convert a single file to a folder, or a pickle to a .safetensors file with a loader that runs no code."""
    words = call.required("!convert_model FILE.safetensors FOLDER, or !convert_model FILE.ckpt")
    source = expand_path(words[0])
    if not is_file(source) and words[0] in context.settings.registry.models:
        source = context.settings.model(words[0]).facts.folder
    if not is_file(source):
        raise CommandError(f"no such file: {words[0][:80]}", hint="choose a single-file model")
    if source.suffix.lower() not in SINGLE_FILES:
        target = expand_path(words[1]) if len(words) > 1 else source.with_suffix(".safetensors")
        _check_target(target)
        context.engine.unpickle(source, target)
        context.notice(f"wrote the same tensors to {target}{_usage_hint(context, target)}")
        return
    found = context.settings.model(words[0] if words[0] in context.settings.registry.models else str(source))
    target = expand_path(words[1]) if len(words) > 1 else source.with_suffix("")
    _check_target(target)
    context.engine.save(found, target, context.hooks())
    context.notice(f"wrote {found.spec.name} to {target} in the diffusers layout; add it with !import_model {target}")


def _usage_hint(context: SessionContext, target: Path) -> str:
    """Return a hint on how to use a file of tensors at its location; empty for a part of a model folder."""
    if is_file(target.parent.parent / "model_index.json"):
        return ""
    switch_text = reference_to_adapter(context, target)
    return f"; use it with {switch_text}" if switch_text else f"; add it with !import_model {target}"


def _check_target(target: Path) -> None:
    if target.exists():
        raise CommandError(f"{target} already exists", hint="choose another target")


# -- descriptions ------------------------------------------------------------------------------------------------------


def _prediction(facts: ModelFacts) -> str:
    return (
        f"{facts.prediction_type} (from {facts.prediction_type_source})"
        if facts.prediction_type_source
        else facts.prediction_type
    )


def _tasks(facts: ModelFacts) -> str:
    family = facts.family
    ways = {
        "from a prompt": family.text_to_image,
        "from an image": family.image_to_image,
        "inpainting": family.inpaint,
    }
    return ", ".join(
        way for way, pipeline in ways.items() if pipeline and (not facts.inpainting or way == "inpainting")
    )


def _unsupported_switches(facts: ModelFacts) -> str:
    return " ".join(dict.fromkeys(by_field()[name].spelling for name in facts.family.refuses))
