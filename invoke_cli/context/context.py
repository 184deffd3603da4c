"""The session context, which commands and generation share: settings, engine, folders, writer, events."""

from __future__ import annotations

import copy
import errno
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from invoke_cli.context.model_hashes import ModelHashes
from invoke_cli.context.paths import ALIASES_FILE, expand_path, is_file, is_folder, names_a_file
from invoke_cli.context.settings import Settings
from invoke_cli.context.worker_settings import worker_settings
from invoke_cli.context.yaml_store import Aliases
from invoke_cli.engine import Engine, EngineSettings, Hooks
from invoke_cli.engine.counters import Counters
from invoke_cli.errors import Interrupted, OutputError
from invoke_cli.events import (
    Done,
    Emit,
    Event,
    Item,
    Level,
    Loading,
    Message,
    Notice,
    NullViewer,
    Preview,
    Start,
    Step,
    Viewer,
)
from invoke_cli.language.addresses import mask_secrets
from invoke_cli.language.help.render import WIDTH
from invoke_cli.language.image_names import IMAGE_SUFFIXES
from invoke_cli.output.batch_journal import JournalledNumbers
from invoke_cli.output.files import make_folder, output_errors
from invoke_cli.output.folder import OutputFolder
from invoke_cli.output.line_images import LineImages
from invoke_cli.output.numbering import NextNumbers, Numbering
from invoke_cli.output.writer import SavedImage, Target, Writer
from invoke_cli.planning.plan import Tip
from invoke_cli.planning.tips import tip_for_progress
from invoke_cli.plugins import plugins
from invoke_cli.request import DISTINCT_SEEDS, GenerationRequest

OpenEngine = Callable[[EngineSettings], Engine]
InOrder = Callable[[Callable[[], None]], None]
_POLL_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class Streams:
    """The standard streams for images, and the viewer.

    Attributes:
        read: Reads an image from standard input; None if that is not possible.
        write: Writes an image to standard output; None if that is not possible.
        viewer: Decides which previews are needed.
        width: Returns the columns that text may take.
        saved: Receives each image of a line once it is saved.
    """

    read: Callable[[], bytes] | None = None
    write: Callable[[bytes], None] | None = None
    viewer: Viewer = field(default=NullViewer())
    width: Callable[[], int] = field(default=lambda: WIDTH)
    saved: Callable[[SavedImage], None] = field(default=lambda _: None)


def _check_writable(target: Path, folder: Path) -> None:
    """Raise OutputError for a target if nothing can be written into the folder that will contain it."""
    with output_errors(target):
        if not os.access(folder, os.W_OK):
            raise PermissionError(errno.EACCES, "permission denied")


