"""The user's adapters: files below the root, found by their names."""

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
_IN_A_FOLDER = "pytorch_lora_weights"


def find_lora(context: SessionContext, choice: LoraChoice) -> LoraUse:
    """The file of a LoRA; PlanError with the nearest names when there is none."""
    folder = context.settings.paths.root / LORAS
    path = _find(folder, choice.name, "LoRA")
    return LoraUse(name=choice.name, weight=choice.weight, path=str(path), sha256=context.file_hash(path))


def find_embedding(context: SessionContext, name: str) -> EmbeddingUse | None:
    """The file of an embedding, None when there is none; PlanError for one that cannot be used."""
    folder = context.settings.paths.root / EMBEDDINGS
    if name not in adapters_in(folder):
        return None
    with blame("prompt", always=True):
        path = _find(folder, name, "embedding")
    return EmbeddingUse(name=name, path=str(path), sha256=context.file_hash(path))


def how_named(context: SessionContext, path: Path) -> str:
    """How a line names the adapter in a file; empty for one that lies where none is looked for."""
    root = context.settings.paths.root.resolve()
    for folder, said in ((root / LORAS, "--lora {}"), (root / EMBEDDINGS, "<{}> in a prompt")):
        if path.resolve().is_relative_to(folder.resolve()):
            return said.format(path.stem if path.stem != _IN_A_FOLDER else path.parent.name)
    return ""


def adapters_in(folder: Path) -> Mapping[str, list[Path]]:
    """The files in a folder and below it, by each name that they go by: the file's, with or without its folders."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix in (SUFFIX, *PICKLES):
            inside = path.parent if path.stem == _IN_A_FOLDER else path.with_suffix("")
            for name in {inside.name, inside.relative_to(folder).as_posix()}:
                found.setdefault(name, []).append(path)
    return found


def _find(folder: Path, name: str, kind: str) -> Path:
    known = adapters_in(folder)
    found = known.get(name.removesuffix(SUFFIX), [])
    safe = [path for path in found if path.suffix == SUFFIX]
    if len(safe) == 1:
        return safe[0]
    if safe:
        names = " or ".join(path.relative_to(folder).with_suffix("").as_posix() for path in safe)
        raise PlanError(f"the {kind} {name} could be {names}", hint="write it with its folder")
    if found:
        message = f"the {kind} {name} is a pickle ({found[0].name}), which can run code and is not opened"
        raise PlanError(message, hint=conversion_command(found[0]))
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else f"put {name}{SUFFIX} there"
    raise PlanError(f"there is no {kind} {name} in {folder}", hint=hint)
