"""Compute the mask of a request, at the size of the init image. Loads no weights."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace

from PIL import Image, ImageChops

from invoke_cli.errors import PlanError, blame
from invoke_cli.imaging import masks
from invoke_cli.imaging.open_image import OpenedImage, open_bytes
from invoke_cli.inputs.references import find_image, open_found, stable_reference
from invoke_cli.metadata.containers.text_chunks import parse_chunks
from invoke_cli.metadata.formats.dream import KEYWORD as DREAM
from invoke_cli.metadata.sheet_record import decode_sheet
from invoke_cli.output.folder import OutputFolder
from invoke_cli.planning.plan import MaskFacts
from invoke_cli.request import GenerationRequest

MASK_FILE, MASK_OVERLAY = "mask", "overlay"  # the kinds of the two pictures that `!mask` writes
_OPAQUE = 254
_OLD_MASK_COMMAND = "!mask"


@dataclass(frozen=True, kw_only=True)
class Masked:
    """A mask with the init image that it applies to.

    Attributes:
        init: The init image, prepared for painting.
        image: The mask (mode L; 255 is painted).
        facts: The facts for planning.
        opened: The mask file, if there is one.
        raw: The mask before inverting and growing; the final mask if `bordered`.
        bordered: Whether the image was extended by new borders.
    """

    init: OpenedImage
    image: Image.Image
    facts: MaskFacts
    opened: OpenedImage | None = None
    raw: Image.Image | None = None
    bordered: bool = False

    def as_file(self, stem: str) -> OpenedImage:
        """Return the mask as an image file, for another init image: its own file, or one with the raw mask."""
        if self.opened is not None and not self.bordered:
            return self.opened
        assert self.raw is not None
        buffer = io.BytesIO()
        self.raw.save(buffer, format="PNG")
        return open_bytes(buffer.getvalue(), f"{stem}.mask.png")


@dataclass(frozen=True, kw_only=True)
class MaskSources:
    """The sources of a mask.

    Attributes:
        folder: The output folder to look up `-M` in.
        by_words: Computes the mask of an image for the text of `-tm`.
        supplied: An image that replaces the one that `-M` names.
        strict: Whether a resized mask paints no pixel outside it.
        check_stopped: Raises to stop waiting for a pipe.
    """

    folder: OutputFolder
    by_words: Callable[[Image.Image, str], Image.Image]
    supplied: OpenedImage | None = None
    strict: bool = True
    check_stopped: Callable[[], None] = lambda: None


def find_mask(request: GenerationRequest, init: OpenedImage | None, sources: MaskSources) -> Masked | None:
    """Return the mask of a request; None if the whole image is painted."""
    if init is None:
        return None
    init = without_watermark(init)
    opened = sources.supplied or _open_mask(request.init_mask, sources)
    words = request.text_mask if opened is None else None
    if opened is None and words is None and init.alpha is None:
        return None
    notices = _colour_notices(opened, sources)
    black = _paints_black(request, opened, notices)
    if opened is not None:
        raw = masks.from_image(opened, black=black)
        _note_resize(opened, init, notices)
        if init.alpha is not None:
            notices.append("the init image also has transparent areas: -M overrides them")
    elif words is not None:
        raw = sources.by_words(init.image, words)
    else:
        assert init.alpha is not None
        raw = masks.from_alpha(init.alpha)
    mask = masks.resize_mask(raw, init.size, invert=bool(request.invert_mask), strict=sources.strict)
    mask = masks.grow_mask(mask, request.mask_grow or 0)
    return Masked(
        init=_fill_erased(init, mask, notices),
        image=mask,
        opened=opened,
        raw=raw,
        facts=MaskFacts(
            box=masks.painted_box(mask),
            share=masks.painted_share(mask),
            name=opened.name if opened else "",
            reference=_reference(opened, request, sources) if opened else "",
            source=opened.source if opened else "",
            sha256=opened.sha256 if opened else "",
            black=black,
            notices=tuple(notices),
        ),
    )


def without_watermark(init: OpenedImage) -> OpenedImage:
    """Return the init image without an alpha channel that only hides metadata in its lowest bit (NovelAI)."""
    lowest = init.alpha.getextrema()[0] if init.alpha is not None else None
    return replace(init, alpha=None) if isinstance(lowest, (int, float)) and lowest >= _OPAQUE else init


def _reference(opened: OpenedImage, request: GenerationRequest, sources: MaskSources) -> str:
    return opened.source or stable_reference(request.init_mask, opened.name, sources.folder)


def _colour_notices(opened: OpenedImage | None, sources: MaskSources) -> list[str]:
    """Return what was done to the colours of a mask that was opened here."""
    if opened is None or sources.supplied is not None or not opened.remark:
        return []
    return [f"{opened.name}: {opened.remark}"]


def _open_mask(reference: str | None, sources: MaskSources) -> OpenedImage | None:
    if reference is None:
        return None
    with blame("init_mask", always=True):
        opened = open_found(find_image(reference, sources.folder), reference, sources.folder, sources.check_stopped)
        sheet = decode_sheet(parse_chunks(opened.data))
        if sheet is not None and sheet.kind == MASK_OVERLAY:
            hint = f"use the file that !mask wrote beside it, whose name ends in .{MASK_FILE}.png"
            raise PlanError(f"{opened.name} is not a mask, but a view of one", hint=hint, field="init_mask")
        return opened


def _paints_black(request: GenerationRequest, opened: OpenedImage | None, notices: list[str]) -> bool:
    """Return whether black areas of an opaque mask are painted: if requested, or if InvokeAI's `!mask` wrote it."""
    if opened is None or opened.alpha is not None:
        return False
    if request.mask_polarity is None and parse_chunks(opened.data).get(DREAM, "").startswith(_OLD_MASK_COMMAND):
        notices.append(f"{opened.name} was written by InvokeAI's !mask: its black areas are painted")
        return True
    if request.mask_polarity is None and request.compat is not None:
        notices.append(f"{opened.name}: its black areas are painted, as in InvokeAI 2.x (--compat {request.compat})")
        return True
    return request.mask_polarity == "black"


def _note_resize(opened: OpenedImage, init: OpenedImage, notices: list[str]) -> None:
    if opened.size != init.size:
        notices.append(f"the mask ({opened.size}) was stretched to the size of the init image ({init.size})")


def _fill_erased(init: OpenedImage, mask: Image.Image, notices: list[str]) -> OpenedImage:
    """Return the init image; painted transparent areas whose colours were erased are filled from their surroundings."""
    if init.alpha is None or not masks.is_erased(init.image, init.alpha):
        return init
    hole = ImageChops.darker(masks.from_alpha(init.alpha), mask)
    if hole.getbbox() is None:
        return init
    notices.append("the colours under the transparent areas were erased: filling them from their surroundings")
    return replace(init, image=masks.infill(init.image, hole))
