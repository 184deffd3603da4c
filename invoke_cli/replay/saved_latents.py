"""A run that saved latents began, and what a line or a record may change of it on the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from invoke_cli.errors import ImageError, PlanError
from invoke_cli.imaging.open_image import OpenedImage, open_path
from invoke_cli.inputs.supplied import SuppliedInputs
from invoke_cli.language.switches.table import SWITCHES
from invoke_cli.metadata.latents import LatentFile
from invoke_cli.models.samplers import find_sampler
from invoke_cli.output.folder import OutputFolder
from invoke_cli.planning.recorded_request import SETTLED
from invoke_cli.request import GenerationRequest, overlay


def resumed_request(
    file: LatentFile, said: GenerationRequest, folders: Sequence[OutputFolder]
) -> tuple[GenerationRequest, SuppliedInputs]:
    """The request of the whole run, and what is given for it; `folders` keep the pictures that it paints on."""
    if file.private and said.prompt is None:
        hint = "write a prompt in front of -I"
        raise ImageError(f"{file.name} was saved with --private: its prompt is not in it", hint=hint)
    if file.finished and said.strength is not None:
        return _as_picture(file, said), SuppliedInputs(checkpoint=file, as_picture=True)
    if file.request.outcrop is not None:
        hint = "start from the picture itself"
        raise ImageError(f"{file.name} is of a picture that grew in passes: it cannot be gone on from", hint=hint)
    _refuse_changes(file, said)
    changed = {name: value for name, value in said.set_fields().items() if name not in {*SETTLED, "width", "height"}}
    whole = overlay(file.request, GenerationRequest.of(changed))
    given = SuppliedInputs(
        checkpoint=file, controls=() if said.controls is not None else tuple(_controls(file, folders))
    )
    if not file.masked:
        return whole, given
    names = file.request.init_image or "init image", file.request.init_mask or "mask"
    return whole, replace(
        given,
        init=_input(file, names[0], file.init_sha256, folders),
        mask=_input(file, names[1], file.mask_sha256, folders) if file.mask_sha256 else None,
    )


def _as_picture(file: LatentFile, said: GenerationRequest) -> GenerationRequest:
    """Image to image from finished latents, which are not encoded any more."""
    for row in SWITCHES:
        if row.field == "init_mask" and said.init_mask is not None:
            hint = "name the picture itself with -I"
            raise PlanError(f"{row.spelling} paints on pictures, not on latents", hint=hint, field=row.field)
    if (said.width or file.canvas.width, said.height or file.canvas.height) != tuple(file.canvas):
        hint = "leave -W and -H out, or name the picture itself with -I"
        raise PlanError(f"latents keep their size, {file.canvas}", hint=hint, field="width")
    own = GenerationRequest(prompt=file.request.prompt, model=file.request.model)
    width, height = file.canvas
    return replace(overlay(own, said), init_image=file.name, width=width, height=height)


def _refuse_changes(file: LatentFile, said: GenerationRequest) -> None:
    """PlanError for a switch that would change what is settled, by how the run began."""
    settled = {**file.request.set_fields(), "width": file.canvas.width, "height": file.canvas.height}
    locked = (SETTLED - {"init_image"}) | {"num_inference_steps", "scheduler", "width", "height"}
    for row in SWITCHES:
        value = getattr(said, row.field)
        if row.field not in locked or value is None or not value or value == settled.get(row.field):
            continue
        if row.field == "scheduler" and find_sampler(value).name == settled.get(row.field):
            continue
        if row.field in ("width", "height") and value == getattr(file.request, row.field):
            continue
        hint = f"leave {row.spelling} out; words, -C, -S, -m and looks may change on the way"
        if file.finished:
            hint = "with -f .5 it is an init image, for which everything may be said anew"
        message = f"{file.name} goes on with what its run began with: {row.spelling} cannot change it"
        raise PlanError(message, hint=hint, field=row.field)


def _controls(file: LatentFile, folders: Sequence[OutputFolder]) -> Iterator[OpenedImage]:
    """The control images of the run."""
    for choice, sha256 in zip(file.request.controls or (), file.control_sha256s, strict=False):
        yield _input(file, choice.image, sha256, folders)


def _input(file: LatentFile, name: str, sha256: str, folders: Sequence[OutputFolder]) -> OpenedImage:
    """A picture that the run works with, from the store of one of the folders."""
    kept = next((path for folder in folders if (path := folder.find_input(sha256)) is not None), None)
    if kept is None:
        hint = "it belongs into .invoke/inputs of the folder with the results; or start from the finished picture"
        raise ImageError(f"the picture {name} that {file.name} needs is not at hand", hint=hint)
    return replace(open_path(kept), name=Path(name).name)
