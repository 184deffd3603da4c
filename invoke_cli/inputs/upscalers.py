"""What the work after the picture needs besides the model: networks in files, diffusion upscalers of models.yaml."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from invoke_cli.context.context import Workshop, latents_identity
from invoke_cli.context.paths import expanded, is_file
from invoke_cli.errors import ModelError, PlanError
from invoke_cli.models.upscalers import UPSCALER_KINDS, Upscaler, upscaler_at
from invoke_cli.planning.postprocess import Helpers, NetworkFile
from invoke_cli.request import GenerationRequest

EMBIGGEN = "embiggen"
SUFFIXES = (".pth", ".pt", ".safetensors")
_PUBLISHED = {"gfpgan": "GFPGANv1.4.pth", "codeformer": "codeformer.pth"}


def find_helpers(workshop: Workshop, request: GenerationRequest, *, with_init: bool) -> Helpers:
    """The networks that a request's work after the picture asks for; an error says which file to put where."""
    faces = _faces(workshop, request.facetool or "gfpgan") if request.facetool_strength else None
    for kind in UPSCALER_KINDS:
        if getattr(request, kind.field) and with_init:
            return Helpers(faces=faces, upscaler=_of_kind(workshop, kind.field, request.upscaler))
    name = request.upscaler
    if name is None or name == EMBIGGEN or not (request.upscale or request.embiggen):
        return Helpers(faces=faces)
    upscaler = _entry(workshop, name)
    if upscaler is not None:
        return Helpers(faces=faces, upscaler=upscaler)
    return Helpers(faces=faces, network=_named_network(workshop, name))


# -- networks in files -----------------------------------------------------------------------------------------------


def _faces(workshop: Workshop, tool: str) -> NetworkFile:
    found = _in_models(workshop, tool)
    if not found:
        hint = f"put {_PUBLISHED[tool]} into {_models(workshop) / 'faces'}"
        raise ModelError(f"the weights of {tool} are not there", hint=hint, field="facetool_strength")
    _check_library("facetool_strength")
    if tool == "codeformer" and find_spec("spandrel_extra_arches") is None:
        hint = "pip install spandrel_extra_arches (its licence forbids commercial use), or -ft gfpgan"
        raise ModelError("codeformer needs the library spandrel_extra_arches", hint=hint, field="facetool")
    return _network(found[0], found[0].name)


def _named_network(workshop: Workshop, name: str) -> NetworkFile:
    path = expanded(name)
    if not is_file(path):
        found = _in_models(workshop, Path(name).name)
        if len(found) != 1:
            raise _no_such_upscaler(workshop, name, found)
        path = found[0]
    _check_library("upscaler")
    return _network(path, name)


def _network(path: Path, reference: str) -> NetworkFile:
    return NetworkFile(name=path.name, reference=reference, path=path, sha256=_hash((path,), path.stat().st_mtime_ns))


def _in_models(workshop: Workshop, name: str) -> list[Path]:
    """The network files under the root's models/ with this name; else those whose name begins so."""
    files = [path for path in sorted(_models(workshop).glob("**/*")) if path.suffix.lower() in SUFFIXES]
    wanted = name.lower()
    exact = [path for path in files if wanted in (path.name.lower(), path.stem.lower())]
    return exact[:1] or [path for path in files if path.name.lower().startswith(wanted)]


def _models(workshop: Workshop) -> Path:
    return workshop.settings.places.root / "models"


def _check_library(field: str) -> None:
    if find_spec("spandrel") is None:
        hint = 'pip install "invoke-cli[upscale]"; without it, -U 2 lets the model itself draw the detail'
        raise ModelError("networks in files need the library spandrel", hint=hint, field=field)


def _no_such_upscaler(workshop: Workshop, name: str, found: list[Path]) -> PlanError:
    if found:
        names = ", ".join(path.name for path in found[:5])
        return PlanError(f"{name} could be any of {names}", hint="write more of the name", field="upscaler")
    hint = f"put its file into {_models(workshop) / 'upscalers'}, name a file, or an upscaler of models.yaml"
    return PlanError(f"there is no upscaler {name[:60]!r}", hint=hint, field="upscaler")


# -- diffusion upscalers ---------------------------------------------------------------------------------------------


def _of_kind(workshop: Workshop, field: str, name: str | None) -> Upscaler:
    """The diffusion upscaler behind a switch: the one that is named, else the first of models.yaml."""
    kind = next(row for row in UPSCALER_KINDS if row.field == field)
    names = [name] if name else list(workshop.settings.registry.models)
    for each in names:
        found = _entry(workshop, each)
        if found is not None and found.kind is kind:
            return found
    hint = f"download {kind.published} in the diffusers layout and enter its folder in models.yaml"
    spelling = f"--{field} {kind.factor}"
    if name:
        raise PlanError(f"{name} is no x{kind.factor} diffusion upscaler", hint=hint, field="upscaler")
    raise ModelError(f"{spelling} needs an x{kind.factor} diffusion upscaler, and models.yaml has none", hint=hint,
                     field=field)  # fmt: skip


def _entry(workshop: Workshop, name: str) -> Upscaler | None:
    """The diffusion upscaler of this name in models.yaml, with its hashes."""
    spec = workshop.settings.registry.models.get(name)
    if spec is None:
        return None
    found = upscaler_at(workshop.settings.places.model_folder(spec.path), name)
    if found is None:
        return None
    weights = found.weights
    newest = max(path.stat().st_mtime_ns for path in weights)
    return replace(found, sha256=_hash(weights, newest), vae=latents_identity(found.vae_config, weights[1:2]))


@cache
def _hash(paths: tuple[Path, ...], changed: int) -> str:  # noqa: ARG001  # a file that has changed is hashed anew
    """SHA-256 of a file's bytes; of several files, of their hashes."""
    digests = []
    for path in paths:
        with path.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256"))
    if len(digests) == 1:
        return digests[0].hexdigest()
    return hashlib.sha256(b"".join(digest.digest() for digest in digests)).hexdigest()
