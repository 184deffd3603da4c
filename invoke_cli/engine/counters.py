"""Count the engine's work, and log each piece of it for `--trace`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(kw_only=True, slots=True)
class Counters:
    """Counts of the engine's work.

    Attributes:
        emit: Called with one line per piece of work, or None.
    """

    emit: Callable[[str], None] | None = None
    encodes: int = 0
    decodes: int = 0
    denoiser_calls: int = 0
    text_encodes: int = 0

    def encoded(self, width: int, height: int) -> None:
        """Count an image that the VAE encoded."""
        self.encodes += 1
        self.log(f"encode {width}x{height}")

    def decoded(self, count: int) -> None:
        """Count `count` images that the VAE decoded."""
        self.decodes += count
        self.log(f"decode {count}" if count > 1 else "decode")

    def text_encoded(self, text: str) -> None:
        """Count a prompt that the text encoder read."""
        self.text_encodes += 1
        self.log(f"text encode {len(text)} characters")

    def add(self, other: Counters) -> None:
        """Add the counts of a part of the work that was counted on its own."""
        self.encodes += other.encodes
        self.decodes += other.decodes
        self.denoiser_calls += other.denoiser_calls
        self.text_encodes += other.text_encodes

    def log(self, line: str) -> None:
        """Emit a line if a receiver is set."""
        if self.emit is not None:
            self.emit(line)

    def summary(self) -> str:
        """Return all counts in one line of `key=number`."""
        return f"trace: {self._counts()}"

    def summary_since(self, before: Counters, name: str) -> str:
        """Return the counts since an earlier copy, of something with this name, in one line of `key=number`."""
        counts = Counters(
            encodes=self.encodes - before.encodes,
            decodes=self.decodes - before.decodes,
            denoiser_calls=self.denoiser_calls - before.denoiser_calls,
        )
        return f"trace of {name}: {counts._counts()}"

    def _counts(self) -> str:
        return f"encodes={self.encodes} decodes={self.decodes} denoiser_calls={self.denoiser_calls}"
