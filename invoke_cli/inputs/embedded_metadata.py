"""Read the metadata of an init image, and the facts about it that planning needs."""

from __future__ import annotations

from invoke_cli.errors import MetadataError
from invoke_cli.imaging.open_image import OpenedImage
from invoke_cli.inputs.references import stable_reference
from invoke_cli.metadata import decode_image
from invoke_cli.metadata.containers.text_chunks import parse_chunks
from invoke_cli.metadata.containers.xmp import TRAINED
from invoke_cli.metadata.containers.xmp_properties import source_type
from invoke_cli.planning.plan import InitFacts
from invoke_cli.request import GenerationRequest


def embedded_metadata(init: OpenedImage) -> GenerationRequest | None:
    """Return the settings in the metadata of an init image; None if there is none."""
    try:
        metadata = decode_image(init)
    except MetadataError:
        return None
    return metadata.request if metadata else None


def init_facts(init: OpenedImage | None, reference: str | None, *, has_metadata: bool) -> InitFacts | None:
    """Return the facts of an init image, which may contain generation metadata (`has_metadata`); None without one."""
    if init is None:
        return None
    code = source_type(parse_chunks(init.data))
    return InitFacts(
        chained=not init.data,
        name=init.name,
        reference=stable_reference(reference, init.name),
        sha256=init.sha256,
        size=init.size,
        frames=init.frames,
        generated=has_metadata if not code else code == TRAINED,
        source_type=code,
    )
