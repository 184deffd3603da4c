"""Commands on models: what is known of them, and the entries of models.yaml."""

from __future__ import annotations

from pathlib import Path

from invoke_cli.commands.command import Call
from invoke_cli.commands.formatting import counted, size_text, table_of
from invoke_cli.commands.models.control_entries import control_rows, import_control
from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import IN_PACKAGE, expanded, is_file, is_folder, is_there
from invoke_cli.errors import CommandError
from invoke_cli.inputs.adapters import how_named
from invoke_cli.inputs.hub import fetch, is_remote, list_remote
from invoke_cli.language.grammar.format import format_line
from invoke_cli.language.switches.table import by_field
from invoke_cli.models.control_models import control_at, read_control
from invoke_cli.models.files.folder import ModelFacts
from invoke_cli.models.files.weights_header import SINGLE_FILES
from invoke_cli.models.registry import ModelSpec
from invoke_cli.models.registry_edit import check_name, entry_of, shown, with_entry, without_entry
from invoke_cli.request import GenerationRequest

_FLAGS = {"default": ("yes", "no")}
_PLACES = ("path", "base", "vae", "preview_vae")
_TENTH = 10
_SETTINGS = ("base=", "vae=", "control=")


def model(context: SessionContext, call: Call) -> None:
    """Tell all that is known of a model without loading it."""
    control = context.settings.registry.models.get(" ".join(call.words))
    if control is not None and control.control:
        context.say(table_of(control_rows(context, control)))
        return
    found = context.settings.model(" ".join(call.words) or None)
    spec, facts = found.spec, found.facts
    numbers, kinds = counted(facts)
    rows = {
        "name": spec.name,
        "description": spec.description,
        "family": facts.family.label,
        "path": str(facts.folder),
        "base": str(facts.base or ""),
        "VAE": str(facts.vae_from or ""),
        "size on disk": size_text(facts.size_on_disk),
        "parameters": f"{numbers:,}" if numbers else "",
        "precision": ", ".join(kinds),
        "quantized": facts.quantize,
        "native size": f"{facts.size} x {facts.size}",
        "sampler": facts.scheduler,
        "predicts": "flow" if facts.family.flow else _prediction(facts),
        "draws": _tasks(facts),
        "defaults": f"{facts.family.defaults} {format_line([spec.defaults])}".strip(),
        "cannot": _refusals(facts),
        "triggers": ", ".join(spec.triggers),
        "good for": ", ".join(spec.good_for),
        "hash": context.model_hash(found),
        "VAE hash": context.vae_hash(found),
        "entry": spec.source,
    }
    context.say(table_of(rows))


def switch(context: SessionContext, call: Call) -> None:
    """Use another model from now on, and load it."""
    name = " ".join(call.required("!switch name: !models lists them"))
    chosen = context.settings.model(name)
    context.engine.load(chosen, context.hooks())
    context.settings.change(GenerationRequest(model=chosen.spec.name))
    context.notice(f"lines without -m now use {chosen.spec.name}")


def triggers(context: SessionContext, call: Call) -> None:
    """Tell the words that a model answers to."""
    spec = context.settings.model(" ".join(call.words) or None).spec
    none = f"{spec.name} has no trigger words; !edit_model {spec.name} triggers word, other words"
    context.say(", ".join(spec.triggers) or none)


# -- entries ---------------------------------------------------------------------------------------------------------


def import_model(context: SessionContext, call: Call) -> None:
    """Enter a model: a folder, a single file, or one that is fetched from a hub or an address."""
    usage = (
        "!import_model FOLDER, FILE.safetensors, owner/name or https://…, a name, base=FOLDER vae=PLACE control=KIND"
    )
    source, *words = call.required(usage)
    said = dict(word.split("=", 1) for word in words if word.startswith(_SETTINGS))
    names = [word for word in words if not word.startswith(_SETTINGS)]
    local = expanded(source)
    if not (is_file(local) or is_folder(local)):
        if not is_remote(source):
            raise CommandError(f"there is no folder and no file {source[:80]}; the model is missing", hint=usage)
        local = _fetched(context, source)
    local = local.resolve()
    name = names[0] if names else (local.stem if local.is_file() else local.name).replace(" ", "-")
    check_name(name)
    if name in context.settings.registry.models and not names:
        raise CommandError(
            f"there is a model {name} already", hint=f"give this one a name: !import_model {source} NAME"
        )
    kind = said.pop("control", None)
    values = {"path": str(local), **{key: str(expanded(place).resolve()) for key, place in said.items()}}
    base = Path(values["base"]) if "base" in values else None
    control = control_at(local, name, base)
    if control is not None or kind is not None:
        import_control(context, control or read_control(local, name, base), values | {"control": kind or ""})
        return
    spec = ModelSpec(name=name, path=values["path"], base=values.get("base", ""), vae=values.get("vae", ""))
    made = context.settings.facts_at(spec)
    context.settings.change_models(lambda text: with_entry(text, name, values))
    context.notice(f"{name}: {made.family.label}, {made.size} px, {size_text(made.size_on_disk)}; draw with -m {name}")


