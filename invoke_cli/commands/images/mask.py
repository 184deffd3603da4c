"""`!mask`: save the mask that a line would use, and a preview of it."""

from __future__ import annotations

from PIL import Image

from invoke_cli.commands.command import Call
from invoke_cli.commands.image_selection import image_and_switches
from invoke_cli.context.context import SessionContext
from invoke_cli.errors import CommandError
from invoke_cli.generation.contact_sheets import write_sheet
from invoke_cli.generation.prepare import only_stage
from invoke_cli.inputs.images import open_init
from invoke_cli.inputs.mask_finder import MaskFinder
from invoke_cli.inputs.masks import MASK_FILE, MASK_OVERLAY
from invoke_cli.metadata.sheet_record import SheetImage, SheetRecord

USAGE = "!mask photo.png -tm face AND NOT hair; or -M mask.png --mask_grow 8"
_TINT = (255, 0, 80)


def mask(context: SessionContext, call: Call) -> None:
    """Save the mask that the switches describe (white is painted), and the image with that area tinted."""
    reference, parsed = image_and_switches(call, USAGE)
    request = only_stage(parsed)
    folder = context.folder()
    init = open_init(context, reference, folder)
    found = MaskFinder(context=context, request=request, folder=folder).find(init)
    if found is None:
        raise CommandError("no mask specified", hint=USAGE, span=call.span)
    for notice in found.facts.notices:
        context.notice(notice)
    line, shows = f"!mask {call.argument}", (SheetImage(name=init.name, sha256=init.sha256),)
    _, path, _ = write_sheet(context, found.image, SheetRecord(kind=MASK_FILE, line=line, shows=shows))
    tinted = _tint(found.init.image, found.image)
    _, shown, _ = write_sheet(context, tinted, SheetRecord(kind=MASK_OVERLAY, line=line, shows=shows))
    share = f"{found.facts.share:.0%}" if found.facts.box else "nothing"
    item = {"kind": "mask", "path": str(path), "preview": str(shown), "share": found.facts.share}
    context.say(f"painting {share} of {init.name}: {shown}\nuse it with -M {path}", items=[item])


def _tint(image: Image.Image, mask: Image.Image) -> Image.Image:
    return Image.composite(Image.blend(image, Image.new("RGB", image.size, _TINT), 0.6), image, mask)
