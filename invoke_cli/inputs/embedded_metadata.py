"""What an init image says of itself: how it was made, and what planning has to know of it."""

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
    """What the init image says of how it was made, if it was."""
    try:
        recalled = decode_image(init)
    except MetadataError:
        return None
    return recalled.request if recalled else None


def init_facts(init: OpenedImage | None, reference: str | None, *, recalled: bool) -> InitFacts | None:
    """The facts of an init image; `recalled`: it says how it was made. None without one."""
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
        generated=recalled if not code else code == TRAINED,
        source_type=code,
    )
