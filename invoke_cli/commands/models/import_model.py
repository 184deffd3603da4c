"""`!import_model`: add models to models.yaml, from a path, a folder of models, Hugging Face or a URL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from invoke_cli.commands.command import Call
from invoke_cli.commands.formatting import format_size
from invoke_cli.commands.models.control_entries import import_control
from invoke_cli.context.context import SessionContext
from invoke_cli.context.hub_cache import hub_cache, is_hub_id
from invoke_cli.context.paths import MODELS, expand_path, is_file, is_folder
from invoke_cli.engine import Model
from invoke_cli.errors import CommandError, InvokeError, ModelError
from invoke_cli.events import Level
from invoke_cli.inputs.hub import fetch, is_remote, list_remote
from invoke_cli.models.control_models import control_at, read_control
from invoke_cli.models.files.folder import is_model_folder
from invoke_cli.models.files.pickles import PICKLES
from invoke_cli.models.files.weights_header import SINGLE_FILES
from invoke_cli.models.registry import ModelSpec
from invoke_cli.models.registry_edit import check_name, with_entry
from invoke_cli.models.upscalers import Upscaler, upscaler_at
from invoke_cli.output.items import file_item

_PROGRESS_PARTS = 10
_OPTION_PREFIXES = ("base=", "vae=", "control=")
_ALL = "all"  # may follow a folder of models: each of them is imported
_MAX_SHOWN = 12
_USAGE = (
    "!import_model FOLDER, FILE.safetensors, owner/name or https://…, then "
    "[NAME] [base=FOLDER] [vae=PATH] [control=KIND]"
)


def import_model(context: SessionContext, call: Call) -> None:
    """Add a model to models.yaml: a folder, a single file, or a download from Hugging Face or a URL."""
    source, *words = call.required(_USAGE)
    name, options = _parse_words(words)
    local = _local_copy(context, source)
    if is_folder(local) and not is_model_folder(local) and not options:
        _import_folder(context, local, "" if name == _ALL else name)
        return
    if is_hub_id(source) and not is_folder(expand_path(source)):
        name = name or source.rpartition("/")[2]  # the folder in the cache is named after a commit
    _import_one(context, local, name, options)


def _parse_words(words: Sequence[str]) -> tuple[str, dict[str, str]]:
    """Return the name, which may be empty, and the options of a command."""
    options = dict(word.split("=", 1) for word in words if word.startswith(_OPTION_PREFIXES))
    names = [word for word in words if not word.startswith(_OPTION_PREFIXES)]
    return (names[0] if names else ""), options


def _import_one(context: SessionContext, local: Path, chosen: str, options: Mapping[str, str]) -> None:
    """Add the model at a path under the chosen name, by default that of its file or folder."""
    name = chosen or _default_name(local)
    check_name(name)
    if not chosen:
        _check_free(context, name, local)
    paths = {key: str(expand_path(location).resolve()) for key, location in options.items() if key != "control"}
    values = {"path": str(local), **paths}
    base = Path(values["base"]) if "base" in values else None
    control = control_at(local, name, base) or (read_control(local, name, base) if "control" in options else None)
    upscaler = upscaler_at(local, name)
    if control is not None:
        import_control(context, control, values | {"control": options.get("control", "")})
    elif upscaler is not None:
        _import_upscaler(context, upscaler, values)
    else:
        _import_generator(context, name, values)


def _import_upscaler(context: SessionContext, upscaler: Upscaler, values: Mapping[str, str]) -> None:
    size = format_size(sum(path.stat().st_size for path in upscaler.weights))
    context.settings.change_models(lambda text: with_entry(text, upscaler.name, values))
    factor = upscaler.kind.factor
    switch = f"--{upscaler.kind.field} {factor}"
    context.notice(f"{upscaler.name}: x{factor} diffusion upscaler, {size}; {switch} uses it")


def _import_generator(context: SessionContext, name: str, values: Mapping[str, str]) -> None:
    spec = ModelSpec(name=name, path=values["path"], base=values.get("base", ""), vae=values.get("vae", ""))
    facts = context.settings.facts_at(spec)
    try:
        context.engine.check(Model(spec=spec, facts=facts))
    except ModelError as error:  # the entry is still of use: its settings can supply what the file lacks
        context.notice(f"{error.message}; {error.hint}", Level.WARNING)
    context.settings.change_models(lambda text: with_entry(text, name, values))
    size = format_size(facts.size_on_disk)
    context.notice(f"{name}: {facts.family.label}, {facts.size} px, {size}; use it with -m {name}")


def _check_free(context: SessionContext, name: str, local: Path) -> None:
    """Raise CommandError if another model has this name; one that was used by the same path is the same model."""
    settings = context.settings
    known = settings.registry.models.get(name)
    if known is None or (
        settings.is_used_by_folder(known) and settings.paths.model_folder(known.path).resolve() == local
    ):
        return
    raise CommandError(f"model {name} already exists", hint=f"choose another name: !import_model {local} NAME")


def _default_name(path: Path) -> str:
    return (path.stem if path.is_file() else path.name).replace(" ", "-")


# -- a folder of models ------------------------------------------------------------------------------------------------


def _import_folder(context: SessionContext, folder: Path, name: str) -> None:
    """Add each model in a folder.

    Raises:
        CommandError: There is no model in the folder, there are several for one name, or none of them can be used.
    """
    found = list(_models_in(folder))
    if not found:
        expected = "a folder with model_index.json, or a .safetensors or .gguf file"
        raise CommandError(f"{folder} contains no model", hint=f"expected {expected}; {_USAGE}")
    names = ", ".join(str(path.relative_to(folder)) for path in found[:_MAX_SHOWN])
    more = f" and {len(found) - _MAX_SHOWN} more" if len(found) > _MAX_SHOWN else ""
    count = f"{len(found)} models" if len(found) > 1 else "one model"
    if name and len(found) > 1:
        message = f"{folder} contains {count}, which cannot all be called {name}: {names}{more}"
        raise CommandError(message, hint=f"import one of them, or all under their own names: !import_model {folder}")
    context.notice(f"{folder} contains {count}: {names}{more}")
    imported = [path for path in found if _imported(context, path, name)]
    if not imported:
        raise CommandError(f"none of the models in {folder} can be used", hint=_USAGE)
    context.say(f"imported {len(imported)} of {count}", items=map(file_item, imported))


def _imported(context: SessionContext, path: Path, name: str) -> bool:
    """Add the model at a path; if it cannot be used, report why and return False."""
    context.check_stopped()
    try:
        _import_one(context, path.resolve(), name, {})
    except InvokeError as error:
        context.notice(f"left out {path.name}: {error.message}")
        return False
    return True


def _models_in(folder: Path) -> Iterator[Path]:
    """Yield the model folders and single files in a folder and its subfolders.

    Model folders are not searched, and neither are hidden ones, such as those of caches and of our outputs.
    """
    for path in sorted(path for path in folder.iterdir() if not path.name.startswith(".")):
        if path.is_dir():
            yield from [path] if is_model_folder(path) else _models_in(path)
        elif path.suffix.lower() in (*SINGLE_FILES, *PICKLES):
            yield path


# -- downloads ---------------------------------------------------------------------------------------------------------


def _local_copy(context: SessionContext, source: str) -> Path:
    """Return the path of a model on disk, downloading it if necessary."""
    local = expand_path(source)
    if not (is_file(local) or is_folder(local)):
        if not is_remote(source) or (local.suffix.lower() in (*SINGLE_FILES, *PICKLES) and "://" not in source):
            raise CommandError(f"no such file or folder: {source[:80]}", hint=_USAGE)
        return _download(context, source)
    return local.resolve()


def _download(context: SessionContext, source: str) -> Path:
    """Download a model, after reporting its size, and return its folder or file."""
    if context.settings.offline:
        raise CommandError(
            "cannot download a model with --offline", hint="restart without --offline, or import a folder"
        )
    remote = list_remote(source)
    folder = context.settings.paths.data_folders(MODELS)[0] / Path(remote.files[0].path).stem
    count = f"{len(remote.files)} files" if len(remote.files) > 1 else remote.files[0].path
    target = hub_cache() if remote.revision else folder
    context.notice(
        f"downloading {count} ({format_size(remote.size)}) to {target}; Ctrl-C stops, the same command resumes"
    )
    last_reported = [0]

    def progress(done_bytes: int, total_bytes: int) -> None:
        context.check_stopped()
        part = done_bytes * _PROGRESS_PARTS // max(1, total_bytes)
        if part > last_reported[0]:
            last_reported[0] = part
            context.notice(
                f"{part * 100 // _PROGRESS_PARTS} %: {format_size(done_bytes)} of {format_size(total_bytes)}"
            )

    return fetch(remote, folder, progress)
