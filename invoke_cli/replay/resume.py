"""Resume from saved latents: from a file, or from a step of an earlier image, recomputed if it was not saved.

The line inherits every setting of the original run that it does not override. Some settings cannot be changed, since
they affect the steps that are already complete.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import expand_path, is_file
from invoke_cli.engine import Model
from invoke_cli.errors import ImageError, MetadataError, PlanError, blame
from invoke_cli.generation.execute import generate_images
from invoke_cli.generation.prepare import Prepared, reference_folder
from invoke_cli.generation.resolved_line import ResolvedLine
from invoke_cli.imaging.open_image import read_file
from invoke_cli.inputs.references import find_image, is_recall, split_step
from invoke_cli.inputs.supplied import NO_INPUTS, SuppliedInputs
from invoke_cli.inputs.url import is_url
from invoke_cli.metadata.codecs import decode
from invoke_cli.metadata.containers.text_chunks import read_chunks
from invoke_cli.metadata.latents import SUFFIX, LatentFile, planned_latents, read_latents
from invoke_cli.output.folder import OutputFolder
from invoke_cli.planning.plan import Plan
from invoke_cli.replay.latent_images import same_settings, step_name, with_image
from invoke_cli.replay.replay import Replay, prepare_replay
from invoke_cli.replay.saved_latents import resumed_request
from invoke_cli.request import GenerationRequest


def resume_from_latents(context: SessionContext, line: ResolvedLine) -> tuple[ResolvedLine, SuppliedInputs]:
    """Resolve the saved latents that the `-I` of a line refers to, if any.

    Raises:
        ImageError: The latents are damaged, or cannot be resumed.
        PlanError: The line changes a setting that affects completed steps, or its model has another VAE.
    """
    reference = line.request.init_image
    with blame("init_image"):
        file = _find_latents(context, reference, line.request) if reference else None
    if file is None:
        return line, NO_INPUTS
    _report_last_step(context, file, line.typed)
    folders = [reference_folder(context, line.request), context.folder()]
    request, supplied = resumed_request(file, line.typed, folders)
    line = line.with_request(context, request)
    _check_vae(context, file, line.first.model)
    return line, replace(supplied, reference=reference)


def _report_last_step(context: SessionContext, file: LatentFile, request: GenerationRequest) -> None:
    """Tell the user that resuming decodes the same image again, unless the latents become an init image."""
    if file.finished and request.strength is None:
        text = f"nothing is left to do: {file.name} is the last of {file.taken} steps"
        context.notice(f"{text}; add -f .5 to start a new run from it")


def _check_vae(context: SessionContext, file: LatentFile, model: Model) -> None:
    if context.hashes.of_vae(model) == file.vae:
        return
    known = context.settings.registry.models
    original = context.settings.model(file.model) if file.model in known else model
    if context.hashes.of_vae(original) != file.vae or not context.hashes.has_same_vae(original, model):
        hint = f"use their model, {file.model}, or start from the image itself"
        message = f"the latents of {file.name} were generated with another VAE than that of {model.spec.name}"
        raise PlanError(message, hint=hint, field="init_image")


def _find_latents(context: SessionContext, reference: str, request: GenerationRequest) -> LatentFile | None:
    """Return the saved latents that a reference resolves to; None if it is a reference to an image."""
    folder = reference_folder(context, request)
    if is_url(reference):
        return None
    step = split_step(reference)
    if step is not None:
        image = find_image(step[0], _folder(context, step[0], folder))
        file = _latents_of_step(context, image, step[1], request)
        return replace(file, image_name=image.name, image_sha256=hashlib.sha256(read_file(image)).hexdigest())
    path = expand_path(reference)
    candidates = [path, folder.path / path]
    stored = folder.find_input_by_name(path.name) if path.suffix == SUFFIX else None
    if stored is not None:
        candidates.append(stored)
    found = next((candidate for candidate in candidates if is_file(candidate)), None)
    if found is None or found.suffix != SUFFIX:
        return None
    file = read_latents(read_file(found), path.name if found == stored else step_name(found))
    return with_image(file, [folder, context.folder()])


def _folder(context: SessionContext, image: str, folder: OutputFolder) -> OutputFolder:
    """Return the folder to look up an image in: for a reference such as `@last`, that of the last result."""
    return context.latest or folder if is_recall(image) else folder


def _latents_of_step(context: SessionContext, path: Path, step: int, request: GenerationRequest) -> LatentFile:
    """Return the latents of an image after a step: the saved ones, or recomputed up to that step."""
    for folder in (reference_folder(context, request), context.latest):
        saved = _saved_latents(folder, path, step) if folder is not None else None
        if saved is not None:
            return saved
    recorded_run = prepare_replay(context, path)
    last = recorded_run.prepared.last
    _check_range(path, last.plan, step)
    if last.plan.patches or (recorded_run.prepared.later and last.masked is not None):
        reason = (
            "outpainting runs in several passes" if last.plan.patches else "its last stage inpaints the previous result"
        )
        raise ImageError(f"cannot resume {path.name}: {reason}", hint="start from the image itself")
    name = f"{path.stem}.step-{step:02d}{SUFFIX}"
    if request.dry_run:
        return planned_latents(
            last.plan, recorded_run.prepared.last.plan.images[0], step, context.hashes.of_vae(last.model), name
        )
    context.notice(f"step {step} of {path.name} was not saved: recomputing it")
    return read_latents(_recompute(context, recorded_run, step), name)


def _saved_latents(folder: OutputFolder, path: Path, step: int) -> LatentFile | None:
    """Return the saved latents of a step; None if they are missing, damaged or from another run."""
    try:
        metadata = decode(read_chunks(path))
    except MetadataError:
        metadata = None
    image_folder = folder.intermediates(path)
    if metadata is not None and metadata.earlier:
        image_folder = image_folder / f"stage-{len(metadata.stages)}"
    found = image_folder / f"step-{step:02d}{SUFFIX}"
    if not is_file(found):
        return None
    try:
        file = read_latents(read_file(found), step_name(found))
    except ImageError:
        return None
    return file if metadata is None or same_settings(file.request, metadata.request) else None


def _check_range(path: Path, plan: Plan, step: int) -> None:
    if plan.untouched:
        raise ImageError(f"{path.name} was generated without denoising steps", hint="start from the image itself")
    first = plan.resume.step if plan.resume else 0
    if not first <= step <= plan.steps.taken:
        hint = f"for example -I {path.name}:{(first + plan.steps.taken) // 2}"
        raise ImageError(f"{path.name} has the steps {first} to {plan.steps.taken}, not {step}", hint=hint)


def _recompute(context: SessionContext, recorded_run: Replay, step: int) -> bytes:
    first = recorded_run.prepared
    last = replace(first.last, until=step)
    stopped: Prepared = replace(first, later=(*first.later[:-1], last)) if first.later else last
    results = list(generate_images(context, stopped, recorded_run.provenance))
    return results[recorded_run.index].latents[0]
