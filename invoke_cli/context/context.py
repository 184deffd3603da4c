"""What the commands and the drawing of a line work with: settings, engine, folders, writer, and the user's ear."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from invoke_cli.context.name_store import Aliases
from invoke_cli.context.paths import ALIASES_FILE, expanded, is_file, is_folder, names_a_file
from invoke_cli.context.settings import Settings
from invoke_cli.engine import Engine, EngineSettings, Hooks, Model
from invoke_cli.engine.counters import Counters
from invoke_cli.errors import Interrupted, OutputError
from invoke_cli.events import Emit, Level, Message, Notice, NullViewer, Viewer
from invoke_cli.output.files import output_errors
from invoke_cli.output.folder import OutputFolder
from invoke_cli.output.writer import Target, Writer
from invoke_cli.planning.plan import Tip
from invoke_cli.plugins import plugins
from invoke_cli.request import MAX_SEED, GenerationRequest

OpenEngine = Callable[[EngineSettings], Engine]


@dataclass(frozen=True, kw_only=True, slots=True)
class Streams:
    """The standard streams, as far as images travel on them, and whoever looks at the pictures."""

    read: Callable[[], bytes] | None = None
    write: Callable[[bytes], None] | None = None
    viewer: Viewer = field(default=NullViewer())


def latents_identity(vae_config: str, vae_weights: Sequence[Path]) -> str:
    """What two models have in common that share their latents: a hash of the VAE's configuration and weights."""
    digest = hashlib.sha256(vae_config.encode())
    for path in vae_weights:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


