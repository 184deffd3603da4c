"""A session to test with: its own folder, root and outputs, its events in a list."""

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
    """The RGB bytes of a picture."""
    with Image.open(path) as image:
        return image.convert("RGB").tobytes()


def size(path: Path) -> tuple[int, int]:
    """Width and height of a picture."""
    with Image.open(path) as image:
        return image.size


def values(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """The RGB values of a picture: height, width, 3."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def is_fake(harness: SessionHarness) -> bool:
    """Whether the session draws on the fake engine, which makes no pictures of its own but shows its jobs."""
    return bool(harness.session.context.engine.environment()["device"] == "fake")


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def image_facts(path: Path) -> dict[str, object]:
    """What a picture's own record says of it, under `image`."""
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
        """Do lines; returns the last one's outcome. The events of these lines alone are kept."""
        self.events.clear()
        outcomes = [self.session.run(line, number) for number, line in enumerate(lines, start=1)]
        return outcomes[-1]

    def draw(self, line: str) -> list[Path]:
        """Do a line that must succeed; the paths of its images."""
        outcome = self.run(line)
        assert outcome is Outcome.OK, self.errors
        return [self.folder / event.path for event in self.of(Saved)]

    def of(self, kind: type[E]) -> list[E]:
        """The events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def saved(self) -> list[Saved]:
        """The images that were saved."""
        return self.of(Saved)

    @property
    def errors(self) -> list[str]:
        """The sentences of the errors."""
        return [event.error.message for event in self.of(Failed)]

    @property
    def notices(self) -> list[str]:
        """The sentences of the notices."""
        return [event.text for event in self.of(Notice)]

    @property
    def traces(self) -> list[str]:
        """The lines of the trace."""
        return [event.text for event in self.of(Trace)]

    @property
    def messages(self) -> str:
        """The answers of commands."""
        return "\n".join(event.text for event in self.of(Message))

    @property
    def prefills(self) -> list[str]:
        """The lines that went into the next prompt."""
        return [event.line for event in self.of(Prefill)]


def outputs(harness: SessionHarness) -> Path:
    """The folder of its pictures."""
    return harness.folder / "outputs"
