"""Reject pickled weights, which can run code when opened, and suggest how to convert them."""

from __future__ import annotations

import re
from pathlib import Path

from invoke_cli.errors import ModelError

PICKLES = (".ckpt", ".pt", ".pth", ".bin")
_PART_OF_SEVERAL = re.compile(r"-\d+-of-\d+")
_EXPLANATION = "converts it to .safetensors with a loader that runs no code"


def pickle_error(path: Path, field: str = "model") -> ModelError:
    """Return the error for a pickle in place of a single-file model."""
    return _build_error(path, conversion_command(path), field)


def conversion_command(path: Path) -> str:
    """Return the command that converts a pickle, with an explanation."""
    return f"!convert_model {_quoted(path)} {_EXPLANATION}"


def check_not_pickled(folder: Path, field: str = "model") -> None:
    """Raise ModelError, with the command that converts them, if the folder of a component contains pickles."""
    found = [path for path in sorted(folder.glob("*")) if path.suffix.lower() in PICKLES]
    if not found:
        return
    path = next((path for path in found if "model" in path.stem and path.name.count(".") == 1), found[0])
    if _PART_OF_SEVERAL.search(path.stem):
        raise _build_error(path, "use a .safetensors version of the model; sharded pickles cannot be converted", field)
    # transformers used to write pytorch_model.bin, but looks for model.safetensors.
    name = "model" if path.stem == "pytorch_model" else path.stem
    target = path.with_name(f"{name}.safetensors")
    convert = f"!convert_model {_quoted(path)} {_quoted(target)} {_EXPLANATION}"
    raise _build_error(path, f"use a .safetensors version of the model, or convert each such file: {convert}", field)


def _build_error(path: Path, hint: str, field: str) -> ModelError:
    short_path = f"{path.parent.name}/{path.name}"
    return ModelError(f"{short_path} is a pickle, which can run code and is never loaded", hint=hint, field=field)


def _quoted(path: Path) -> str:
    return f'"{path}"' if " " in str(path) else str(path)