class SessionContext:
    """The state of a session that is not a line's own. One thread works in it, and one may open the engine beside it;
    `stop` may come from any. `latest` is the folder of its last result, where recalls (`@last`) count back.
    """

    def __init__(self, settings: Settings, emit: Emit, streams: Streams, opener: OpenEngine) -> None:
        self.settings = settings
        self.emit = emit
        self.streams = streams
        self.writer = Writer()
        self.aliases = Aliases(self.settings.paths.user_configs / ALIASES_FILE)
        self.counters = Counters()
        self.last_stages: tuple[GenerationRequest, ...] = ()
        self.latest: OutputFolder | None = None
        self._opener = opener
        self._engine: Engine | None = None
        self._opening: threading.Thread | None = None
        self._folders: dict[Path, OutputFolder] = {}
        self._tips: set[str] = set()
        self.session_id = secrets.token_hex(4)
        self._lines = 0
        self._stop = threading.Event()
        self._hashes: dict[str, str] = {}

    # -- the engine -------------------------------------------------------------------------------------------------

    @property
    def engine(self) -> Engine:
        """The engine; the first use imports torch, which takes seconds, or waits for the thread that does."""
        if self._opening is not None and self._opening is not threading.current_thread():
            self._opening.join()
        if self._engine is None:
            options, settings = self.settings.options, self.settings
            self._engine = self._opener(
                EngineSettings(
                    device=settings.launch_value("device", options.device),
                    precision=settings.launch_value("precision", options.precision),
                    offline=settings.offline,
                )
            )
        return self._engine

    def open_beside(self, work: Callable[[], None]) -> None:
        """Let a thread of its own open and use the engine in `work`; nobody else has it before that is done."""
        self._opening = threading.Thread(target=work, name="invoke-opening", daemon=True)
        self._opening.start()

    @property
    def open_engine(self) -> Engine | None:
        """The engine if it was opened."""
        return self._engine

    def hooks(self) -> Hooks:
        """How the engine reports to this session."""
        return Hooks(emit=self.emit, stopped=self._stop.is_set, counters=self.counters, viewer=self.streams.viewer)

    def model_hash(self, model: Model) -> str:
        """SHA-256 over the model's weight files, how they are quantised, and what they predict where it is not their
        config that says so; worked out once a session.
        """
        facts, key = model.facts, model.facts.key
        if key not in self._hashes:
            told = facts.prediction_type if facts.prediction_type_source else ""
            digest = hashlib.sha256(f"{facts.quantize}{told}".encode())
            for path in facts.weights:
                with path.open("rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
            self._hashes[key] = digest.hexdigest()
        return self._hashes[key]

    def file_hash(self, path: Path) -> str:
        """SHA-256 of a file, worked out again when it was written to."""
        key = f"{path}:{path.stat().st_mtime_ns}"
        if key not in self._hashes:
            with path.open("rb") as file:
                self._hashes[key] = hashlib.file_digest(file, "sha256").hexdigest()
        return self._hashes[key]

    def vae_hash(self, model: Model) -> str:
        """What tells whether two models share their latents: the VAE's configuration and weights, hashed once."""
        key = f"{model.facts.key}|vae"
        if key not in self._hashes:
            self._hashes[key] = latents_identity(model.facts.vae_config, model.facts.vae_weights)
        return self._hashes[key]

    # -- stopping ---------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Ask the running line to end after its step. May be called from any thread or signal handler."""
        self._stop.set()

    def begin(self) -> None:
        """A new line begins: earlier wishes to stop are over."""
        self._lines += 1
        self._stop.clear()
        self.counters = Counters()

    @property
    def run(self) -> str:
        """What the books call the line that is being done; unique among all sessions."""
        return f"{self.session_id}:{self._lines}"

    def check_stopped(self) -> None:
        """Interrupted when the running line was asked to end."""
        if self._stop.is_set():
            raise Interrupted("stopped")

    # -- folders ----------------------------------------------------------------------------------------------------

    def target(self, outdir: str) -> Target:
        """Where `-o` sends results: a folder, a file of that name, or standard output."""
        if outdir == "-":
            if self.streams.write is None:
                hint = "-o - is for one line given to the program: invoke 'a cat' -o - > cat.png"
                raise OutputError("this door has no standard output for images", hint=hint, field="outdir")
            return Target(folder=self.folder(), stdout=self.streams.write, run=self.run)
        path = expanded(outdir)
        if names_a_file(outdir):
            return Target(folder=self.folder(), file=path, run=self.run)
        if path.suffix.lower() in (".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff") and not is_folder(path):
            hint = f"write {path.with_suffix('.png')} and convert it afterwards"
            raise OutputError(f"results are PNG files, not {path.suffix}", hint=hint, field="outdir")
        if is_file(path):
            raise OutputError(f"{path} is a file, not a folder", hint="choose another -o", field="outdir")
        return Target(folder=self._writable(self.folder(outdir)), run=self.run)

    def recent_folder(self) -> OutputFolder:
        """The folder that this session's last images went to; the usual one before any."""
        return self.latest or self.folder()

    def _writable(self, folder: OutputFolder) -> OutputFolder:
        """The folder, made; OutputError before the work rather than after it."""
        with output_errors(folder.path):
            folder.path.mkdir(parents=True, exist_ok=True)
            if not os.access(folder.path, os.W_OK):
                raise PermissionError(errno.EACCES, "permission denied")
        return folder

    def folder(self, outdir: str | None = None) -> OutputFolder:
        """The output folder of this name; the first use enters what a killed session could not."""
        path = expanded(outdir or self.settings.outdir())
        key = path.absolute()
        if key not in self._folders:
            folder = OutputFolder(path)
            self._folders[key] = folder
            recovered = folder.recover() if is_folder(folder.books) else 0
            if recovered:
                self.notice(f"{recovered} finished images of an interrupted session are now in the history")
        return self._folders[key]

    # -- speaking ---------------------------------------------------------------------------------------------------

    def notice(self, text: str, level: Level = Level.NOTICE) -> None:
        """Tell one sentence."""
        self.emit(Notice(text=text, level=level))

    def report_plugin_failures(self) -> None:
        """Warn once of each plug-in that turned out to be broken."""
        for text in plugins().new_failures():
            self.notice(text, Level.WARNING)

    def tip(self, tip: Tip) -> None:
        """Give a tip, unless this session has given it."""
        if tip.key not in self._tips:
            self._tips.add(tip.key)
            self.emit(Notice(text=tip.text, level=Level.TIP))

    def say(self, text: str) -> None:
        """Answer a command."""
        self.emit(Message(text=text))

    def draw_seed(self) -> int:
        """A seed from the operating system, tied to nothing before it."""
        return secrets.randbelow(MAX_SEED + 1)

    def close(self) -> None:
        """Finish writing and give the memory back."""
        self.writer.close()
        if self._opening is not None:
            self._opening.join()
        if self._engine is not None:
            self._engine.unload()