class SessionContext:
    """The state that all lines of a session share.

    One thread runs lines; another may open the engine meanwhile, and one may use the context that `beside` returns.
    `stop` may be called from any thread.

    Attributes:
        settings: The settings.
        emit: Receives the events.
        streams: The standard streams.
        writer: Writes results in the background.
        aliases: The user's aliases.
        counters: The engine counters of the current line.
        line_images: Counts the images of the current line.
        last_stages: The stages of the last planned line, with seeds and references resolved.
        faster: What would make the current line faster; empty if nothing is known.
        latest: The folder of the last result, which `@last` refers to; None before the first.
        width: The number of images that can be generated at the same time.
        numbering: Reserves the numbers of a run before it begins; None to number results as they are written.
        in_order: Calls a function once everything that was begun earlier has been reported; None to call it at once.
        hashes: The hashes of models and files.
        session_id: A random identifier of the session.
    """

    def __init__(self, settings: Settings, emit: Emit, streams: Streams, opener: OpenEngine) -> None:
        self.settings = settings
        self.emit = emit
        self.streams = streams
        self.writer = Writer()
        self.aliases = Aliases(self.settings.paths.user_configs / ALIASES_FILE)
        self.counters = Counters()
        self.line_images = LineImages()
        self.last_stages: tuple[GenerationRequest, ...] = ()
        self.latest: OutputFolder | None = None
        self.faster = ""
        self.width = 1
        self.numbering: Numbering | None = None
        self.in_order: InOrder | None = None
        self._opener = self._first_opener = opener
        self._engine: Engine | None = None
        self._is_opening = False
        self._opening: threading.Thread | None = None
        self._folders: dict[Path, OutputFolder] = {}
        self._folders_lock = threading.RLock()
        self._tips: set[str] = set()
        self._problems: set[str] = set()
        self.session_id = secrets.token_hex(4)
        self._lines = 0
        self._opening_began: float | None = None
        self._stop, self._closing = threading.Event(), threading.Event()
        self.hashes = ModelHashes()
        self._seeds: Random | None = None

    # -- the engine -------------------------------------------------------------------------------------------------

    @property
    def engine(self) -> Engine:
        """The engine. The first access opens it, which takes seconds, or waits for the thread that does.

        Raises:
            Interrupted: The user stopped the wait.
        """
        while self._opening is not None and self._opening.is_alive():
            if self._opening is threading.current_thread():
                break
            self._opening.join(_POLL_SECONDS)
            self.check_stopped()
        if self._engine is None:
            self._engine = self._opened_engine()
        return self._engine

    def _opened_engine(self) -> Engine:
        options, settings = self.settings.options, self.settings
        engine_settings = EngineSettings(
            device=settings.launch_value("device", options.device),
            precision=settings.launch_value("precision", options.precision),
            offline=settings.offline,
            max_loaded_models=settings.max_loaded_models,
            model_memory=settings.model_memory,
            threads=worker_settings(settings).threads,
        )
        self._opening_began = time.monotonic()
        self._is_opening = True
        try:
            return self._opener(engine_settings)
        finally:
            self._is_opening = False

    def reopen_engine(self, opener: OpenEngine | None, width: int) -> None:
        """Unload the engine, and open the next one with another opener; None is that of the session's begin."""
        if self._engine is not None:
            self._engine.unload()
        self._engine, self._opener = None, opener or self._first_opener
        self.width, self.numbering = width, NextNumbers() if opener is not None else None

    @property
    def is_opening_engine(self) -> bool:
        """Whether a line has begun to open the engine, and no image exists that could be lost."""
        return self._is_opening

    def beside(self) -> SessionContext:
        """Return the context of a line that is answered while another one runs, on another thread.

        It shares the settings, the folders and the engine; what belongs to the running line is its own.
        """
        other = copy.copy(self)
        other._opener = lambda _: self.engine
        other._stop = threading.Event()
        other.counters = Counters()
        other.emit = lambda event: None if isinstance(event, Start | Done) else self.emit(event)
        return other

    def lane(self, emit: Emit, in_order: InOrder | None) -> SessionContext:
        """Return the context of a task that runs beside others: what belongs to one line is its own."""
        other = copy.copy(self)
        other.counters = Counters()
        other.emit, other.in_order = emit, in_order
        other._opener = lambda _: self.engine
        other._opening_began = None
        return other

    def take_over(self, lane: SessionContext) -> None:
        """Remember the last line and the last result of a task that has ended."""
        self.last_stages, self.latest = lane.last_stages, lane.latest

    def open_in_background(self, work: Callable[[], None]) -> None:
        """Run `work`, which opens the engine, in a new thread; `engine` blocks until it is complete."""
        self._opening = threading.Thread(target=work, name="invoke-opening", daemon=True)
        self._opening.start()

    @property
    def open_engine(self) -> Engine | None:
        """The engine, or None if it is not open yet."""
        return self._engine

    def hooks(self) -> Hooks:
        """Return the hooks with which the engine reports to this session."""
        return Hooks(emit=self._follow, stopped=self._stop.is_set, counters=self.counters, viewer=self.streams.viewer)

    def _follow(self, event: Event) -> None:
        """Emit an event of the engine, with a tip if the line turns out to be slow.

        The time of the first model to be loaded includes that of opening the engine, which the user waited for, too.
        """
        if isinstance(event, Loading) and event.seconds is not None and self._opening_began is not None:
            event = replace(event, seconds=time.monotonic() - self._opening_began)
            self._opening_began = None
        self.emit(event)
        tip = tip_for_progress(event, self.faster) if isinstance(event, Step) else None
        if tip is not None:
            self.tip(tip)

    def background_hooks(self) -> Hooks:
        """Return the hooks for work of the engine in the background, which only the end of the session stops."""
        return Hooks(emit=self._follow, stopped=self._closing.is_set)

    # -- stopping ---------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Stop the running line after the current step. May be called from any thread or signal handler."""
        self._stop.set()

    def begin(self) -> None:
        """Start a new line: clear earlier requests to stop."""
        self.count_line()
        if self._opening is None or not self._opening.is_alive():
            self._opening_began = None
        self._stop.clear()

    def count_line(self) -> None:
        """Start a new line beside others, with an identifier of its own in the history."""
        self._lines += 1
        self.line_images = LineImages()
        self.counters = Counters()

    @property
    def is_stopped(self) -> bool:
        """Whether a stop was requested."""
        return self._stop.is_set()

    @property
    def run(self) -> str:
        """The identifier of the current line in the history, unique among all sessions."""
        return f"{self.session_id}:{self._lines}"

    def check_stopped(self) -> None:
        """Raise Interrupted if a stop was requested."""
        if self._stop.is_set():
            raise Interrupted("stopped")

    # -- folders ----------------------------------------------------------------------------------------------------

    def target(self, outdir: str) -> Target:
        """Return the target of `-o`: a folder, a file, or standard output (`-`).

        Raises:
            OutputError: The target cannot be used.
        """
        if outdir == "-":
            if self.streams.write is None:
                hint = "use a one-shot call: invoke 'a cat' -o - > cat.png"
                raise OutputError("`-o -` works only for one-shot calls", hint=hint, field="outdir")
            return Target(folder=self.folder(), stdout=self.streams.write, run=self.run, images=self.line_images)
        path = expand_path(outdir)
        if names_a_file(outdir):
            _check_writable(path, next(parent for parent in path.absolute().parents if is_folder(parent)))
            return Target(folder=self.folder(), file=path, run=self.run, images=self.line_images)
        if path.suffix.lower() in IMAGE_SUFFIXES and not is_folder(path):
            hint = f"write to {path.with_suffix('.png')} and convert it afterwards"
            raise OutputError(f"results are PNG, JPEG or WebP files, not {path.suffix}", hint=hint, field="outdir")
        if is_file(path):
            raise OutputError(f"{path} is a file, not a folder", hint="choose another -o", field="outdir")
        folder = self._writable(self.folder(outdir))
        is_resumed = isinstance(self.numbering, JournalledNumbers)
        return Target(
            folder=folder, run=self.run, in_order=self.in_order, images=self.line_images, is_resumed=is_resumed
        )

    def recent_folder(self) -> OutputFolder:
        """Return the folder of the last result; the default folder before the first."""
        return self.latest or self.folder()

    def _writable(self, folder: OutputFolder) -> OutputFolder:
        """Create the folder. Raises OutputError, before generation starts, if it is not writable."""
        with output_errors(folder.path):
            make_folder(folder.path)
        folder.check_writable()
        self.report_folder(folder)
        return folder

    def report_folder(self, folder: OutputFolder) -> None:
        """Tell, once, what the user should know about a folder."""
        while text := folder.take_notice():
            self.notice(text, Level.WARNING)

    def folder(self, outdir: str | None = None) -> OutputFolder:
        """Return an output folder, by default the session's; its first use recovers the images of a killed session."""
        path = expand_path(outdir or self.settings.outdir())
        key = path.absolute()
        with self._folders_lock:
            if key not in self._folders:
                folder = self._folders[key] = OutputFolder(path)
                may_recover = is_folder(folder.state_folder) and os.access(folder.state_folder, os.W_OK)
                if may_recover:
                    self._recover(folder)
            return self._folders[key]

    def _recover(self, folder: OutputFolder) -> None:
        """Add the images of a killed session. Where that is not possible, the folder can still be read."""
        try:
            recovered = folder.recover()
        except OutputError as error:
            self.notice(f"the history was not checked for images of an interrupted session: {error.message}")
            return
        if recovered:
            self.notice(f"images of an interrupted session added to the history: {recovered}")
        if reason := folder.take_log_error():
            self.notice(reason, Level.WARNING)

    # -- events -----------------------------------------------------------------------------------------------------

    def notice(self, text: str, level: Level = Level.NOTICE) -> None:
        """Emit a notice."""
        self.emit(Notice(text=mask_secrets(text), level=level))

    def report_plugin_failures(self) -> None:
        """Warn once about each broken plug-in."""
        for text in plugins().new_failures():
            self.notice(text, Level.WARNING)

    def report_model_problems(self) -> None:
        """Warn once about each entry of models.yaml that cannot be used."""
        for name, error in self.settings.registry.problems.items():
            if name not in self._problems:
                self._problems.add(name)
                self.notice(f"left out: {error.message}; {error.hint}", Level.WARNING)

    def tip(self, tip: Tip) -> None:
        """Emit a tip, once per session."""
        if tip.key not in self._tips:
            self._tips.add(tip.key)
            self.emit(Notice(text=tip.text, level=Level.TIP))

    def say(
        self,
        text: str,
        *,
        items: Iterable[Item] = (),
        paged: bool = False,
        on_terminal: str = "",
        picture: Preview | None = None,
    ) -> None:
        """Emit the output of a command; see `Message`."""
        self.emit(Message(text=text, items=tuple(items), paged=paged, on_terminal=on_terminal, picture=picture))

    def random_seed(self) -> int:
        """Return a random seed: from the operating system, or the next one that `derive_seeds` has determined."""
        return secrets.randbelow(DISTINCT_SEEDS) if self._seeds is None else self._seeds.randrange(DISTINCT_SEEDS)

    def derive_seeds(self, base: int, line: int) -> None:
        """Let the random seeds of a line follow from a base seed and the number of the line."""
        self._seeds = Random(f"{base}:{line}")

    def close(self) -> None:
        """Finish writing and unload the engine; what is being loaded in the background is stopped."""
        self._closing.set()
        self.writer.close()
        if self._opening is not None:
            self._opening.join()
        if self._engine is not None:
            self._engine.unload()
