"""Weights that are pickles, which can run code when they are opened: refused, with what makes safe files of them."""

from __future__ import annotations

import re
from pathlib import Path

from invoke_cli.errors import ModelError

PICKLES = (".ckpt", ".pt", ".pth", ".bin")
_PART_OF_SEVERAL = re.compile(r"-\d+-of-\d+")
_SAFELY = "makes a .safetensors of it, read by the loader that runs no code"


def refused(path: Path, field: str = "model") -> ModelError:
    """What is said of a pickle where a single-file model should be."""
    return _refused(path, converting(path), field)


def converting(path: Path) -> str:
    """The line that makes a safe file of a pickle, and what it does."""
    return f"!convert_model {_quoted(path)} {_SAFELY}"


def check_not_pickled(folder: Path, field: str = "model") -> None:
    """ModelError for a component's folder that has pickles: what makes of them the files that are looked for there."""
    found = [path for path in sorted(folder.glob("*")) if path.suffix in PICKLES]
    if not found:
        return
    path = next((path for path in found if "model" in path.stem and path.name.count(".") == 1), found[0])
    if _PART_OF_SEVERAL.search(path.stem):
        raise _refused(path, "take the model in safetensors; a pickle in several files is not converted", field)
    # What transformers looks for has another name than what it once wrote.
    name = "model" if path.stem == "pytorch_model" else path.stem
    target = path.with_name(f"{name}.safetensors")
    convert = f"!convert_model {_quoted(path)} {_quoted(target)} {_SAFELY}"
    raise _refused(path, f"take the model in safetensors, or convert each such file: {convert}", field)


def _refused(path: Path, hint: str, field: str) -> ModelError:
    place = f"{path.parent.name}/{path.name}"
    return ModelError(f"{place} is a pickle, which can run code and is not opened", hint=hint, field=field)


def _quoted(path: Path) -> str:
    return f'"{path}"' if " " in str(path) else str(path)
