"""Making an image again from what its file says, and comparing the two: `!replay` and `!verify`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from invoke_cli import metadata
from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import is_file
from invoke_cli.engine import ImageResult
from invoke_cli.errors import MetadataError
from invoke_cli.generation.chain import prepare_recorded
from invoke_cli.generation.execute import generate_images
from invoke_cli.generation.prepare import Prepared, prepare_stage
from invoke_cli.generation.save import build_record
from invoke_cli.imaging.open_image import OpenedImage, open_path, read_file
from invoke_cli.inputs import history_lookup
from invoke_cli.inputs.supplied import SuppliedInputs
from invoke_cli.language.sanitize import sanitize_for_terminal
from invoke_cli.metadata.codec import ParsedMetadata, Provenance
from invoke_cli.metadata.containers.text_chunks import read_chunks
from invoke_cli.metadata.formats.invokeai2 import SD_METADATA
from invoke_cli.metadata.latents import SUFFIX, read_latents
from invoke_cli.output.folder import OutputFolder
from invoke_cli.output.png import pixel_hash
from invoke_cli.planning.chain import inherited
from invoke_cli.planning.hires_fix import two_passes
from invoke_cli.planning.plan import ImagePlan
from invoke_cli.planning.plan_inputs import grid_of
from invoke_cli.replay.compatibility import usable_settings
from invoke_cli.replay.saved_latents import resumed_request
from invoke_cli.request import GenerationRequest, overlay
from invoke_cli.version import __version__


class Verdict(Enum):
    """What `!verify` says of a file."""

    IDENTICAL = "identical"
    CLOSE = "within 1/255 (other torch or threads)"
    DIFFERS = "differs"


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """A verdict with its reasons."""

    verdict: Verdict
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Replay:
    """An image's record, ready to be carried out again, and which of the batch's results is the image."""

    path: Path
    recalled: ParsedMetadata
    provenance: Provenance
    prepared: Prepared
    place: int


def prepare_replay(context: SessionContext, path: Path, *, output: bool = False) -> Replay:
    """Everything for making the image in `path` again; MetadataError when its file does not say enough. With `output`
    it is to be written, as this session writes its files.
    """
    recalled = history_lookup.recalled(context, path)
    provenance = recalled.provenance or Provenance()
    if provenance.private:
        raise MetadataError(f"{path.name} was made with --private: its prompt is not in the file", hint="type it anew")
    stages = _drawable(context, recalled, path)
    recalled = _in_passes(context, replace(recalled, request=stages[-1], earlier=stages[:-1]))
    inputs = [_find_inputs(context, recalled, path, number) for number in range(len(recalled.stages))]
    resolved = [context.settings.resolve_recorded(request, output=output) for request, _ in inputs]
    prepared = prepare_stage(context, resolved[0], inputs[0][1])
    images, place = _batch(prepared.plan.images[0], provenance)
    prepared = replace(prepared, plan=replace(prepared.plan, images=images))
    later = [SuppliedInputs(mask=given.mask, controls=given.controls) for _, given in inputs[1:]]
    prepared = prepare_recorded(context, prepared, list(zip(resolved[1:], later, strict=True)))
    return Replay(path=path, recalled=recalled, provenance=provenance, prepared=prepared, place=place)


def _drawable(context: SessionContext, recalled: ParsedMetadata, path: Path) -> tuple[GenerationRequest, ...]:
    """The stages as they can be drawn here; MetadataError when the file says too little to draw the same picture."""
    found = usable_settings(context, recalled)
    if recalled.provenance is not None:
        if found.lost:
            raise MetadataError(f"{path.name} needs the {found.lost[0]}", hint="!models lists those that are")
        return found.stages
    first = found.stages[0]
    hint = f"take its line with !fetch {path} and complete it; !info shows what it says"
    if not (first.prompt or "").strip() and first.init_image is None:
        raise MetadataError(f"{path.name} does not say its prompt", hint=hint)
    if first.strength is not None and first.init_image is None and not first.hires_fix:
        raise MetadataError(f"{path.name} was made from an image that its file does not name", hint=hint)
    for text in (*found.lost, *recalled.missing):
        context.notice(f"not carried over: {sanitize_for_terminal(text)}")
    return found.stages


def _in_passes(context: SessionContext, recalled: ParsedMetadata) -> ParsedMetadata:
    """What another program recorded as `--hires_fix` as the two stages of it."""
    request = recalled.request
    if not request.hires_fix or recalled.earlier or request.init_image is not None:
        return recalled
    passes = two_passes(request, grid_of(context.settings.model(request.model).facts))
    if passes is None:
        return recalled
    first, second = passes
    return replace(recalled, request=overlay(inherited(first), second), earlier=(first,))


def replayed(context: SessionContext, remake: Replay) -> ImageResult:
    """The image made again."""
    results = list(generate_images(context, remake.prepared, remake.provenance))
    return replace(results[remake.place], index=0)


def compare(context: SessionContext, remake: Replay, result: ImageResult) -> Comparison:
    """How the file and the image made again differ, in pixels and in what the file says, and what may be the cause."""
    original = open_path(remake.path).image
    said = tuple(_said_differently(context, remake, result))
    causes = (*said, *_circumstances(context, remake))
    if original.size != result.image.size:
        was, is_now = "x".join(map(str, original.size)), "x".join(map(str, result.image.size))
        sizes = f"size: the file has {was}, made again {is_now}"
        return Comparison(verdict=Verdict.DIFFERS, reasons=(sizes, *causes))
    distance = np.abs(np.asarray(original, dtype=np.int16) - np.asarray(result.image.convert("RGB"), dtype=np.int16))
    most = int(distance.max(initial=0))
    if most <= 1 and not said:
        return Comparison(verdict=Verdict.CLOSE if most else Verdict.IDENTICAL, reasons=causes)
    share = float((distance.max(axis=-1) > 1).mean())
    pixels = (f"pixels: {share:.1%} are off by more than 1/255, by {most}/255 at most",) if most else ()
    return Comparison(verdict=Verdict.DIFFERS, reasons=(*pixels, *causes))


# -- what the file says ----------------------------------------------------------------------------------------------


def _said_differently(context: SessionContext, remake: Replay, result: ImageResult) -> Iterator[str]:
    """Each value in the file's text that is not what this program would write for the image."""
    found = read_chunks(remake.path)
    document = _document(found)
    if document.get("app_version") != __version__ or remake.recalled.provenance is None:
        yield from remake.recalled.conflicts
        return
    environment = remake.provenance.environment
    record = build_record(context, remake.prepared, result, pixel_hash(result.image), environment=environment)
    record = replace(record, fallbacks=remake.provenance.fallbacks)
    expected = metadata.encode(record)
    yield from remake.recalled.conflicts
    yield from _differences("", document, _document(expected))
    for name in expected:
        if name != SD_METADATA and found.get(name) != expected[name]:
            yield f"{name}: the file's text is not the one that belongs to these settings"


