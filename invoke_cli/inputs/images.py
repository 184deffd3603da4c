"""Open the images that `-I`, `-M` and `--control` name: a file, an earlier result, standard input, a URL."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePath
from urllib.parse import urlsplit

from invoke_cli.context.context import SessionContext
from invoke_cli.errors import ImageError, blame
from invoke_cli.imaging.formats import usual_suffix
from invoke_cli.imaging.open_image import OpenedImage, open_bytes
from invoke_cli.inputs.references import find_image, open_found
from invoke_cli.inputs.url import fetch, is_url, url_name
from invoke_cli.language.addresses import public_address
from invoke_cli.language.image_names import IMAGE_SUFFIXES
from invoke_cli.language.sanitize import sanitize_for_terminal
from invoke_cli.output.folder import OutputFolder

STANDARD_INPUT = "-"


def open_init(context: SessionContext, reference: str, folder: OutputFolder) -> OpenedImage:
    """Open the image that `-I` names. Raises ImageError with its field."""
    with blame("init_image"):
        if reference == STANDARD_INPUT:
            return with_notice(context, open_bytes(_standard_input(context), "standard input"))
        return open_control_image(context, reference, folder)


def open_control_image(context: SessionContext, reference: str, folder: OutputFolder) -> OpenedImage:
    """Open the image that a reference resolves to: a file, an earlier result, or a URL."""
    if is_url(reference):
        return open_url(context, reference, folder)
    path = find_image(reference, folder)
    if path.is_dir():
        raise ImageError(f"{path} is a folder, but one image is needed", hint="choose an image in it")
    return with_notice(context, open_found(path, reference, folder, context.check_stopped))


def open_url(context: SessionContext, url: str, folder: OutputFolder) -> OpenedImage:
    """Open the image at a URL in the line: the copy that is stored under this address, or else a download."""
    stored = folder.find_input_by_name(url)
    if stored is not None:
        opened = open_found(stored, url, folder)
        context.notice(f"using the stored copy of {opened.name}; add #new to the URL to download it again")
        return replace(opened, source=url)
    if public_address(url) != url.partition("#")[0]:
        context.notice("the address is recorded without its credentials")
    return _download(context, url)


def _download(context: SessionContext, url: str) -> OpenedImage:
    if context.settings.offline:
        hint = "restart without --offline, or download the image and use the file"
        raise ImageError(f"cannot download {url_name(url)} with --offline", hint=hint)
    context.notice(f"downloading {url_name(url)} from {urlsplit(url).hostname}")
    data, name = fetch(url, context.check_stopped), url_name(url)
    if PurePath(name).suffix.lower() not in IMAGE_SUFFIXES:
        name += usual_suffix(data)
    return with_notice(context, replace(open_bytes(data, name), source=public_address(url)))


def with_notice(context: SessionContext, opened: OpenedImage) -> OpenedImage:
    """Report what was done to the colours of an image, and return it."""
    if opened.remark:
        context.notice(sanitize_for_terminal(f"{opened.name}: {opened.remark}"))
    return opened


def _standard_input(context: SessionContext) -> bytes:
    if context.streams.read is None:
        hint = "-I - works only for one-shot calls: invoke 'oil painting' -I - < photo.png"
        raise ImageError("cannot read an image from standard input here", hint=hint)
    return context.streams.read()


def open_colours(context: SessionContext, choice: str | None, folder: OutputFolder) -> OpenedImage | None:
    """Open the image that `--match_colors` names after its method; None if it names none."""
    reference = (choice or "").partition(":")[2]
    if not reference:
        return None
    with blame("match_colors", always=True):
        return open_control_image(context, reference, folder)


def find_recent_result(context: SessionContext, reference: str, field: str) -> Path:
    """Return the path of the result that a reference such as `@last` resolves to, in the folder of the last result."""
    assert context.latest is not None
    return find_image(reference, context.latest, field=field)


def mask_from_web(context: SessionContext, url: str, folder: OutputFolder) -> OpenedImage:
    """Download and open the mask at the URL of `-M`. Raises ImageError with its field."""
    with blame("init_mask", always=True):
        return open_url(context, url, folder)