def _fetched(context: SessionContext, source: str) -> Path:
    """The folder or file of a model that was brought here, its size told before."""
    if context.settings.offline:
        raise CommandError("--offline keeps this session from fetching", hint="start without it, or import a folder")
    files = list_remote(source)
    folder = context.settings.paths.root / "models" / source.rstrip("/").rsplit("/", 1)[-1].split("?")[0]
    if len(files) == 1:
        folder = folder.parent / Path(folder.name).stem
    total = sum(file.size for file in files)
    context.notice(
        f"fetching {len(files)} files, {size_text(total)}, into {folder}; Ctrl-C stops, the same again goes on"
    )
    told = [0]

    def progress(done: int, whole: int) -> None:
        context.check_stopped()
        tenth = done * _TENTH // max(1, whole)
        if tenth > told[0]:
            told[0] = tenth
            context.notice(f"{tenth * 100 // _TENTH} %: {size_text(done)} of {size_text(whole)}")

    fetch(files, folder, progress)
    return folder / files[0].path if len(files) == 1 else folder


def edit_model(context: SessionContext, call: Call) -> None:
    """Show an entry, or change one of its settings; packaged entries are overlaid, not touched."""
    name, _, rest = call.argument.strip().partition(" ")
    spec = context.settings.registry.find(name)
    own = context.settings.own_models.text()
    packaged = "" if entry_of(own, spec.name) else context.settings.text_of(spec)
    entry = entry_of(own, spec.name) or entry_of(packaged, spec.name)
    key, _, value = rest.strip().partition(" ")
    if not key:
        context.say(
            f"{shown(spec.name, entry)}\n\n!edit_model {spec.name} SETTING VALUE changes one; none takes it out"
        )
        return
    given: object = None if value.strip() == "none" else value.strip()
    if key in _FLAGS:
        given = value.strip() not in ("no", "false", "none")
    if key == "size" and value.strip().isdigit():
        given = int(value)
    if key in _PLACES and given is not None and is_there(expanded(value.strip())):
        given = str(expanded(value.strip()).resolve())  # an entry does not know where it was typed
    values = {**({} if entry_of(own, spec.name) else entry), key: given}
    context.settings.change_models(lambda text: with_entry(text, spec.name, values))
    context.notice(f"{spec.name}: {key} is {'taken out' if given is None else given}")


def del_model(context: SessionContext, call: Call) -> None:
    """Forget an entry of the user's own; its files stay."""
    name = " ".join(call.required("!del_model name: !models lists them"))
    spec = context.settings.registry.find(name)
    if not entry_of(context.settings.own_models.text(), spec.name):
        reason = "came with the program" if spec.path.startswith(IN_PACKAGE) else "has no entry of yours"
        raise CommandError(f"{spec.name} {reason} and stays", hint="entries in your own models.yaml can be deleted")
    context.settings.change_models(lambda text: without_entry(text, spec.name))
    context.notice(f"{spec.name} is forgotten; its files stay at {context.settings.paths.model_folder(spec.path)}")


def convert_model(context: SessionContext, call: Call) -> None:
    """Make a folder of a single file; of a pickle a .safetensors file, by the loader that runs no code."""
    words = call.required("!convert_model FILE.safetensors FOLDER, or !convert_model FILE.ckpt")
    source = expanded(words[0])
    if not is_file(source) and words[0] in context.settings.registry.models:
        source = context.settings.model(words[0]).facts.folder
    if not is_file(source):
        raise CommandError(f"{words[0][:80]} is no file", hint="name a single-file model")
    if source.suffix not in SINGLE_FILES:
        target = expanded(words[1]) if len(words) > 1 else source.with_suffix(".safetensors")
        _refuse_existing(target)
        context.engine.unpickle(source, target)
        context.notice(f"{target} holds the same tensors{_use_of(context, target)}")
        return
    found = context.settings.model(words[0] if words[0] in context.settings.registry.models else str(source))
    target = expanded(words[1]) if len(words) > 1 else source.with_suffix("")
    _refuse_existing(target)
    context.engine.save(found, target, context.hooks())
    context.notice(f"{target} holds {found.spec.name} in the diffusers layout; !import_model {target} enters it")


def _use_of(context: SessionContext, target: Path) -> str:
    """How a file of tensors is used where it lies."""
    if is_file(target.parent.parent / "model_index.json"):
        return ""
    said = how_named(context, target)
    return f"; {said} uses it" if said else f"; !import_model {target} enters it"


def _refuse_existing(target: Path) -> None:
    if target.exists():
        raise CommandError(f"{target} is there already", hint="name another place for it")


# -- words for facts ---------------------------------------------------------------------------------------------------


def _prediction(facts: ModelFacts) -> str:
    return (
        f"{facts.prediction_type} (told by {facts.prediction_type_source})"
        if facts.prediction_type_source
        else facts.prediction_type
    )


def _tasks(facts: ModelFacts) -> str:
    family = facts.family
    ways = {
        "from a prompt": family.text_to_image,
        "from an image": family.image_to_image,
        "under a mask": family.inpaint,
    }
    return ", ".join(way for way, pipeline in ways.items() if pipeline and (not facts.inpainting or "mask" in way))


def _refusals(facts: ModelFacts) -> str:
    return " ".join(dict.fromkeys(by_field()[name].spelling for name in facts.family.refuses))
