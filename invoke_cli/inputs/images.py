"""Opening what `-I` and `--control` name: a file, an earlier result, standard input, an address on the web."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from invoke_cli.context.context import Workshop
from invoke_cli.errors import ImageError
from invoke_cli.imaging.open_image import OpenedImage, open_bytes, open_path
from invoke_cli.inputs.references import find_image
from invoke_cli.inputs.url import fetch, is_url, url_name
from invoke_cli.output.folder import OutputFolder

STANDARD_INPUT = "-"


def open_init(workshop: Workshop, reference: str, folder: OutputFolder) -> OpenedImage:
    """The image that `-I` names; ImageError with the field to point at."""
    try:
        if reference == STANDARD_INPUT:
            return open_bytes(_standard_input(workshop), "standard input")
        return open_picture(workshop, reference, folder)
    except ImageError as error:
        error.field = error.field or "init_image"
        raise


def open_picture(workshop: Workshop, reference: str, folder: OutputFolder) -> OpenedImage:
    """The picture that a reference means: one in a file or an earlier result, or one on the web."""
    if is_url(reference):
        return open_url(workshop, reference)
    path = find_image(reference, folder)
    if path.is_dir():
        raise ImageError(f"{path} is a folder, where one image is wanted", hint="name one image in it")
    return open_path(path)


def open_url(workshop: Workshop, url: str) -> OpenedImage:
    """The picture at an address on the web, which the line itself asked for."""
    if workshop.settings.offline:
        hint = "start without --offline, or download it and name the file"
        raise ImageError(f"{url_name(url)} is on the web, and --offline is on", hint=hint)
    workshop.notice(f"fetching {url_name(url)} from {urlsplit(url).hostname}")
    return open_bytes(fetch(url, workshop.check_stopped), url_name(url))


def _standard_input(workshop: Workshop) -> bytes:
    if workshop.streams.read is None:
        hint = "-I - is for one line given to the program: invoke 'oil painting' -I - < photo.png"
        raise ImageError("standard input carries no image here", hint=hint)
    return workshop.streams.read()


def recalled(workshop: Workshop, reference: str, field: str) -> Path:
    """The result that a recall means where the last one went to another folder: its path, which lasts."""
    assert workshop.latest is not None
    return find_image(reference, workshop.latest, field=field)


def mask_from_web(workshop: Workshop, url: str) -> OpenedImage:
    """The picture that `-M` names on the web; ImageError with the field to point at."""
    try:
        return open_url(workshop, url)
    except ImageError as error:
        error.field = "init_mask"
        raise
