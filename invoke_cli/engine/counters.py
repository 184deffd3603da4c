"""What the engine does, counted, and told where `--trace` asks for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(kw_only=True, slots=True)
class Counters:
    """Counts of the engine's work; `tell` is called with a line for each piece of it."""

    tell: Callable[[str], None] | None = None
    encodes: int = 0
    decodes: int = 0
    denoiser_calls: int = 0
    text_encodes: int = 0

    def encoded(self, width: int, height: int) -> None:
        """The VAE encoded an image."""
        self.encodes += 1
        self.say(f"encode {width}x{height}")

    def decoded(self, count: int) -> None:
        """The VAE decoded latents of `count` images."""
        self.decodes += count
        self.say(f"decode {count}" if count > 1 else "decode")

    def text_encoded(self, text: str) -> None:
        """The text encoder read a prompt."""
        self.text_encodes += 1
        self.say(f"text encode {len(text)} characters")

    def say(self, line: str) -> None:
        """Tell a line, if anybody listens."""
        if self.tell is not None:
            self.tell(line)

    def summary(self) -> str:
        """All counts in one line, keys and numbers."""
        return f"trace: encodes={self.encodes} decodes={self.decodes} denoiser_calls={self.denoiser_calls}"
