"""Opening what `-I` and `--control` name: a file, an earlier result, standard input, an address on the web."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from invoke_cli.context.context import SessionContext
from invoke_cli.errors import ImageError, blame
from invoke_cli.imaging.open_image import OpenedImage, open_bytes, open_path
from invoke_cli.inputs.references import find_image
from invoke_cli.inputs.url import fetch, is_url, url_name
from invoke_cli.output.folder import OutputFolder

STANDARD_INPUT = "-"


def open_init(context: SessionContext, reference: str, folder: OutputFolder) -> OpenedImage:
    """The image that `-I` names; ImageError with the field to point at."""
    with blame("init_image"):
        if reference == STANDARD_INPUT:
            return open_bytes(_standard_input(context), "standard input")
        return open_control_image(context, reference, folder)


def open_control_image(context: SessionContext, reference: str, folder: OutputFolder) -> OpenedImage:
    """The picture that a reference means: one in a file or an earlier result, or one on the web."""
    if is_url(reference):
        return open_url(context, reference)
    path = find_image(reference, folder)
    if path.is_dir():
        raise ImageError(f"{path} is a folder, where one image is wanted", hint="name one image in it")
    return open_path(path)


def open_url(context: SessionContext, url: str) -> OpenedImage:
    """The picture at an address on the web, which the line itself asked for."""
    if context.settings.offline:
        hint = "start without --offline, or download it and name the file"
        raise ImageError(f"{url_name(url)} is on the web, and --offline is on", hint=hint)
    context.notice(f"fetching {url_name(url)} from {urlsplit(url).hostname}")
    return open_bytes(fetch(url, context.check_stopped), url_name(url))


def _standard_input(context: SessionContext) -> bytes:
    if context.streams.read is None:
        hint = "-I - is for one line given to the program: invoke 'oil painting' -I - < photo.png"
        raise ImageError("standard input carries no image here", hint=hint)
    return context.streams.read()


def recalled(context: SessionContext, reference: str, field: str) -> Path:
    """The result that a recall means where the last one went to another folder: its path, which lasts."""
    assert context.latest is not None
    return find_image(reference, context.latest, field=field)


def mask_from_web(context: SessionContext, url: str) -> OpenedImage:
    """The picture that `-M` names on the web; ImageError with the field to point at."""
    with blame("init_mask", always=True):
        return open_url(context, url)
