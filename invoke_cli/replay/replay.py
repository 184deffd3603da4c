"""Reproduce an image from its metadata. `verify` compares the result with the image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import is_file
from invoke_cli.engine import MAX_THREADS, ImageResult
from invoke_cli.errors import MetadataError
from invoke_cli.generation.chain import prepare_recorded
from invoke_cli.generation.execute import generate_images
from invoke_cli.generation.prepare import Prepared, prepare_stage
from invoke_cli.imaging.open_image import OpenedImage, open_path, read_file
from invoke_cli.inputs import history_lookup
from invoke_cli.inputs.supplied import SuppliedInputs
from invoke_cli.inputs.url import is_url, url_name
from invoke_cli.language.sanitize import sanitize_for_terminal
from invoke_cli.metadata.codec import ParsedMetadata, Provenance
from invoke_cli.metadata.latents import SUFFIX, read_latents
from invoke_cli.output.folder import OutputFolder
from invoke_cli.planning.chain import inherited
from invoke_cli.planning.hires_fix import two_passes
from invoke_cli.planning.plan import ImagePlan
from invoke_cli.planning.plan_inputs import grid_of
from invoke_cli.replay.compatibility import usable_settings
from invoke_cli.replay.latent_images import with_image
from invoke_cli.replay.saved_latents import resumed_request
from invoke_cli.request import GenerationRequest, overlay


@dataclass(frozen=True, kw_only=True, slots=True)
class Replay:
    """A recorded run, ready to execute.

    Attributes:
        path: The file of the image.
        parsed: Its metadata.
        provenance: The recorded environment, batch and hashes; with empty values if the file contains none.
        prepared: The run.
        index: The index of the image in its batch.
    """

    path: Path
    parsed: ParsedMetadata
    provenance: Provenance
    prepared: Prepared
    index: int


def prepare_replay(context: SessionContext, path: Path, *, output: bool = False) -> Replay:
    """Prepare to reproduce an image.

    Args:
        context: The session context.
        path: The file of the image.
        output: Whether the result will be saved, with the output settings of this session.

    Raises:
        MetadataError: The metadata is missing or incomplete.
    """
    parsed = history_lookup.read_metadata(context, path)
    provenance = parsed.provenance or Provenance()
    if provenance.private:
        raise MetadataError(
            f"{path.name} was generated with --private: the file contains no prompt", hint="type the line again"
        )
    stages = _runnable_stages(context, parsed, path)
    parsed = _expand_hires_fix(context, replace(parsed, request=stages[-1], earlier=stages[:-1]))
    inputs = [_find_inputs(context, parsed, path, number) for number in range(len(parsed.stages))]
    threads = _usable_threads(provenance)
    resolved = [context.settings.resolve_recorded(request, output=output) for request, _ in inputs]
    supplied = [replace(each, threads=threads, schema_version=provenance.schema_version) for _, each in inputs]
    prepared = prepare_stage(context, resolved[0], supplied[0])
    images, index = _batch(prepared.plan.images[0], provenance)
    prepared = replace(prepared, plan=replace(prepared.plan, images=images))
    later = [replace(each, init=None, checkpoint=None) for each in supplied[1:]]
    prepared = prepare_recorded(context, prepared, list(zip(resolved[1:], later, strict=True)))
    return Replay(path=path, parsed=parsed, provenance=provenance, prepared=prepared, index=index)


def _runnable_stages(context: SessionContext, parsed: ParsedMetadata, path: Path) -> tuple[GenerationRequest, ...]:
    """Return the stages as they can run here. Raises MetadataError if the metadata is insufficient."""
    found = usable_settings(context, parsed)
    if parsed.provenance is not None:
        if found.lost:
            raise MetadataError(f"{path.name} needs the {found.lost[0]}", hint="!models lists the known models")
        return found.stages
    first = found.stages[0]
    hint = f"load its line with !fetch {path} and complete it; !info shows its metadata"
    if not (first.prompt or "").strip() and first.init_image is None:
        raise MetadataError(f"the metadata of {path.name} contains no prompt", hint=hint)
    if first.strength is not None and first.init_image is None and not first.hires_fix:
        raise MetadataError(f"the metadata of {path.name} does not name its init image", hint=hint)
    for text in (*found.lost, *found.missing):
        context.notice(f"not carried over: {sanitize_for_terminal(text)}")
    return found.stages


def _expand_hires_fix(context: SessionContext, parsed: ParsedMetadata) -> ParsedMetadata:
    """Convert a `--hires_fix` that another program recorded to its two stages."""
    request = parsed.request
    if not request.hires_fix or parsed.earlier or request.init_image is not None:
        return parsed
    passes = two_passes(request, grid_of(context.settings.model(request.model).facts))
    if passes is None:
        return parsed
    first, second = passes
    return replace(parsed, request=overlay(inherited(first), second), earlier=(first,))


def _usable_threads(provenance: Provenance) -> int:
    """Return the recorded number of threads; 0, for the current number, if it is not recorded or absurd."""
    threads = provenance.environment.get("threads")
    return threads if isinstance(threads, int) and 0 < threads <= MAX_THREADS else 0


def run_replay(context: SessionContext, recorded_run: Replay) -> ImageResult:
    """Execute a recorded run and return the image."""
    results = list(generate_images(context, recorded_run.prepared, recorded_run.provenance))
    return replace(results[recorded_run.index], index=0)


# -- recorded inputs --------------------------------------------------------------------------------------------------


def _find_inputs(
    context: SessionContext, parsed: ParsedMetadata, path: Path, number: int
) -> tuple[GenerationRequest, SuppliedInputs]:
    """Return the request of a stage and its inputs; a stage that resumes from latents inherits their settings."""
    request = parsed.stages[number]
    hashes = parsed.provenance.inputs if parsed.provenance else ()
    init, mask = hashes[number] if number < len(hashes) else ("", "")
    init_file = find_input(context, parsed, path, (request.init_image, init))
    guides = _find_controls(context, parsed, path, number)
    if init_file is not None and init_file[0].suffix == SUFFIX:
        folders = [OutputFolder(path.parent), context.folder()]
        file = with_image(read_latents(read_file(init_file[0]), init_file[1]), folders)
        full_request, supplied = resumed_request(file, request, folders)
        return full_request, replace(
            supplied,
            controls=guides or supplied.controls,
            colours=_find_colours(context, parsed, path, number) or supplied.colours,
        )
    mask_file = find_input(context, parsed, path, (request.init_mask, mask))
    return request, SuppliedInputs(
        init=_open_input(parsed, init_file), mask=_open_input(parsed, mask_file), controls=guides,
        colours=_find_colours(context, parsed, path, number),
    )  # fmt: skip


def _find_colours(context: SessionContext, parsed: ParsedMetadata, path: Path, number: int) -> OpenedImage | None:
    """Return the image whose colours a stage transfers, if it names one. Its hash is among those of all inputs."""
    name = (parsed.stages[number].match_colors or "").partition(":")[2]
    if not name:
        return None
    hashes = dict(parsed.provenance.parents) if parsed.provenance else {}
    return _open_input(parsed, find_input(context, parsed, path, (name, hashes.get(Path(name).name, ""))))


def _find_controls(context: SessionContext, parsed: ParsedMetadata, path: Path, number: int) -> tuple[OpenedImage, ...]:
    """Return the control images of a stage."""
    names = [choice.image for choice in parsed.stages[number].controls or ()]
    hashes = (
        parsed.provenance.controls[number] if parsed.provenance and number < len(parsed.provenance.controls) else ()
    )
    recorded = zip(names, (*hashes, *("",) * len(names)), strict=False)
    found = (_open_input(parsed, find_input(context, parsed, path, pair)) for pair in recorded)
    return tuple(opened for opened in found if opened is not None)


def _open_input(parsed: ParsedMetadata, found: tuple[Path, str] | None) -> OpenedImage | None:
    if found is None:
        return None
    opened = open_path(found[0])
    provenance = parsed.provenance or Provenance()
    names = {sha256: name for name, sha256 in provenance.parents}
    name, source = names.get(opened.sha256, found[1]), dict(provenance.sources).get(opened.sha256, "")
    return replace(opened, name=name if source else found[1], source=source)


def find_input(
    context: SessionContext, parsed: ParsedMetadata, path: Path, recorded: tuple[str | None, str]
) -> tuple[Path, str] | None:
    """Find a recorded input.

    It is looked up by hash in the stores of used inputs, then by name next to the image. Paths in the files of other
    programs are never opened.

    Args:
        context: The session context.
        parsed: The metadata of the image.
        path: The file of the image.
        recorded: The name of the input, or None, and its hash.

    Returns:
        The file and its base name; None if there is no such input.
    """
    name, wanted_hash = recorded
    if name is None:
        return None
    base = url_name(name) if is_url(name) else Path(name.replace("\\", "/")).name
    for folder in (OutputFolder(path.parent), context.folder()):
        stored = folder.find_input(wanted_hash)
        if stored is not None:
            return stored, base
    for candidate in (path.parent / base, Path(base), context.folder().path / base):
        if parsed.provenance is not None and is_file(candidate):
            return candidate, base
    hint = f"load its line with !fetch {path} and choose the image yourself"
    raise MetadataError(f"image {base}, an input of {path.name}, was not found", hint=hint)


def _batch(image: ImagePlan, provenance: Provenance) -> tuple[tuple[ImagePlan, ...], int]:
    """Return the images of the recorded batch, and the index of the image in it."""
    if provenance.batch.size < 2 or len(provenance.batch.seeds) != provenance.batch.size:
        return (image,), 0
    images = tuple(replace(image, seed=seed) for seed in provenance.batch.seeds)
    return images, min(provenance.batch.index, len(images) - 1)
