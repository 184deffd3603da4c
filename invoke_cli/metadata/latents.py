"""The description inside a file of saved latents: written by the engine, read here without a tensor library.

The file is an ordinary safetensors file with one entry of ours in its header, as JSON.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from invoke_cli.documents import parse_json
from invoke_cli.errors import ImageError, LineError
from invoke_cli.imaging.sizes import Size
from invoke_cli.language.grammar.format import format_line
from invoke_cli.language.grammar.line import Generation, parse
from invoke_cli.metadata.formats.dream import without_prompts
from invoke_cli.models.files.weights_header import is_tensor_entry
from invoke_cli.planning.plan import ImagePlan, Plan
from invoke_cli.planning.recorded_request import base_request
from invoke_cli.request import GenerationRequest

SUFFIX = ".safetensors"
ABOUT, LATENTS, HISTORY, GENERATOR = "invoke-cli", "latents", "history", "generator"
VERSION = 1
_LENGTH = struct.Struct("<Q")
_MAX_HEADER = 10_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class LatentFile:
    """Saved latents and their description.

    Attributes:
        name: The file's base name.
        data: The file's bytes.
        about: The whole description.
        request: The request of the stage that the latents belong to.
        step: The finished step.
        taken: The number of steps that the stage takes.
        seed: The seed of the noise that the stage started from.
        canvas: The size that the model works at.
        vae: The hash of the autoencoder that the latents belong to.
        masked: Whether the stage has a mask.
        chained: Whether the stage started from an earlier stage's result.
        init_size: The size of the init image.
        init_sha256: The hash of the init image.
        mask_sha256: The hash of the mask.
        control_sha256s: The hashes of the control images.
        image_name: The base name of the image that the latents became; empty if it is unknown.
        image_sha256: The hash of that image.
    """

    name: str
    data: bytes
    sha256: str
    about: Mapping[str, Any]
    request: GenerationRequest
    step: int
    taken: int
    seed: int
    canvas: Size
    vae: str
    model: str
    private: bool
    masked: bool
    chained: bool
    init_size: Size | None = None
    init_sha256: str = ""
    mask_sha256: str = ""
    control_sha256s: tuple[str, ...] = ()
    image_name: str = ""
    image_sha256: str = ""

    @property
    def source(self) -> str:
        """Empty: latents are not downloaded."""
        return ""

    @property
    def finished(self) -> bool:
        """Whether no steps are left."""
        return self.step == self.taken


def describe(plan: Plan, image: ImagePlan, step: int, vae: str) -> dict[str, object]:
    """Return the description of an image's latents after `step`, without what only the engine knows of tensors."""
    request = base_request(plan, image, by_name=True)
    return {
        "version": VERSION,
        "line": format_line([without_prompts(request) if plan.output.private else request]),
        "private": plan.output.private,
        "model": plan.model,
        "family": plan.family.name,
        "sampler": plan.sampler.name,
        "vae": vae,
        "step": step,
        "steps": plan.steps.taken,
        "steps_scheduled": plan.steps.scheduled,
        "width": plan.width,
        "height": plan.height,
        "seed": plan.resume.seed if plan.resume else image.seed,
        "masked": plan.mask is not None,
        "chained": plan.init is not None and plan.init.chained,
        "init_size": list(plan.init.size) if plan.init else None,
        **_input_hashes(plan),
    }


def _input_hashes(plan: Plan) -> dict[str, object]:
    """Return the hashes of the input images; empty for a private run."""
    if plan.output.private:
        return {"init_hash": "", "mask_hash": "", "control_hashes": []}
    return {
        "init_hash": plan.init.sha256 if plan.init else "",
        "mask_hash": plan.mask.sha256 if plan.mask else "",
        "control_hashes": [use.image_sha256 for use in plan.controls],
    }


def planned_latents(plan: Plan, image: ImagePlan, step: int, vae: str, name: str) -> LatentFile:
    """Return the description of latents that do not exist yet, without data: enough to plan with."""
    return _read(describe(plan, image, step, vae), b"", name)


def read_latents(data: bytes, name: str) -> LatentFile:
    """Parse a file of saved latents.

    Raises:
        ImageError: The file is damaged, or another program wrote it.
    """
    header = _header(data)
    if header is None:
        raise ImageError(f"{name} is damaged, or not a file of saved latents", hint="--save_latents writes them")
    metadata = header.get("__metadata__")
    text = metadata.get(ABOUT) if isinstance(metadata, dict) else None
    if text is None:
        hint = "only latents written by --save_latents can be resumed; pass an image"
        raise ImageError(f"{name} contains no latents of this program", hint=hint)
    try:
        return _read(parse_json(text), data, name)
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, LineError):
        raise ImageError(f"{name} is damaged: its description cannot be read", hint="save it again") from None


def _header(data: bytes) -> dict[str, Any] | None:
    """Return the header of a complete safetensors file, None otherwise: tensors end where the file ends."""
    try:
        (length,) = _LENGTH.unpack_from(data)
        if length > _MAX_HEADER:
            return None
        header: dict[str, Any] = parse_json(data[_LENGTH.size : _LENGTH.size + length])
        tensors = [entry for key, entry in header.items() if key != "__metadata__"]
    except (struct.error, ValueError, AttributeError):
        return None
    if not all(map(is_tensor_entry, tensors)):
        return None
    ends = [entry["data_offsets"][1] for entry in tensors]
    is_complete = ends and len(data) == _LENGTH.size + length + max(ends)
    return header if is_complete else None


def _read(about: Any, data: bytes, name: str) -> LatentFile:
    line = parse(about["line"])
    if about["version"] != VERSION or not isinstance(line, Generation):
        raise ValueError("not of this version")
    size = about["init_size"]
    return LatentFile(
        name=name,
        data=data,
        sha256=hashlib.sha256(data).hexdigest(),
        about=about,
        request=line.stages[0].request,
        step=int(about["step"]),
        taken=int(about["steps"]),
        seed=int(about["seed"]),
        canvas=Size(int(about["width"]), int(about["height"])),
        vae=str(about["vae"]),
        model=str(about["model"]),
        private=bool(about["private"]),
        masked=bool(about["masked"]),
        chained=bool(about["chained"]),
        init_size=Size(*map(int, size)) if size else None,
        init_sha256=str(about["init_hash"]),
        mask_sha256=str(about["mask_hash"]),
        control_sha256s=tuple(map(str, about.get("control_hashes", ()))),
    )
