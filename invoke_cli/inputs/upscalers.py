"""Find the networks for postprocessing: files in models/, and the diffusion upscalers of models.yaml."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from invoke_cli.context.context import SessionContext
from invoke_cli.context.model_hashes import latents_identity
from invoke_cli.context.paths import MODELS, expand_path, is_file, is_folder, path_exists
from invoke_cli.errors import ModelError, PlanError
from invoke_cli.input_files import file_sha256
from invoke_cli.models.upscalers import UPSCALER_KINDS, Upscaler, upscaler_at
from invoke_cli.planning.postprocess import NetworkFile, PostprocessModels
from invoke_cli.request import GenerationRequest

EMBIGGEN = "embiggen"
SUFFIXES = (".pth", ".pt", ".safetensors")
_FILE_NAMES = {"gfpgan": "GFPGANv1.4.pth", "codeformer": "codeformer.pth"}
_LABELS = {"gfpgan": "GFPGAN", "codeformer": "CodeFormer"}


def find_postprocess_models(
    context: SessionContext, request: GenerationRequest, *, with_init: bool
) -> PostprocessModels:
    """Find the networks for the postprocessing of a request. The hint of an error explains where to put a file."""
    faces = _face_network(context, request.facetool or "gfpgan") if request.facetool_strength else None
    for kind in UPSCALER_KINDS:
        if getattr(request, kind.field) and with_init:
            return PostprocessModels(faces=faces, upscaler=_upscaler_of_kind(context, kind.field, request.upscaler))
    name = request.upscaler
    if name is None or name == EMBIGGEN or not (request.upscale or request.embiggen):
        return PostprocessModels(faces=faces)
    upscaler = _entry(context, name)
    if upscaler is not None:
        return PostprocessModels(faces=faces, upscaler=upscaler)
    return PostprocessModels(faces=faces, network=_named_network(context, name))


# -- networks in files -----------------------------------------------------------------------------------------------


def _face_network(context: SessionContext, tool: str) -> NetworkFile:
    found = _find_networks(context, tool)
    if not found:
        hint = f"put {_FILE_NAMES[tool]} into {_models_folder(context) / 'faces'}"
        raise ModelError(f"the {_LABELS[tool]} weights are missing", hint=hint, field="facetool_strength")
    _check_library("facetool_strength")
    if tool == "codeformer" and find_spec("spandrel_extra_arches") is None:
        hint = "pip install spandrel_extra_arches (its licence forbids commercial use), or use -ft gfpgan"
        raise ModelError("CodeFormer needs the library spandrel_extra_arches", hint=hint, field="facetool")
    return _network(found[0], found[0].name)


def _named_network(context: SessionContext, name: str) -> NetworkFile:
    path = expand_path(name)
    if not is_file(path):
        found = _find_networks(context, Path(name).name)
        if len(found) != 1:
            raise _unknown_upscaler(context, name, found)
        path = found[0]
    _check_library("upscaler")
    return _network(path, name)


def _network(path: Path, reference: str) -> NetworkFile:
    return NetworkFile(name=path.name, reference=reference, path=path, sha256=_hash((path,), path.stat().st_mtime_ns))


def _find_networks(context: SessionContext, name: str) -> list[Path]:
    """Return the network file in models/ with this name; else all whose names start with it."""
    paths = [path for folder in context.settings.paths.data_folders(MODELS) for path in sorted(folder.glob("**/*"))]
    files = [path for path in paths if path.suffix.lower() in SUFFIXES]
    lower_name = name.lower()
    exact = [path for path in files if lower_name in (path.name.lower(), path.stem.lower())]
    return exact[:1] or [path for path in files if path.name.lower().startswith(lower_name)]


def _models_folder(context: SessionContext) -> Path:
    return context.settings.paths.data_folders(MODELS)[0]


def _check_library(field: str) -> None:
    if find_spec("spandrel") is None:
        hint = 'pip install "invoke-cli[upscale]"; without --upscaler, -U 2 adds detail with the model itself'
        raise ModelError("network files need the library spandrel", hint=hint, field=field)


def _unknown_upscaler(context: SessionContext, name: str, found: list[Path]) -> PlanError:
    if found:
        names = ", ".join(path.name for path in found[:5])
        return PlanError(f"{name} is ambiguous: {names}", hint="type more of the name", field="upscaler")
    if path_exists(expand_path(name)):
        hint = "expected the folder of a diffusion upscaler, or a .pth or .safetensors file of a network"
        return PlanError(f"{name[:100]} is not an upscaler", hint=hint, field="upscaler")
    hint = f"put its file into {_models_folder(context) / 'upscalers'}, or choose a file or an upscaler of models.yaml"
    return PlanError(f"no such upscaler: {name[:60]}", hint=hint, field="upscaler")


# -- diffusion upscalers ---------------------------------------------------------------------------------------------


def _upscaler_of_kind(context: SessionContext, field: str, name: str | None) -> Upscaler:
    """Return the diffusion upscaler for a switch: the one with this name, else the first in models.yaml."""
    kind = next(row for row in UPSCALER_KINDS if row.field == field)
    names = [name] if name else list(context.settings.registry.models)
    for each in names:
        found = _entry(context, each)
        if found is not None and found.kind is kind:
            return found
    hint = f"download {kind.published} in the diffusers layout and add its folder to models.yaml"
    spelling = f"--{field} {kind.factor}"
    if name:
        raise PlanError(f"{name} is not an x{kind.factor} diffusion upscaler", hint=hint, field="upscaler")
    raise ModelError(f"{spelling} needs an x{kind.factor} diffusion upscaler, but models.yaml has none", hint=hint,
                     field=field)  # fmt: skip


def _entry(context: SessionContext, name: str) -> Upscaler | None:
    """Return the diffusion upscaler of this name in models.yaml or in this folder, with its hashes; None if none is."""
    spec = context.settings.registry.models.get(name)
    folder = context.settings.paths.model_folder(spec.path) if spec else expand_path(name)
    found = upscaler_at(folder, name if spec else folder.name, name) if is_folder(folder) else None
    if found is None:
        return None
    weights = found.weights
    newest = max(path.stat().st_mtime_ns for path in weights)
    return replace(found, sha256=_hash(weights, newest), vae=latents_identity(found.vae_config, weights[1:2]))


@cache
def _hash(paths: tuple[Path, ...], changed: int) -> str:  # noqa: ARG001  # a part of the cache key
    """Return the SHA-256 of a file; of several files, that of their hashes. `changed` invalidates the cache."""
    digests = [file_sha256(path) for path in paths]
    return digests[0].hex() if len(digests) == 1 else hashlib.sha256(b"".join(digests)).hexdigest()
