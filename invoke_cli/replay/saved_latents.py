"""Combine the run that saved latents with the changes of a line, as far as they are possible."""

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
    file: LatentFile, line_request: GenerationRequest, folders: Sequence[OutputFolder]
) -> tuple[GenerationRequest, SuppliedInputs]:
    """Return the request and the inputs of a run that resumes from saved latents.

    Args:
        file: The saved latents.
        line_request: The fields that the line sets.
        folders: The output folders whose stores may contain the inputs of the original run.

    Raises:
        ImageError: The run cannot be resumed.
        PlanError: The line changes a setting that affects completed steps.
    """
    if file.private and line_request.prompt is None:
        hint = "type a prompt before -I"
        raise ImageError(f"{file.name} was saved with --private: it contains no prompt", hint=hint)
    if file.finished and line_request.strength is not None:
        return _as_init_image(file, line_request), SuppliedInputs(checkpoint=file, as_init_image=True)
    if file.request.outcrop is not None:
        hint = "start from the image itself"
        raise ImageError(f"cannot resume {file.name}: outpainting runs in several passes", hint=hint)
    _check_changes(file, line_request)
    full_request = overlay(file.request, _changes(line_request))
    supplied = SuppliedInputs(
        checkpoint=file, controls=() if line_request.controls is not None else tuple(_controls(file, folders))
    )
    if file.masked:
        return full_request, _with_masked_images(supplied, file, folders)
    return full_request, _with_colours(supplied, file, full_request.match_colors or "", folders)


def _changes(line_request: GenerationRequest) -> GenerationRequest:
    """Return the fields of a line that can change when resuming."""
    fixed = {*SETTLED, "width", "height"}
    return GenerationRequest.of({name: value for name, value in line_request.set_fields().items() if name not in fixed})


def _with_masked_images(supplied: SuppliedInputs, file: LatentFile, folders: Sequence[OutputFolder]) -> SuppliedInputs:
    """Add the stored init image and mask of the original run."""
    names = file.request.init_image or "init image", file.request.init_mask or "mask"
    return replace(
        supplied,
        init=_stored_input(file, names[0], file.init_sha256, folders),
        mask=_stored_input(file, names[1], file.mask_sha256, folders) if file.mask_sha256 else None,
    )


def _with_colours(
    supplied: SuppliedInputs, file: LatentFile, choice: str, folders: Sequence[OutputFolder]
) -> SuppliedInputs:
    """Add the stored init image of the original run if `--match_colors` uses it."""
    if not choice or ":" in choice or not file.init_sha256:
        return supplied
    name = file.request.init_image or "init image"
    return replace(supplied, colours=_stored_input(file, name, file.init_sha256, folders))


def _as_init_image(file: LatentFile, line_request: GenerationRequest) -> GenerationRequest:
    """Return the request for image to image from the latents of a finished run, which need no encoding."""
    for row in SWITCHES:
        if row.field == "init_mask" and line_request.init_mask is not None:
            hint = "use the image itself with -I"
            raise PlanError(f"{row.spelling} needs an image, not latents", hint=hint, field=row.field)
    if (line_request.width or file.canvas.width, line_request.height or file.canvas.height) != tuple(file.canvas):
        hint = "omit -W and -H, or use the image itself with -I"
        raise PlanError(f"latents cannot be resized from {file.canvas}", hint=hint, field="width")
    original = GenerationRequest(prompt=file.request.prompt, model=file.request.model)
    width, height = file.canvas
    return replace(overlay(original, line_request), init_image=file.name, width=width, height=height)


def _check_changes(file: LatentFile, line_request: GenerationRequest) -> None:
    """Raise PlanError for a switch that changes a setting which affects completed steps."""
    settled = {**file.request.set_fields(), "width": file.canvas.width, "height": file.canvas.height}
    locked = (SETTLED - {"init_image"}) | {"num_inference_steps", "scheduler", "width", "height"}
    for row in SWITCHES:
        value = getattr(line_request, row.field)
        if row.field not in locked or not value:
            continue
        unchanged = (settled.get(row.field), getattr(file.request, row.field))
        if value in unchanged or (row.field == "scheduler" and find_sampler(value).name in unchanged):
            continue
        hint = f"omit {row.spelling}; the prompt, -C, -S, -m and effects can change when resuming"
        if file.finished:
            hint = "with -f .5 it becomes an init image, and every setting can change"
        message = f"{row.spelling} cannot be changed when resuming {file.name}"
        raise PlanError(message, hint=hint, field=row.field)


def _controls(file: LatentFile, folders: Sequence[OutputFolder]) -> Iterator[OpenedImage]:
    """Yield the control images of the original run."""
    for choice, sha256 in zip(file.request.controls or (), file.control_sha256s, strict=False):
        yield _stored_input(file, choice.image, sha256, folders)


def _stored_input(file: LatentFile, name: str, sha256: str, folders: Sequence[OutputFolder]) -> OpenedImage:
    """Return an input of the original run from the store of one of the folders."""
    stored = next((path for folder in folders if (path := folder.find_input(sha256)) is not None), None)
    if stored is None:
        hint = "put it into .invoke/inputs of the output folder, or start from the finished image"
        raise ImageError(f"image {name}, which {file.name} needs, was not found", hint=hint)
    return replace(open_path(stored), name=Path(name).name)
