"""The interface of a metadata format, between an image file's text and requests. Knows no format by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from invoke_cli.imaging.sizes import Size
from invoke_cli.planning.plan import ImagePlan, Plan
from invoke_cli.request import GenerationRequest
from invoke_cli.version import SCHEMA_VERSION

Chunks = Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """The batch in which an image was generated: its size, the image's index, and all seeds. Size 1 means alone."""

    size: int = 1
    index: int = 0
    seeds: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """A finished image and everything that its file should contain.

    Attributes:
        pixel_sha256: The hash of the RGB bytes.
        environment: Versions, device, dtype and threads.
        parents: The base names and hashes of the files it was derived from.
        fallbacks: The out-of-memory fallbacks applied.
        schema_version: The rules that the metadata follows (see `version.SCHEMA_VERSION`).
        earlier: The stages of a chain before the last, which `plan` and `image` describe.
    """

    plan: Plan
    image: ImagePlan
    size: Size
    pixel_sha256: str
    program: str
    version: str
    model_sha256: str = ""
    environment: Mapping[str, object] = field(default_factory=dict)
    batch: Batch = Batch()
    parents: tuple[Mapping[str, str], ...] = ()
    fallbacks: tuple[str, ...] = ()
    schema_version: int = SCHEMA_VERSION
    earlier: tuple[tuple[Plan, ImagePlan], ...] = ()

    @property
    def stages(self) -> tuple[tuple[Plan, ImagePlan], ...]:
        """All stages, in order."""
        return (*self.earlier, (self.plan, self.image))


@dataclass(frozen=True, kw_only=True, slots=True)
class Provenance:
    """Data that only our own files contain, and that an exact replay needs.

    Attributes:
        inputs: For each stage the hashes of the init image and of the mask; empty if there is none.
        controls: For each stage the hashes of the control images.
        parents: The names and hashes of all files it was derived from.
        sources: The hashes and addresses of those that were downloaded.
        private: Whether prompt and names were left out.
        version: The version of the program that wrote the file.
        schema_version: The rules that its metadata follows.
    """

    pixel_sha256: str = ""
    inputs: tuple[tuple[str, str], ...] = ()
    controls: tuple[tuple[str, ...], ...] = ()
    parents: tuple[tuple[str, str], ...] = ()
    sources: tuple[tuple[str, str], ...] = ()
    model_sha256: str = ""
    environment: Mapping[str, object] = field(default_factory=dict)
    batch: Batch = Batch()
    private: bool = False
    fallbacks: tuple[str, ...] = ()
    version: str = ""
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True, kw_only=True, slots=True)
class ForeignLora:
    """A LoRA that another program used.

    Attributes:
        name: Its name or file name there.
        weight: Its weight; None if it is not recorded.
        remark: Its entry in `ParsedMetadata.missing`, which no longer holds once the LoRA is found here.
    """

    name: str
    weight: float | None
    remark: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ParsedMetadata:
    """The content of an image's metadata: a request, and what did not fit into one.

    Attributes:
        program: The program that wrote it.
        request: The request; of a chain, the last stage.
        facts: Further findings to show; `model` and `model hash` name a model that may be known here.
        missing: What could not be carried over, as sentences.
        conflicts: Fields on which two chunks of the file disagree.
        made: The provenance, for our own files only.
        earlier: The earlier stages of a chain.
        loras: The LoRAs of other programs, which may be known here.
        size_from_pixels: Whether the size is missing from the metadata and must be taken from the image.
    """

    program: str
    request: GenerationRequest
    facts: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    provenance: Provenance | None = None
    earlier: tuple[GenerationRequest, ...] = ()
    size_from_pixels: bool = False
    loras: tuple[ForeignLora, ...] = ()

    @property
    def stages(self) -> tuple[GenerationRequest, ...]:
        """The requests of all stages, in order."""
        return (*self.earlier, self.request)


class Codec(Protocol):
    """A metadata format."""

    @property
    def name(self) -> str:
        """The format's name."""

    @property
    def fields(self) -> frozenset[str]:
        """The request fields that survive `encode` and `decode`."""

    def encode(self, record: Record) -> dict[str, str]:
        """Return the chunks to write for an image."""

    def sniff(self, chunks: Chunks) -> bool:
        """Return whether these chunks look like this format."""

    def decode(self, chunks: Chunks) -> ParsedMetadata:
        """Parse the chunks.

        Raises:
            MetadataError: They are damaged.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadOnlyFormat:
    """A format of another program: read, never written."""

    name: str
    sniff: Callable[[Chunks], bool]
    decode: Callable[[Chunks], ParsedMetadata]
    fields: frozenset[str] = frozenset()

    def encode(self, record: Record) -> dict[str, str]:  # noqa: ARG002  # the Codec protocol has it
        """Return nothing: only the other program writes this format."""
        return {}
