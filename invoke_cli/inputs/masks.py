"""What is painted: from the request and the init image to a mask in the init image's size. Loads no weights."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace

from PIL import Image, ImageChops

from invoke_cli.errors import blame
from invoke_cli.imaging import masks
from invoke_cli.imaging.open_image import OpenedImage, open_bytes, open_path
from invoke_cli.inputs.references import find_image, stable_reference
from invoke_cli.metadata.containers.text_chunks import parse_chunks
from invoke_cli.metadata.formats.dream import KEYWORD as DREAM
from invoke_cli.output.folder import OutputFolder
from invoke_cli.planning.plan import MaskFacts
from invoke_cli.request import GenerationRequest

_OPAQUE = 254
_OLD_MASK_COMMAND = "!mask"


@dataclass(frozen=True, kw_only=True)
class Masked:
    """The init image as it is to be worked on, what of it is painted (mode L), and the mask's own file, if any.
    `raw` is the mask before it is inverted and grown; with new borders (`bordered`) it is all done.
    """

    init: OpenedImage
    image: Image.Image
    facts: MaskFacts
    opened: OpenedImage | None = None
    raw: Image.Image | None = None
    bordered: bool = False

    def as_file(self, stem: str) -> OpenedImage:
        """The mask as a picture of its own, for another init image: its file, else one made of the transparency."""
        if self.opened is not None and not self.bordered:
            return self.opened
        assert self.raw is not None
        buffer = io.BytesIO()
        self.raw.save(buffer, format="PNG")
        return open_bytes(buffer.getvalue(), f"{stem}.mask.png")


@dataclass(frozen=True, kw_only=True)
class MaskSources:
    """Where a mask comes from: `given` stands in for what `-M` names in `folder`; `by_words` finds what `-tm` names."""

    folder: OutputFolder
    by_words: Callable[[Image.Image, str], Image.Image]
    given: OpenedImage | None = None


def find_mask(request: GenerationRequest, init: OpenedImage | None, sources: MaskSources) -> Masked | None:
    """The mask of a request, None when all is to be painted."""
    if init is None:
        return None
    init = without_watermark(init)
    opened = sources.given or _opened(request.init_mask, sources.folder)
    words = request.text_mask if opened is None else None
    if opened is None and words is None and init.alpha is None:
        return None
    notices: list[str] = []
    black = _paints_black(request, opened, notices)
    if opened is not None:
        raw = masks.from_image(opened, black=black)
        _tell_other_size(opened, init, notices)
        if init.alpha is not None:
            notices.append("the init image has transparent parts too: -M says what is painted")
    elif words is not None:
        raw = sources.by_words(init.image, words)
    else:
        assert init.alpha is not None
        raw = masks.from_alpha(init.alpha)
    mask = masks.resize_mask(raw, init.size, invert=bool(request.invert_mask), grow=request.mask_grow or 0)
    return Masked(
        init=_restored(init, mask, notices),
        image=mask,
        opened=opened,
        raw=raw,
        facts=MaskFacts(
            box=masks.painted_box(mask),
            share=masks.painted_share(mask),
            name=opened.name if opened else "",
            reference=stable_reference(request.init_mask, opened.name) if opened else "",
            sha256=opened.sha256 if opened else "",
            black=black,
            notices=tuple(notices),
        ),
    )


def without_watermark(init: OpenedImage) -> OpenedImage:
    """The init image; words hidden in the lowest bit of its transparency (NovelAI does it) make no part transparent."""
    lowest = init.alpha.getextrema()[0] if init.alpha is not None else None
    return replace(init, alpha=None) if isinstance(lowest, (int, float)) and lowest >= _OPAQUE else init


def _opened(reference: str | None, folder: OutputFolder) -> OpenedImage | None:
    if reference is None:
        return None
    with blame("init_mask", always=True):
        return open_path(find_image(reference, folder))


def _paints_black(request: GenerationRequest, opened: OpenedImage | None, notices: list[str]) -> bool:
    """Whether a mask without transparency paints its dark parts: when asked to, or when InvokeAI's `!mask` wrote it."""
    if opened is None or opened.alpha is not None:
        return False
    if request.mask_polarity is None and parse_chunks(opened.data).get(DREAM, "").startswith(_OLD_MASK_COMMAND):
        notices.append(f"{opened.name} was written by InvokeAI's !mask: its black parts are painted")
        return True
    return request.mask_polarity == "black"


def _tell_other_size(opened: OpenedImage, init: OpenedImage, notices: list[str]) -> None:
    if opened.size != init.size:
        notices.append(f"the mask ({opened.size}) is stretched to the init image's size ({init.size})")


def _restored(init: OpenedImage, mask: Image.Image, notices: list[str]) -> OpenedImage:
    """The init image; where its transparent parts are painted and their colours gone, filled from around them."""
    if init.alpha is None or not masks.is_erased(init.image, init.alpha):
        return init
    hole = ImageChops.darker(masks.from_alpha(init.alpha), mask)
    if hole.getbbox() is None:
        return init
    notices.append("the colours under the transparent parts are erased: they are filled from around them")
    return replace(init, image=masks.infill(init.image, hole))
