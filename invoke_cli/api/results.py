"""The results of a call: an iterable that waits for each image, while the session generates the next."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from invoke_cli.errors import Interrupted, InvokeError


@dataclass(frozen=True, kw_only=True)
class Result:
    """An image that was generated.

    Attributes:
        image: The image.
        path: Its file; None with `outdir=None`.
        number: Its number in the output folder; None for a file that was named, and with `outdir=None`.
        seed: The seed of its first stage.
        line: The line that generates it again.
        seconds: The time that it took.
        metadata: The settings, the model and the environment, as in the file; empty with `no_metadata`.
    """

    image: Image.Image
    path: Path | None
    number: int | None
    seed: int
    line: str
    seconds: float
    metadata: Mapping[str, Any] = field(repr=False)

    def _repr_png_(self) -> bytes:
        """Return the image for a notebook."""
        buffer = io.BytesIO()
        self.image.save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()


class Results:
    """The images of one call, in order. Each iteration yields all of them, as soon as they are finished.

    The session generates them in the background. Leaving the loop early stops the call after the current step.

    Args:
        stop: Stops the call.
    """

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._changed = threading.Condition()
        self._results: list[Result] = []
        self._texts: list[str] = []
        self._error: BaseException | None = None
        self._done = self._reported = self._stopped = False

    def __iter__(self) -> Iterator[Result]:
        position = 0
        try:
            while (result := self._wait_for(position)) is not None:
                yield result
                position += 1
        finally:
            self.stop()

    def first(self) -> Result:
        """Return the first image; the others are still generated.

        Raises:
            InvokeError: It failed, or there are none.
        """
        result = self._wait_for(0)
        if result is None:
            raise InvokeError("no image was generated", hint="the call was stopped, or the line generates none")
        return result

    def all(self) -> list[Result]:
        """Wait for all images, and return them."""
        return list(self)

    @property
    def text(self) -> str:
        """The output of a command such as `!history`; waits for its end."""
        with self._changed:
            self._changed.wait_for(lambda: self._done)
        self._raise_error()
        return "\n".join(self._texts)

    def stop(self) -> None:
        """Stop after the current step. Finished images are kept."""
        with self._changed:
            already, self._stopped = self._stopped or self._done, True
        if not already:
            self._stop()

    @property
    def is_settled(self) -> bool:
        """Whether the call has ended, and its error, if any, has been raised."""
        return self._done and (self._error is None or self._reported)

    @property
    def stopped(self) -> bool:
        """Whether the call was stopped."""
        return self._stopped

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        """Display the images in a notebook, which waits for them."""
        from invoke_cli.api.notebook import show

        show(self)
        return {"text/plain": ""}

    # -- for the session -------------------------------------------------------------------------------------------

    def add(self, result: Result) -> None:
        """Add an image."""
        with self._changed:
            self._results.append(result)
            self._changed.notify_all()

    def add_text(self, text: str) -> None:
        """Add output of a command."""
        self._texts.append(text)

    def finish(self, call: Future[None]) -> None:
        """Say that the call has ended."""
        error = None if call.cancelled() else call.exception()
        with self._changed:
            self._done = True
            self._error = None if isinstance(error, Interrupted) and self._stopped else error
            self._changed.notify_all()

    def raise_unreported(self) -> None:
        """Raise the error of the call if it has not been raised yet."""
        if not self._reported:
            self._raise_error()

    # -- waiting ---------------------------------------------------------------------------------------------------

    def _wait_for(self, position: int) -> Result | None:
        """Return an image; None if there are no more. Raises the error that ended the call."""
        waited = False
        try:
            with self._changed:
                self._changed.wait_for(lambda: len(self._results) > position or self._done)
            waited = True
        finally:
            if not waited:  # Ctrl-C
                self.stop()
        if position < len(self._results):
            return self._results[position]
        self._raise_error()
        return None

    def _raise_error(self) -> None:
        if self._error is not None:
            self._reported = True
            raise self._error
