"""What is given for a request in the place of the files that it names, and what planning has to know of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from invoke_cli.imaging.open_image import OpenedImage
from invoke_cli.inputs.references import stable_reference
from invoke_cli.metadata.latents import LatentFile
from invoke_cli.planning.plan import InitFacts, ResumeFacts


class InputFile(Protocol):
    """A file that a picture is made from."""

    @property
    def name(self) -> str:
        """Its base name."""

    @property
    def data(self) -> bytes:
        """Its content."""

    @property
    def sha256(self) -> str:
        """The hash of its content."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SuppliedInputs:
    """What stands in for the files that a request names: the init image, the mask, the control images, saved latents. A
    `reference` is how the latents were referred to; `as_picture` they are an init image, whose run is over.
    """

    init: OpenedImage | None = None
    mask: OpenedImage | None = None
    controls: tuple[OpenedImage, ...] = ()
    checkpoint: LatentFile | None = None
    reference: str | None = None
    as_picture: bool = False


NO_INPUTS = SuppliedInputs()


def resume_facts(given: SuppliedInputs) -> ResumeFacts | None:
    """Where a run goes on; None where saved latents only stand for a picture."""
    file = given.checkpoint
    if file is None or given.as_picture:
        return None
    reference = stable_reference(given.reference, file.name)
    return ResumeFacts(name=file.name, reference=reference, sha256=file.sha256, step=file.step, seed=file.seed)


def point_facts(given: SuppliedInputs) -> InitFacts | None:
    """The init image of the run that goes on, of which no more than this is needed; latents as an init image."""
    file = given.checkpoint
    if file is None or given.init is not None:
        return None
    if given.as_picture:
        reference = stable_reference(given.reference, file.name)
        return InitFacts(name=file.name, reference=reference, sha256=file.sha256, size=file.canvas, generated=True)
    if file.init_size is None:
        return None
    name = file.request.init_image or ""
    return InitFacts(name=name, reference=name, sha256=file.init_sha256, size=file.init_size, chained=file.chained)
