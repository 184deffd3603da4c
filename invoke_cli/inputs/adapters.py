"""Find the user's LoRAs and embeddings: files below the root, by name."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
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
    folder = context.settings.paths.root / LORAS
    path = _find(folder, choice.name, "LoRA")
    return LoraUse(name=choice.name, weight=choice.weight, path=str(path), sha256=context.file_hash(path))


def find_embedding(context: SessionContext, name: str) -> EmbeddingUse | None:
    """Find the file of an embedding; None if there is none. Raises PlanError for one that cannot be used."""
    folder = context.settings.paths.root / EMBEDDINGS
    if name not in list_adapters(folder):
        return None
    with blame("prompt", always=True):
        path = _find(folder, name, "embedding")
    return EmbeddingUse(name=name, path=str(path), sha256=context.file_hash(path))


def reference_to_adapter(context: SessionContext, path: Path) -> str:
    """Return how a line refers to the adapter in a file; empty if the file is outside the adapter folders."""
    root = context.settings.paths.root.resolve()
    for folder, text in ((root / LORAS, "--lora {}"), (root / EMBEDDINGS, "<{}> in a prompt")):
        if path.resolve().is_relative_to(folder.resolve()):
            return text.format(path.stem if path.stem != _FOLDER_WEIGHTS else path.parent.name)
    return ""


def list_adapters(folder: Path) -> Mapping[str, list[Path]]:
    """Map each name to the adapter files in a folder and its subfolders: file names, with and without subfolders."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix in (SUFFIX, *PICKLES):
            inside = path.parent if path.stem == _FOLDER_WEIGHTS else path.with_suffix("")
            for name in {inside.name, inside.relative_to(folder).as_posix()}:
                found.setdefault(name, []).append(path)
    return found


def _find(folder: Path, name: str, kind: str) -> Path:
    known = list_adapters(folder)
    found = known.get(name.removesuffix(SUFFIX), [])
    safe = [path for path in found if path.suffix == SUFFIX]
    if len(safe) == 1:
        return safe[0]
    if safe:
        names = " or ".join(path.relative_to(folder).with_suffix("").as_posix() for path in safe)
        raise PlanError(f"the {kind} {name} is ambiguous: {names}", hint="add the folder to the name")
    if found:
        message = f"the {kind} {name} is a pickle ({found[0].name}), which can run code, so it was not opened"
        raise PlanError(message, hint=conversion_command(found[0]))
    suggestions = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(suggestions)}?" if suggestions else f"put {name}{SUFFIX} into this folder"
    raise PlanError(f"no such {kind}: {name} (in {folder})", hint=hint)
