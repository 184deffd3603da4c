"""Find the user's LoRAs and embeddings: files below the root, by name."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import EMBEDDINGS, LORAS, expand_path, is_file
from invoke_cli.errors import PlanError, blame
from invoke_cli.language.grammar.names import near_names
from invoke_cli.models.files.pickles import PICKLES, conversion_command
from invoke_cli.models.files.trigger_words import trigger_words
from invoke_cli.models.files.weights_header import read_header, read_metadata
from invoke_cli.planning.plan import EmbeddingUse, LoraUse
from invoke_cli.request import LoraChoice

SUFFIX = ".safetensors"
_TRIGGER_KEYS = ("name", "trigger", "token", "modelspec.trigger_phrase")
_TENSORS = {"emb_params", "clip_l", "clip_g"}  # names of tensors that say nothing about the embedding
_FOLDER_WEIGHTS = "pytorch_lora_weights"


def find_lora(context: SessionContext, choice: LoraChoice) -> LoraUse:
    """Find the file of a LoRA. Raises PlanError, with the closest names, if there is none."""
    path = _find(context.settings.paths.data_folders(LORAS), choice.name, "LoRA")
    return LoraUse(name=choice.name, weight=choice.weight, path=str(path), sha256=context.hashes.of_file(path))


def join_lora_names(context: SessionContext, choices: Sequence[LoraChoice] | None) -> tuple[LoraChoice, ...] | None:
    """Join neighbouring names that are one name with commas: `te` and `st1`, if there is a LoRA `te,st1`."""
    if choices is None:
        return None
    known = list_adapters(context.settings.paths.data_folders(LORAS))
    result: list[LoraChoice] = []
    for choice in choices:
        joined = _joined_name(result, choice, known)
        if joined:
            result.pop()
        result.append(LoraChoice(joined, choice.weight) if joined else choice)
    return tuple(result)


def _joined_name(before: Sequence[LoraChoice], choice: LoraChoice, known: Collection[str]) -> str:
    """Return the name, or the start of one, that the last choice and this one form together; empty if none does."""
    if not before or before[-1].weight != 1 or before[-1].name in known:
        return ""
    names = [f"{before[-1].name}{comma}{choice.name}" for comma in (",", ", ")]
    return next((name for name in names if any(each.startswith(name) for each in known)), "")


def find_embedding(context: SessionContext, name: str) -> EmbeddingUse | None:
    """Find the file of an embedding, by its name or the trigger in it; None if there is none.

    Raises:
        PlanError: There are several, or the file cannot be used.
    """
    folders = context.settings.paths.data_folders(EMBEDDINGS)
    known = list_adapters(folders)
    if name in known:
        with blame("prompt", always=True):
            path = _find(folders, name, "embedding")
    else:
        files = dict.fromkeys(path for paths in known.values() for path in paths if path.suffix.lower() == SUFFIX)
        triggered = next((path for path in files if name in embedding_triggers(path)), None)
        if triggered is None:
            return None
        path = triggered
    return EmbeddingUse(name=name, path=str(path), sha256=context.hashes.of_file(path))


def lora_triggers(context: SessionContext) -> Mapping[str, tuple[str, ...]]:
    """Return the trigger words in the metadata of each LoRA, by the name of its file."""
    files = list_adapters(context.settings.paths.data_folders(LORAS))
    paths = dict.fromkeys(paths[0] for paths in files.values() if paths[0].suffix.lower() == SUFFIX)
    return {path.stem: trigger_words(read_metadata(path)) for path in paths if read_header(path) is not None}


def embedding_words(context: SessionContext) -> Mapping[str, tuple[str, ...]]:
    """Return what names each embedding in a prompt, by the name of its file: that name, and its other triggers."""
    files = list_adapters(context.settings.paths.data_folders(EMBEDDINGS))
    safe = dict.fromkeys(paths[0] for paths in files.values() if paths[0].suffix.lower() == SUFFIX)
    readable = [path for path in safe if read_header(path) is not None]
    return {
        path.stem: tuple(
            f"<{name}>" for name in dict.fromkeys([path.stem, *sorted(embedding_triggers(path) - _TENSORS)])
        )
        for path in readable
    }


def embedding_triggers(path: Path) -> set[str]:
    """Return the triggers in an embedding file: the name of its only tensor, or what its metadata contains."""
    header = read_header(path) or {}
    names = [*header] if len(header) == 1 else []
    metadata = read_metadata(path) if header else {}
    names += [metadata[key] for key in _TRIGGER_KEYS if key in metadata]
    return {name.strip().removeprefix("<").removesuffix(">") for name in names}


def reference_to_adapter(context: SessionContext, path: Path) -> str:
    """Return how a line refers to the adapter in a file; empty if the file is outside the adapter folders."""
    for name, text in ((LORAS, "--lora {}"), (EMBEDDINGS, "<{}> in a prompt")):
        folders = context.settings.paths.data_folders(name)
        if any(path.resolve().is_relative_to(folder.resolve()) for folder in folders):
            return text.format(path.stem if path.stem != _FOLDER_WEIGHTS else path.parent.name)
    return ""


def list_adapters(folders: Sequence[Path]) -> Mapping[str, list[Path]]:
    """Map each name to the adapter files in folders and their subfolders: file names, with and without subfolders."""
    found: dict[str, list[Path]] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in (SUFFIX, *PICKLES):
                for name in _names_of(path, folder):
                    found.setdefault(name, []).append(path)
    return found


def _names_of(path: Path, folder: Path) -> set[str]:
    inside = path.parent if path.stem == _FOLDER_WEIGHTS else path.with_suffix("")
    return {inside.name, inside.relative_to(folder).as_posix()}


def _find(folders: Sequence[Path], name: str, kind: str) -> Path:
    known = list_adapters(folders)
    found = known.get(name, []) or known.get(_without_suffix(name.strip()), [])
    safe = [path for path in found if path.suffix.lower() == SUFFIX]
    if len(safe) == 1:
        return safe[0]
    if safe:
        names = " or ".join(_in_folder(path, folders) for path in safe)
        raise PlanError(f"the {kind} {name} is ambiguous: {names}", hint="add the folder to the name")
    if found:
        message = f"the {kind} {name} is a pickle ({found[0].name}), which can run code, so it was not opened"
        raise PlanError(message, hint=conversion_command(found[0]))
    if is_file(expand_path(name)):
        hint = f"put it into {folders[0]} and use its name"
        raise PlanError(f"{name} is not in the folder of the {kind}s", hint=hint)
    suggestions = near_names(name, known)
    hint = f"did you mean {' or '.join(suggestions)}?" if suggestions else f"put {name}{SUFFIX} into this folder"
    raise PlanError(f"no such {kind}: {name} (in {folders[0]})", hint=hint)


def _without_suffix(name: str) -> str:
    return name[: -len(SUFFIX)] if name.lower().endswith(SUFFIX) else name


def _in_folder(path: Path, folders: Sequence[Path]) -> str:
    folder = next(folder for folder in folders if path.is_relative_to(folder))
    return path.relative_to(folder).with_suffix("").as_posix()
