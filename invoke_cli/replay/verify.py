"""Compare an image with its reproduction, in pixels and metadata: `!verify`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np

from invoke_cli.context.context import SessionContext
from invoke_cli.documents import parse_json
from invoke_cli.engine import ImageResult
from invoke_cli.generation.save import build_record, environment_of
from invoke_cli.imaging.open_image import open_path
from invoke_cli.language.sanitize import sanitize_for_terminal
from invoke_cli.metadata import codecs
from invoke_cli.metadata.containers.text_chunks import read_chunks
from invoke_cli.metadata.formats.invokeai2 import SD_METADATA
from invoke_cli.output.lossy import as_encoded, recorded_encoding
from invoke_cli.output.png import pixel_hash
from invoke_cli.replay.replay import Replay
from invoke_cli.version import SCHEMA_VERSION

# What can change a pixel by one level. Files of other programs do not record it.
_LAST_BITS = ("torch", "device", "dtype", "threads")


class Verdict(Enum):
    """The result of `!verify`."""

    IDENTICAL = "identical"
    CLOSE = "within 1/255 (other torch, threads or device)"
    DIFFERS = "differs"


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """A verdict with its reasons."""

    verdict: Verdict
    reasons: tuple[str, ...] = ()


def compare(context: SessionContext, recorded_run: Replay, result: ImageResult) -> Comparison:
    """Compare the file with the reproduced image.

    A difference of one level is close, not identical, and only if something that the last bits depend on is not as it
    was when the file was made.

    Returns:
        The verdict on pixels and metadata, with the differences and their possible causes.
    """
    encoding = recorded_encoding(read_chunks(recorded_run.path))
    result = replace(result, image=as_encoded(result.image, encoding))
    original = open_path(recorded_run.path).image
    differences = tuple(_metadata_differences(context, recorded_run, result, pixel_hash(original)))
    changed = _environment_differences(context, recorded_run)
    causes = (*differences, *changed.values())
    if original.size != result.image.size:
        old_size, new_size = "x".join(map(str, original.size)), "x".join(map(str, result.image.size))
        sizes = f"size: the file has {old_size}, the reproduced image {new_size}"
        return Comparison(verdict=Verdict.DIFFERS, reasons=(sizes, *causes))
    distance = np.abs(np.asarray(original, dtype=np.int16) - np.asarray(result.image.convert("RGB"), dtype=np.int16))
    most = int(distance.max(initial=0))
    if not differences and most == 0:
        return Comparison(verdict=Verdict.IDENTICAL, reasons=causes)
    pixels = (f"pixels: {float(distance.any(axis=-1).mean()):.1%} differ, at most by {most}/255",) if most else ()
    explained = recorded_run.parsed.provenance is None or any(key in changed for key in _LAST_BITS)
    is_close = most == 1 and not differences and explained
    return Comparison(verdict=Verdict.CLOSE if is_close else Verdict.DIFFERS, reasons=(*pixels, *causes))


# -- differing metadata ----------------------------------------------------------------------------------------------


def _metadata_differences(
    context: SessionContext, recorded_run: Replay, result: ImageResult, pixels: str
) -> Iterator[str]:
    """Yield each difference between the metadata of the file and what this program would write.

    `pixels` is the hash of the file's own pixels, which its metadata must name; the pixels are compared separately.
    """
    found = read_chunks(recorded_run.path)
    document = _document(found)
    provenance = recorded_run.parsed.provenance
    if provenance is None or SD_METADATA not in found or provenance.schema_version > SCHEMA_VERSION:
        yield from recorded_run.parsed.conflicts
        return
    record = build_record(context, recorded_run.prepared, result, pixels, environment=provenance.environment)
    record = replace(
        record,
        fallbacks=provenance.fallbacks,
        version=provenance.version,
    )
    expected = codecs.encode(record)
    yield from recorded_run.parsed.conflicts
    yield from _differences("", document, _document(expected))
    for name in expected:
        if name != SD_METADATA and found.get(name) != expected[name]:
            yield f"{name}: the text in the file does not match the settings"


def _document(chunks: Mapping[str, str]) -> dict[str, Any]:
    document = parse_json(chunks.get(SD_METADATA, "{}"))
    return document if isinstance(document, dict) else {}


def _differences(where: str, found: Any, expected: Any) -> Iterator[str]:
    if isinstance(found, dict) and isinstance(expected, dict):
        for key in dict.fromkeys([*found, *expected]):
            yield from _differences(f"{where}.{key}".lstrip("."), found.get(key), expected.get(key))
    elif found != expected:
        yield f"{where}: the file has {_to_json(found)}, the reproduced image {_to_json(expected)}"


def _to_json(value: object) -> str:
    return json.dumps(value)[:80]


def _environment_differences(context: SessionContext, recorded_run: Replay) -> Mapping[str, str]:
    """Return each difference between the recorded environment and that of the reproduction, by its key."""
    now = environment_of(context, recorded_run.prepared)
    if not now:
        return {}
    recorded = recorded_run.provenance.environment
    return {
        key: f"{key}: recorded {_shown(value)}, now {_shown(now.get(key))}"
        for key, value in recorded.items()
        if now.get(key) != value
    }


def _shown(value: object) -> str:
    return sanitize_for_terminal(str(value))[:80]
