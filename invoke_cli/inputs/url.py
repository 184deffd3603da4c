"""Download images within limits of size and time."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from invoke_cli.errors import ImageError
from invoke_cli.inputs.connections import RedirectGuard, opener
from invoke_cli.output.names import safe_name
from invoke_cli.version import __version__

SCHEMES = ("http://", "https://")
_CHUNK_SIZE = 65_536
_POLL_SECONDS = 0.05
_REMEDY = "download it yourself and use the file"


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The limits of a download.

    Attributes:
        max_bytes: The maximum size in bytes.
        silence: The maximum time without a response, in seconds.
        seconds: The maximum total time, in seconds.
    """

    max_bytes: int = 50_000_000
    silence: float = 10.0
    seconds: float = 60.0


LIMITS = Limits()


def is_url(reference: str) -> bool:
    """Return whether a reference is a URL; the scheme is not case-sensitive."""
    return reference.lower().startswith(SCHEMES)


def url_name(url: str) -> str:
    """Return a base name for the image at a URL that is safe in file names and lines."""
    name = safe_name(PurePosixPath(unquote(urlsplit(url).path)).name).strip(". ")
    return name or "picture"


def fetch(url: str, check_stopped: Callable[[], None], limits: Limits = LIMITS) -> bytes:
    """Download the content at a URL.

    Args:
        url: The URL.
        check_stopped: Called while waiting, also for a connection; it raises to stop the download.
        limits: The limits of size and time.

    Raises:
        ImageError: The download failed or exceeded a limit.
    """
    download = _Download(url, limits)
    deadline = time.monotonic() + limits.seconds
    try:
        while not download.finished.wait(_POLL_SECONDS):
            check_stopped()
            if time.monotonic() > deadline:
                raise _too_slow(url_name(url), limits)
    finally:
        download.abandoned.set()
    check_stopped()
    if download.error is not None:
        raise download.error
    return download.data


class _Download:
    """A download on a thread of its own: looking up a name, connecting and headers cannot be interrupted otherwise.

    Attributes:
        finished: Set when `data` or `error` is.
        abandoned: Set when nobody waits for it any more: the thread ends at the next chunk.
        data: The content.
        error: Why it failed.
    """

    def __init__(self, url: str, limits: Limits) -> None:
        self.finished, self.abandoned = threading.Event(), threading.Event()
        self.data = b""
        self.error: ImageError | None = None
        self._url, self._limits = url, limits
        threading.Thread(target=self._run, name="invoke-download", daemon=True).start()

    def _run(self) -> None:
        try:
            with _report_failures(self._url, self._limits), _open(self._url, self._limits) as response:
                self.data = self._read(response)
        except ImageError as error:
            self.error = error
        finally:
            self.finished.set()

    def _read(self, response: Any) -> bytes:
        url, limits = self._url, self._limits
        length = response.headers.get("Content-Length") or "0"
        if length.isdecimal() and int(length) > limits.max_bytes:
            raise _too_large(url, limits)
        chunks: list[bytes] = []
        size = 0
        while not self.abandoned.is_set() and (chunk := response.read1(_CHUNK_SIZE)):
            size += len(chunk)
            if size > limits.max_bytes:
                raise _too_large(url, limits)
            chunks.append(chunk)
        if length.isdecimal() and size < int(length):
            raise ImageError(f"the download of {url_name(url)} ended after {size} of {length} bytes", hint="try again")
        return b"".join(chunks)


def _open(url: str, limits: Limits) -> Any:
    from urllib import request

    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    headers = {"User-Agent": f"invoke-cli/{__version__}", "Accept": "image/*"}
    sent = request.Request(urlunsplit(parts._replace(netloc=host)), headers=headers)
    if user:
        credentials = base64.b64encode(unquote(user).encode()).decode()
        sent.add_unredirected_header("Authorization", f"Basic {credentials}")
    return opener(RedirectGuard()).open(sent, timeout=limits.silence)  # limited to http(s) by its handlers


@contextmanager
def _report_failures(url: str, limits: Limits) -> Iterator[None]:
    """Convert network failures to an ImageError with one sentence."""
    from urllib.error import HTTPError, URLError

    name = url_name(url)
    try:
        yield
    except HTTPError as error:
        error.close()  # it holds the response and its connection
        reason = "a redirect loop, or a redirect to another protocol" if error.code // 100 == 3 else error.reason
        raise ImageError(f"the server did not return {name}: {error.code} {reason}", hint="check the URL") from None
    except TimeoutError:
        raise _too_slow(name, limits) from None
    except URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise _too_slow(name, limits) from None
        raise ImageError(f"cannot download {name}: {error.reason}", hint="check the URL") from None
    except (HTTPException, OSError, ValueError) as error:
        reason = str(error) or type(error).__name__
        raise ImageError(f"cannot download {name}: {reason[:120]}", hint="check the URL") from None


def _too_large(url: str, limits: Limits) -> ImageError:
    return ImageError(f"{url_name(url)} is larger than {limits.max_bytes / 1e6:g} MB", hint=_REMEDY)


def _too_slow(name: str, limits: Limits) -> ImageError:
    exceeded = f"more than {limits.silence:g} s without a response, or {limits.seconds:g} s in total"
    return ImageError(f"the download of {name} took too long ({exceeded})", hint=_REMEDY)
