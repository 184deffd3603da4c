"""Going on from saved latents: a file of them, or a step of an earlier image, made again where it was not saved.

What a line does not say it has from there. What is settled by how the run began cannot be changed on the way.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import expanded, is_file
from invoke_cli.engine import Model
from invoke_cli.errors import ImageError, MetadataError, PlanError, blame
from invoke_cli.generation.execute import generate_images
from invoke_cli.generation.prepare import Prepared, reference_folder
from invoke_cli.generation.resolved_line import ResolvedLine
from invoke_cli.imaging.open_image import read_file
from invoke_cli.inputs.references import find_image, is_recall, split_step
from invoke_cli.inputs.supplied import NO_INPUTS, SuppliedInputs
from invoke_cli.inputs.url import is_url
from invoke_cli.language.switches.table import SWITCHES
from invoke_cli.metadata import decode
from invoke_cli.metadata.containers.text_chunks import read_chunks
from invoke_cli.metadata.latents import SUFFIX, LatentFile, planned_latents, read_latents
from invoke_cli.output.folder import OutputFolder
from invoke_cli.planning.plan import Plan
from invoke_cli.planning.recorded_request import SETTLED
from invoke_cli.replay.replay import Replay, prepare_replay
from invoke_cli.replay.saved_latents import resumed_request
from invoke_cli.request import GenerationRequest


def resume_from_latents(context: SessionContext, line: ResolvedLine) -> tuple[ResolvedLine, SuppliedInputs]:
    """Give a line what its first stage takes from saved latents, where its `-I` names such.

    Raises:
        ImageError: The latents are damaged, or cannot be resumed.
        PlanError: The line changes what the run's beginning settled, or its model has another VAE.
    """
    reference = line.request.init_image
    with blame("init_image"):
        file = _find(context, reference, line.request) if reference else None
    if file is None:
        return line, NO_INPUTS
    folders = [reference_folder(context, line.request), context.folder()]
    request, supplied = resumed_request(file, line.typed, folders)
    line = line.with_request(context, request)
    _check_vae(context, file, line.first.model)
    return line, replace(supplied, reference=reference)


def _check_vae(context: SessionContext, file: LatentFile, model: Model) -> None:
    if context.vae_hash(model) != file.vae:
        hint = f"the model that made them is {file.model}; or start from the image itself"
        message = f"the latents of {file.name} belong to another autoencoder than that of {model.spec.name}"
        raise PlanError(message, hint=hint, field="init_image")


def _find(context: SessionContext, reference: str, request: GenerationRequest) -> LatentFile | None:
    """The saved latents that a reference means; None when it means a picture."""
    folder = reference_folder(context, request)
    if is_url(reference):
        return None
    step = split_step(reference)
    if step is not None:
        return _step(context, find_image(step[0], _folder(context, step[0], folder)), step[1], request)
    path = expanded(reference)
    places = [path, folder.path / path]
    if path.suffix == SUFFIX and (kept := folder.input_named(path.name)) is not None:
        places.append(kept)
    found = next((place for place in places if is_file(place)), None)
    if found is None or found.suffix != SUFFIX:
        return None
    return read_latents(read_file(found), path.name if found == places[-1] else _telling_name(found))


def _folder(context: SessionContext, image: str, folder: OutputFolder) -> OutputFolder:
    """Where an image is looked for: a recall, where the last result went."""
    return context.latest or folder if is_recall(image) else folder


def _telling_name(path: Path) -> str:
    """A name by which a step's file can be told from another image's."""
    folders = [path.parent] if not path.parent.name.startswith("stage-") else [path.parent.parent, path.parent]
    inside = "intermediates" in (folder.parent.name for folder in folders)
    return ".".join([*(folder.name for folder in folders), path.name]) if inside else path.name


def _step(context: SessionContext, path: Path, step: int, request: GenerationRequest) -> LatentFile:
    """An image's latents after a step: as they were saved, else by making the image again up to there."""
    for folder in (reference_folder(context, request), context.latest):
        saved = _saved(folder, path, step) if folder is not None else None
        if saved is not None:
            return saved
    remake = prepare_replay(context, path)
    last = remake.prepared.last
    _check_range(path, last.plan, step)
    if last.plan.patches or (remake.prepared.later and last.masked is not None):
        kind = "that grows in passes" if last.plan.patches else "that paints on the stage before"
        raise ImageError(f"a step of a picture {kind} cannot be gone on from", hint="start from the picture itself")
    name = f"{path.stem}.step-{step:02d}{SUFFIX}"
    if request.dry_run:
        return planned_latents(last.plan, remake.prepared.last.plan.images[0], step, context.vae_hash(last.model), name)
    context.notice(f"step {step} of {path.name} is not saved: it is made again up to there")
    return read_latents(_made_again(context, remake, step), name)


def _saved(folder: OutputFolder, path: Path, step: int) -> LatentFile | None:
    """The step's latents where they were saved, whole, and with this image."""
    try:
        recalled = decode(read_chunks(path))
    except MetadataError:
        recalled = None
    inner = folder.intermediates(path, 0, 0)
    if recalled is not None and recalled.earlier:
        inner = inner / f"stage-{len(recalled.stages)}"
    found = inner / f"step-{step:02d}{SUFFIX}"
    if not path.is_relative_to(folder.path) or not is_file(found):
        return None
    try:
        file = read_latents(read_file(found), _telling_name(found))
    except ImageError:
        return None
    same = recalled is None or all(
        getattr(file.request, row.field) == getattr(recalled.request, row.field)
        for row in SWITCHES
        if row.recorded and row.field not in SETTLED
    )
    return file if same else None


def _check_range(path: Path, plan: Plan, step: int) -> None:
    if plan.untouched:
        raise ImageError(f"{path.name} was made without a step", hint="use the image itself")
    first = plan.resume.step if plan.resume else 0
    if not first <= step <= plan.steps.taken:
        hint = f"for example -I {path.name}:{(first + plan.steps.taken) // 2}"
        raise ImageError(f"{path.name} has the steps {first} to {plan.steps.taken}, not {step}", hint=hint)


def _made_again(context: SessionContext, remake: Replay, step: int) -> bytes:
    first = remake.prepared
    last = replace(first.last, until=step)
    stopped: Prepared = replace(first, later=(*first.later[:-1], last)) if first.later else last
    results = list(generate_images(context, stopped, remake.provenance))
    return results[remake.place].latents[0]
