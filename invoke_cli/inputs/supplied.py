"""Inputs that replace the files which a request names, and what planning knows of them and of the init image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from invoke_cli.errors import MetadataError
from invoke_cli.imaging.open_image import OpenedImage
from invoke_cli.inputs.references import stable_reference
from invoke_cli.metadata.codecs import decode_image
from invoke_cli.metadata.containers.text_chunks import parse_chunks
from invoke_cli.metadata.containers.xmp import TRAINED
from invoke_cli.metadata.containers.xmp_properties import source_type
from invoke_cli.metadata.latents import LatentFile
from invoke_cli.output.folder import OutputFolder
from invoke_cli.planning.plan import InitFacts, ResumeFacts
from invoke_cli.planning.postprocess import ColourFile
from invoke_cli.request import GenerationRequest
from invoke_cli.version import SCHEMA_VERSION


class InputFile(Protocol):
    """An input file of a generated image."""

    @property
    def name(self) -> str:
        """The base name."""

    @property
    def data(self) -> bytes:
        """The content."""

    @property
    def sha256(self) -> str:
        """The hash of the content."""

    @property
    def source(self) -> str:
        """The address that it was downloaded from, without secrets; empty for a file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SuppliedInputs:
    """Inputs that replace the files which a request names.

    Attributes:
        init: The init image.
        mask: The mask.
        controls: The control images.
        colours: The image whose colours `--match_colors` transfers; by default the init image.
        checkpoint: The saved latents to resume from.
        reference: The reference to the latents, as typed.
        as_init_image: Whether the latents are those of a finished run and serve as an init image.
        threads: The number of CPU threads of a recorded run; 0 for the current number.
        schema_version: The rules that a recorded run followed (see `version.SCHEMA_VERSION`).
    """

    init: OpenedImage | None = None
    mask: OpenedImage | None = None
    controls: tuple[OpenedImage, ...] = ()
    colours: OpenedImage | None = None
    checkpoint: LatentFile | None = None
    reference: str | None = None
    as_init_image: bool = False
    threads: int = 0
    schema_version: int = SCHEMA_VERSION


NO_INPUTS = SuppliedInputs()


def resume_facts(supplied: SuppliedInputs, folder: OutputFolder) -> ResumeFacts | None:
    """Return the facts of the latents to resume from; None if there are none, or if they serve as an init image."""
    file = supplied.checkpoint
    if file is None or supplied.as_init_image:
        return None
    reference = stable_reference(supplied.reference, file.name, folder)
    return ResumeFacts(name=file.name, reference=reference, sha256=file.sha256, step=file.step, seed=file.seed)


def checkpoint_facts(supplied: SuppliedInputs, folder: OutputFolder) -> InitFacts | None:
    """Return the facts of the init image that the latents stand for, or of the run that resumes; None otherwise."""
    file = supplied.checkpoint
    if file is None or supplied.init is not None:
        return None
    if supplied.as_init_image:
        reference = stable_reference(supplied.reference, file.name, folder)
        return InitFacts(name=file.name, reference=reference, sha256=file.sha256, size=file.canvas, generated=True)
    if file.init_size is None:
        return None
    name = file.request.init_image or ""
    return InitFacts(name=name, reference=name, sha256=file.init_sha256, size=file.init_size, chained=file.chained)


def colour_file(opened: OpenedImage | None, choice: str | None, folder: OutputFolder) -> ColourFile | None:
    """Return the facts of the image that `--match_colors` names; None if it names none."""
    reference = (choice or "").partition(":")[2]
    if opened is None or not reference:
        return None
    return ColourFile(name=opened.name, reference=stable_reference(reference, opened.name, folder))


def embedded_metadata(init: OpenedImage) -> GenerationRequest | None:
    """Return the settings in the metadata of an init image; None if there is none."""
    try:
        metadata = decode_image(init)
    except MetadataError:
        return None
    return metadata.request if metadata else None


def init_facts(
    init: OpenedImage | None, reference: str | None, folder: OutputFolder, *, has_metadata: bool
) -> InitFacts | None:
    """Return the facts of an init image, which may contain generation metadata (`has_metadata`); None without one."""
    if init is None:
        return None
    code = source_type(parse_chunks(init.data))
    return InitFacts(
        chained=not init.data,
        name=init.name,
        source=init.source,
        reference=init.source or stable_reference(reference, init.name, folder),
        sha256=init.sha256,
        size=init.size,
        frames=init.frames,
        generated=has_metadata if not code else code == TRAINED,
        source_type=code,
    )
