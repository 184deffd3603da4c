"""What the program says while it works. Events carry plain data; how they look is the console's business."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from invoke_cli.errors import InvokeError

# Pixels a side of the pictures that events carry, at most.
MAX_PREVIEW = 512


class Level(Enum):
    """How loud a notice is."""

    TIP = "tip"
    NOTICE = "notice"
    WARNING = "warning"


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """One sentence beside the results: what was decided, changed or might help."""

    text: str
    level: Level = Level.NOTICE


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """The answer of a command, one or more lines of text."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Prefill:
    """A line that belongs into the next prompt, to be edited; shown where there is no prompt. With `editor` it, or
    several lines, is to be opened in the user's editor first.
    """

    line: str
    editor: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Forget:
    """The lines that were typed are to be forgotten."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """A line begins. `number` counts the lines of a batch from 1; None at the prompt."""

    line: str
    number: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Loading:
    """A model is being loaded; `seconds` is set when it is there."""

    model: str
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """The numbers that the run will use, before any weights are touched."""

    plan: Mapping[str, object]
    text: str
    dry_run: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """A small picture of the latents, or of a result: `rgb` holds height x width x 3 bytes, rows from the top; `kind`
    is how the line wants it shown.
    """

    width: int
    height: int
    rgb: bytes = field(repr=False)
    kind: str = "auto"


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """`step` of `steps` denoising steps is done for image `image` of `images`, in stage `stage` of `stages` of its
    chain (all count from 1).
    """

    image: int
    images: int
    step: int
    steps: int
    seconds: float
    batch: int = 1
    stage: int = 1
    stages: int = 1
    preview: Preview | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Saved:
    """An image is on disk. `number` is None when it has none (standard output); `picture` is set where it is shown."""

    number: int | None
    path: str
    line: str
    seed: int
    seconds: float
    steps_taken: int
    steps_asked: int
    extras: tuple[str, ...] = ()
    picture: Preview | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Trace:
    """A line of `--trace`: what the engine does, or what it did in all."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokenized:
    """How a model reads a prompt (`name` tells which): the tokens in each window, and those that it cuts off."""

    name: str
    windows: tuple[tuple[str, ...], ...]
    cut: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed:
    """A line, or the rest of it, was given up. `number` counts the lines of a batch."""

    error: InvokeError
    number: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """A line is finished: how many images it made, in how many seconds, and the memory it took at most (bytes)."""

    images: int
    seconds: float
    ok: bool
    peak_memory: int | None = None


Event = (
    Notice | Message | Prefill | Forget | Start | Loading | Planned | Step | Saved | Trace | Tokenized | Failed | Done
)
Emit = Callable[[Event], None]


class Viewer(Protocol):
    """Whoever looks at pictures while they are made; `kind` is what the line says of its preview."""

    def shows(self, kind: str) -> bool:
        """Whether pictures are shown at all."""

    def wants(self, kind: str) -> bool:
        """Whether there is time for a preview now; the next Step with one ends that time."""


@dataclass(frozen=True, slots=True)
class NullViewer:
    """A viewer that looks at nothing."""

    def shows(self, kind: str) -> bool:  # noqa: ARG002
        """Never."""
        return False

    def wants(self, kind: str) -> bool:  # noqa: ARG002
        """Never."""
        return False
