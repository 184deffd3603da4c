"""A session for tests, with its own folder, root and outputs, and its events in a list."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from invoke_cli.context.context import Streams
from invoke_cli.context.options import SessionOptions
from invoke_cli.context.outcome import Outcome
from invoke_cli.engine import Engine, EngineSettings
from invoke_cli.events import Event, Failed, Message, Notice, Prefill, Saved, Trace
from invoke_cli.metadata.containers.text_chunks import read_chunks
from invoke_cli.session import Session

E = TypeVar("E")


def pixels(path: Path) -> bytes:
    """Return the RGB bytes of an image."""
    with Image.open(path) as image:
        return image.convert("RGB").tobytes()


def size(path: Path) -> tuple[int, int]:
    """Return the width and height of an image."""
    with Image.open(path) as image:
        return image.size


def values(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return the RGB values of an image: height, width, 3."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def is_fake(harness: SessionHarness) -> bool:
    """Return whether the session uses the fake engine, which records its jobs."""
    return bool(harness.session.context.engine.environment()["device"] == "fake")


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def image_facts(path: Path) -> dict[str, object]:
    """Return the part `image` of an image's metadata."""
    facts = json.loads(read_chunks(path)["sd-metadata"])["image"]
    assert isinstance(facts, dict)
    return facts


class SessionHarness:
    """A session in `folder`, which must be the working directory, with one model called `tiny`."""

    def __init__(
        self,
        folder: Path,
        model: Path,
        opener: Callable[[EngineSettings], Engine],
        options: SessionOptions | None = None,
        streams: Streams | None = None,
    ) -> None:
        self.folder = folder
        configs = folder / "root" / "configs"
        configs.mkdir(parents=True, exist_ok=True)
        entry = f"tiny:\n  description: random\n  path: {model}\n  default: true\n"
        (configs / "models.yaml").write_text(entry, encoding="utf-8")
        self.events: list[Event] = []
        self.session = Session(
            options or SessionOptions(root=str(folder / "root")),
            emit=self.events.append,
            opener=opener,
            streams=streams,
        )

    def run(self, *lines: str) -> Outcome:
        """Run lines; return the last one's outcome. Only the events of these lines are kept."""
        self.events.clear()
        outcomes = [self.session.run(line, number) for number, line in enumerate(lines, start=1)]
        return outcomes[-1]

    def draw(self, line: str) -> list[Path]:
        """Run a line that must succeed; return the paths of its images."""
        outcome = self.run(line)
        assert outcome is Outcome.OK, self.errors
        return [self.folder / event.path for event in self.of(Saved)]

    def of(self, kind: type[E]) -> list[E]:
        """Return the events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def saved(self) -> list[Saved]:
        """The images that were saved."""
        return self.of(Saved)

    @property
    def errors(self) -> list[str]:
        """The messages of the errors."""
        return [event.error.message for event in self.of(Failed)]

    @property
    def notices(self) -> list[str]:
        """The texts of the notices."""
        return [event.text for event in self.of(Notice)]

    @property
    def traces(self) -> list[str]:
        """The lines of the trace."""
        return [event.text for event in self.of(Trace)]

    @property
    def messages(self) -> str:
        """The output of commands."""
        return "\n".join(event.text for event in self.of(Message))

    @property
    def prefills(self) -> list[str]:
        """The lines that were put into the next prompt."""
        return [event.line for event in self.of(Prefill)]


def outputs(harness: SessionHarness) -> Path:
    """Return the folder of its images."""
    return harness.folder / "outputs"
