"""Find the user's LoRAs and embeddings: files below the root, by name."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path

from invoke_cli.context.context import SessionContext
from invoke_cli.errors import PlanError, blame
from invoke_cli.models.files.pickles import PICKLES, conversion_command
from invoke_cli.planning.plan import EmbeddingUse, LoraUse
from invoke_cli.request import LoraChoice

LORAS, EMBEDDINGS = "loras", "embeddings"
SUFFIX = ".safetensors"
_FOLDER_WEIGHTS = "pytorch_lora_weights"


def find_lora(context: SessionContext, choice: LoraChoice) -> LoraUse:
    """Find the file of a LoRA. Raises PlanError, with the closest names, if there is none."""
    path = _find(context.settings.paths.data_folders(LORAS), choice.name, "LoRA")
    return LoraUse(name=choice.name, weight=choice.weight, path=str(path), sha256=context.file_hash(path))


def find_embedding(context: SessionContext, name: str) -> EmbeddingUse | None:
    """Find the file of an embedding; None if there is none. Raises PlanError for one that cannot be used."""
    folders = context.settings.paths.data_folders(EMBEDDINGS)
    if name not in list_adapters(folders):
        return None
    with blame("prompt", always=True):
        path = _find(folders, name, "embedding")
    return EmbeddingUse(name=name, path=str(path), sha256=context.file_hash(path))


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
    found = known.get(name.removesuffix(SUFFIX), [])
    safe = [path for path in found if path.suffix.lower() == SUFFIX]
    if len(safe) == 1:
        return safe[0]
    if safe:
        names = " or ".join(_in_folder(path, folders) for path in safe)
        raise PlanError(f"the {kind} {name} is ambiguous: {names}", hint="add the folder to the name")
    if found:
        message = f"the {kind} {name} is a pickle ({found[0].name}), which can run code, so it was not opened"
        raise PlanError(message, hint=conversion_command(found[0]))
    suggestions = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(suggestions)}?" if suggestions else f"put {name}{SUFFIX} into this folder"
    raise PlanError(f"no such {kind}: {name} (in {folders[0]})", hint=hint)


def _in_folder(path: Path, folders: Sequence[Path]) -> str:
    folder = next(folder for folder in folders if path.is_relative_to(folder))
    return path.relative_to(folder).with_suffix("").as_posix()
