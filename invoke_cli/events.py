"""The events that the program emits while it runs. They contain plain data; the console formats them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from invoke_cli.errors import InvokeError

# A part of a command's answer, for programs: plain values by name. Its `kind` says which names it has.
Item = Mapping[str, object]

# The maximum side of images in events, in pixels.
MAX_PREVIEW = 512
# The path of a result that was written to standard output.
STANDARD_OUTPUT = "-"


class Level(Enum):
    """The severity of a notice."""

    TIP = "tip"
    NOTICE = "notice"
    WARNING = "warning"


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """A sentence about a decision, a change or something that might help."""

    text: str
    level: Level = Level.NOTICE


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """A small image of the latents or of a result.

    Attributes:
        width: The width in pixels.
        height: The height in pixels.
        rgb: height x width x 3 bytes (8-bit RGB), rows from top to bottom.
        kind: The value of --preview.
    """

    width: int
    height: int
    rgb: bytes = field(repr=False)
    kind: str = "auto"


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """The output of a command, one or more lines of text.

    Attributes:
        text: The text.
        paged: Whether a terminal may show it in a pager.
        items: The same as data, for programs.
        on_terminal: The text laid out for a terminal, which may leave out details; empty if it is the same.
        picture: The image that the text names, if it is displayed.
    """

    text: str
    paged: bool = False
    items: tuple[Item, ...] = ()
    on_terminal: str = ""
    picture: Preview | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Prefill:
    """Text to insert into the next prompt for editing; without a prompt, it is printed.

    With `editor`, the text (one or several lines) is first opened in the user's editor.
    """

    line: str
    editor: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Forget:
    """Clears the history of typed lines."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """A line starts. `number` is its number in a batch, from 1; None at the prompt."""

    line: str
    number: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Loading:
    """A model is being loaded; `seconds` is set when it has been loaded."""

    model: str
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """The plan of a run, before any weights are loaded."""

    plan: Mapping[str, object]
    text: str
    dry_run: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """A denoising step is complete: `step` of `steps`, for `image` of `images`, in `stage` of `stages` (all from 1).

    `worker` is the name of the worker that took it, if there are several, and `line` the number of its line in a file.
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
    worker: str = ""
    line: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Saved:
    """An image has been saved.

    `line` reproduces it; `short_line` is the part that was chosen, for display.
    `number` is None for a file named by -o and for standard output, whose path is STANDARD_OUTPUT. `picture` is set if
    the image is displayed. `steps_per_second` and `peak_memory` (in bytes, so far) are None if no model ran. `worker`
    is the name of the worker that generated it, if there are several.
    """

    number: int | None
    path: str
    line: str
    seed: int
    seconds: float
    steps_taken: int
    steps_asked: int
    extras: tuple[str, ...] = ()
    picture: Preview | None = None
    short_line: str = ""
    steps_per_second: float | None = None
    peak_memory: int | None = None
    worker: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """Some lines of a file that workers run are complete, after so many seconds.

    `lines` is the number of all lines that will run; None if it is not known.
    """

    complete: int
    begun: int
    lines: int | None
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Trace:
    """A line of the `--trace` log: an action of the engine, or totals."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokenized:
    """The tokens of a prompt (`name` identifies it): those in each window, and the truncated (`cut`) ones."""

    name: str
    windows: tuple[tuple[str, ...], ...]
    cut: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed:
    """A line failed. `number` is its number in a batch."""

    error: InvokeError
    number: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """A line is finished: the number of images, the duration in seconds, and the peak memory in bytes."""

    images: int
    seconds: float
    ok: bool
    peak_memory: int | None = None


Event = (
    Notice | Message | Prefill | Forget | Start | Loading | Planned | Step | Progress | Saved | Trace | Tokenized
    | Failed | Done
)  # fmt: skip
Emit = Callable[[Event], None]


class Viewer(Protocol):
    """Decides which previews are rendered; `kind` is the value of --preview."""

    def shows(self, kind: str) -> bool:
        """Return whether images are shown at all."""

    def wants(self, kind: str) -> bool:
        """Return whether a preview should be rendered now; the next Step with a preview resets this."""


@dataclass(frozen=True, slots=True)
class NullViewer:
    """A viewer that shows no images."""

    def shows(self, kind: str) -> bool:  # noqa: ARG002
        """Return False."""
        return False

    def wants(self, kind: str) -> bool:  # noqa: ARG002
        """Return False."""
        return False
