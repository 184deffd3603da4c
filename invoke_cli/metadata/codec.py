"""What a metadata format is: the seam between pictures' text and requests. Knows no format by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from invoke_cli.imaging.sizes import Size
from invoke_cli.planning.plan import ImagePlan, Plan
from invoke_cli.request import GenerationRequest

Chunks = Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """How an image was made together with others: how many, its place, and the seeds of all. Size 1: alone."""

    size: int = 1
    index: int = 0
    seeds: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One finished image and all that its file should say of it. `parents` are base names and hashes; `earlier` are
    the stages of a chain before the last, which `plan` and `image` tell of.

    `environment` holds versions, device, dtype and threads. `pixel_sha256` is the hash of the RGB bytes.
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
    earlier: tuple[tuple[Plan, ImagePlan], ...] = ()

    @property
    def stages(self) -> tuple[tuple[Plan, ImagePlan], ...]:
        """All stages, in order."""
        return (*self.earlier, (self.plan, self.image))


@dataclass(frozen=True, kw_only=True, slots=True)
class Provenance:
    """What only our own files carry, and an exact replay needs. `inputs` are, for each stage, the hashes of the init
    image and of the mask, empty where there is none, `controls` those of the control images; `parents` are the names
    and hashes of all files it was made from.
    """

    pixel_sha256: str = ""
    inputs: tuple[tuple[str, str], ...] = ()
    controls: tuple[tuple[str, ...], ...] = ()
    parents: tuple[tuple[str, str], ...] = ()
    model_sha256: str = ""
    environment: Mapping[str, object] = field(default_factory=dict)
    batch: Batch = Batch()
    private: bool = False
    fallbacks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ParsedMetadata:
    """What a picture's metadata says: a request, and what did not fit into one.

    `facts` are further findings to show; `model` and `model hash` name a model that may be known here. `missing` could
    not be carried over. `conflicts` are fields on which two chunks of the file disagree. `made` is set for our own
    files alone. Of a chain `request` is the last stage, `earlier` are those before it. `by_pixels`: the file does not
    say the size, which is the picture's own.
    """

    program: str
    request: GenerationRequest
    facts: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    made: Provenance | None = None
    earlier: tuple[GenerationRequest, ...] = ()
    by_pixels: bool = False

    @property
    def stages(self) -> tuple[GenerationRequest, ...]:
        """The requests of all stages, in order."""
        return (*self.earlier, self.request)


class Codec(Protocol):
    """One metadata format. `fields` are the fields of a request that it carries both ways."""

    @property
    def name(self) -> str:
        """The format's name."""

    @property
    def fields(self) -> frozenset[str]:
        """The request's fields that survive `encode` and `decode`."""

    def encode(self, record: Record) -> dict[str, str]:
        """The chunks to write for an image."""

    def sniff(self, chunks: Chunks) -> bool:
        """Whether these chunks look like this format."""

    def decode(self, chunks: Chunks) -> ParsedMetadata:
        """What the chunks say; MetadataError when they are damaged."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """A format of another program, which is read and never written."""

    name: str
    sniff: Callable[[Chunks], bool]
    decode: Callable[[Chunks], ParsedMetadata]
    fields: frozenset[str] = frozenset()

    def encode(self, record: Record) -> dict[str, str]:  # noqa: ARG002  # the Codec protocol has it
        """Nothing: only that program writes it."""
        return {}