def _document(chunks: Mapping[str, str]) -> dict[str, Any]:
    document = json.loads(chunks.get(SD_METADATA, "{}"))
    return document if isinstance(document, dict) else {}


def _differences(where: str, found: Any, expected: Any) -> Iterator[str]:
    if isinstance(found, dict) and isinstance(expected, dict):
        for key in dict.fromkeys([*found, *expected]):
            yield from _differences(f"{where}.{key}".lstrip("."), found.get(key), expected.get(key))
    elif found != expected:
        yield f"{where}: the file says {_shown(found)}, made again {_shown(expected)}"


def _shown(value: object) -> str:
    return json.dumps(value)[:80]


def _circumstances(context: SessionContext, remake: Replay) -> Iterator[str]:
    """What is another now than when the image was made."""
    if remake.prepared.needs_no_model:
        return
    now = context.engine.environment()
    for key, value in remake.provenance.environment.items():
        if now.get(key) != value:
            yield f"{key}: made with {value}, now {now.get(key)}"


# -- what it was made from -------------------------------------------------------------------------------------------


def _find_inputs(
    context: SessionContext, recalled: ParsedMetadata, path: Path, number: int
) -> tuple[GenerationRequest, SuppliedInputs]:
    """A stage's request with all that saved latents say, if it goes on from such; and its init image and mask."""
    request = recalled.stages[number]
    hashes = recalled.provenance.inputs if recalled.provenance else ()
    init, mask = hashes[number] if number < len(hashes) else ("", "")
    began_from = _find_input(context, recalled, path, (request.init_image, init))
    guides = _find_controls(context, recalled, path, number)
    if began_from is not None and began_from[0].suffix == SUFFIX:
        file = read_latents(read_file(began_from[0]), began_from[1])
        whole, given = resumed_request(file, request, [OutputFolder(path.parent), context.folder()])
        return whole, replace(given, controls=guides or given.controls)
    painted = _find_input(context, recalled, path, (request.init_mask, mask))
    return request, SuppliedInputs(init=_opened(began_from), mask=_opened(painted), controls=guides)


def _find_controls(
    context: SessionContext, recalled: ParsedMetadata, path: Path, number: int
) -> tuple[OpenedImage, ...]:
    """The control images of a stage."""
    names = [choice.image for choice in recalled.stages[number].controls or ()]
    hashes = (
        recalled.provenance.controls[number]
        if recalled.provenance and number < len(recalled.provenance.controls)
        else ()
    )
    recorded = zip(names, (*hashes, *("",) * len(names)), strict=False)
    found = (_opened(_find_input(context, recalled, path, pair)) for pair in recorded)
    return tuple(opened for opened in found if opened is not None)


def _opened(found: tuple[Path, str] | None) -> OpenedImage | None:
    return replace(open_path(found[0]), name=found[1]) if found is not None else None


def _find_input(
    context: SessionContext, recalled: ParsedMetadata, path: Path, recorded: tuple[str | None, str]
) -> tuple[Path, str] | None:
    """An input's file and name, recorded as name and hash: by its hash in the stores, then by its name beside the file.
    A path in a foreign file's text is never opened.
    """
    name, wanted = recorded
    if name is None:
        return None
    base = Path(name.replace("\\", "/")).name
    for folder in (OutputFolder(path.parent), context.folder()):
        kept = folder.find_input(wanted)
        if kept is not None:
            return kept, base
    for candidate in (path.parent / base, Path(base), context.folder().path / base):
        if recalled.provenance is not None and is_file(candidate):
            return candidate, base
    hint = f"take its line with !fetch {path} and name the image yourself"
    raise MetadataError(f"the image {base} that {path.name} was made from is not at hand", hint=hint)


def _batch(image: ImagePlan, provenance: Provenance) -> tuple[tuple[ImagePlan, ...], int]:
    """The images of the batch in which it was made, and its place among them."""
    if provenance.batch.size < 2 or len(provenance.batch.seeds) != provenance.batch.size:
        return (image,), 0
    images = tuple(replace(image, seed=seed) for seed in provenance.batch.seeds)
    return images, min(provenance.batch.index, len(images) - 1)
