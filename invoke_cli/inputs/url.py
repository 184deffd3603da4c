"""Pictures from the web: fetched once, within limits of size and time. All connections are opened by `opener`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from invoke_cli.errors import ImageError
from invoke_cli.output.names import safe
from invoke_cli.version import __version__

SCHEMES = ("http://", "https://")
_PIECE = 65_536
_REMEDY = "download it yourself and name the file"


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How much of the web is waited for: bytes, seconds of silence, seconds in all."""

    most_bytes: int = 50_000_000
    silence: float = 10.0
    seconds: float = 60.0


LIMITS = Limits()


def is_url(reference: str) -> bool:
    """Whether a reference is an address on the web; schemes are the same in capitals."""
    return reference.lower().startswith(SCHEMES)


def url_name(url: str) -> str:
    """The base name of what an address names, fit for a file and for a line."""
    name = safe(PurePosixPath(unquote(urlsplit(url).path)).name).strip(". ")
    return name or "picture"


def fetch(url: str, check_stopped: Callable[[], None], limits: Limits = LIMITS) -> bytes:
    """The content at an address; ImageError, in one sentence, when it is not to be had within the limits.

    `check_stopped` is called between pieces and raises when the user wants no more of it.
    """
    deadline = time.monotonic() + limits.seconds
    with _told(url, limits), _open(url, limits) as response:
        said = response.headers.get("Content-Length") or "0"
        if said.isdecimal() and int(said) > limits.most_bytes:
            raise _too_large(url, limits)
        pieces: list[bytes] = []
        size = 0
        while piece := response.read1(_PIECE):
            check_stopped()
            size += len(piece)
            if size > limits.most_bytes:
                raise _too_large(url, limits)
            if time.monotonic() > deadline:
                raise TimeoutError
            pieces.append(piece)
        if said.isdecimal() and size < int(said):
            raise ImageError(f"{url_name(url)} broke off after {size} of {said} bytes", hint="try again")
    return b"".join(pieces)


def _open(url: str, limits: Limits) -> Any:
    from urllib import request

    headers = {"User-Agent": f"invoke-cli/{__version__}", "Accept": "image/*"}
    return opener().open(request.Request(url, headers=headers), timeout=limits.silence)  # the handlers decide


def opener() -> Any:
    """What opens addresses over http and https alone; so it is with redirects, for there is no other handler."""
    from urllib import request

    director = request.OpenerDirector()
    handlers = (
        request.ProxyHandler, request.HTTPHandler, request.HTTPSHandler, request.HTTPDefaultErrorHandler,
        request.HTTPErrorProcessor, request.HTTPRedirectHandler, request.UnknownHandler,
    )  # fmt: skip
    for handler in handlers:
        director.add_handler(handler())
    return director


@contextmanager
def _told(url: str, limits: Limits) -> Iterator[None]:
    """Failures of the network as one sentence."""
    from urllib.error import HTTPError, URLError

    name = url_name(url)
    try:
        yield
    except HTTPError as error:
        error.close()  # it carries the answer, and its connection
        reason = "redirected round in circles or off the web" if error.code // 100 == 3 else error.reason
        raise ImageError(f"the server gives no {name}: {error.code} {reason}", hint="check the address") from None
    except TimeoutError:
        raise _too_slow(name, limits) from None
    except URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise _too_slow(name, limits) from None
        raise ImageError(f"{name} cannot be fetched: {error.reason}", hint="check the address") from None
    except (HTTPException, OSError, ValueError) as error:
        reason = str(error) or type(error).__name__
        raise ImageError(f"{name} cannot be fetched: {reason[:120]}", hint="check the address") from None


def _too_large(url: str, limits: Limits) -> ImageError:
    return ImageError(f"{url_name(url)} is larger than {limits.most_bytes / 1e6:g} MB", hint=_REMEDY)


def _too_slow(name: str, limits: Limits) -> ImageError:
    within = f"{limits.silence:g} s without an answer, or {limits.seconds:g} s in all"
    return ImageError(f"{name} took too long to come ({within})", hint=_REMEDY)
