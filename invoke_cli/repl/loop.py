"""The loop of the prompt: lines in, events out, while a picture is being made.

The prompt is on the screen before anything heavy is imported; the worker thread does that while the user types.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from prompt_toolkit import PromptSession
from prompt_toolkit.filters import is_searching
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.patch_stdout import patch_stdout

from invoke_cli.console.console import Console, look_for
from invoke_cli.console.drawn import Drawn
from invoke_cli.console.text import progress_text
from invoke_cli.errors import ExitStatus, LineError
from invoke_cli.events import Event, Forget, Nobody, Prefill, Step
from invoke_cli.language.launch import Options
from invoke_cli.language.line import Farewell, parse
from invoke_cli.language.showing import harmless
from invoke_cli.language.topics import FIRST_TIME
from invoke_cli.repl.adapters import PLAIN_STYLE, STYLE, LineCompleter, LineHistory, LineLexer
from invoke_cli.repl.picture import PictureArea, seer_at_prompt
from invoke_cli.repl.sources import sources_for
from invoke_cli.repl.toolbar import Toolbar
from invoke_cli.repl.worker import DoWork, Work, Worker
from invoke_cli.request import GenerationRequest
from invoke_cli.sharing.visits import OpenDoor, Visit
from invoke_cli.version import __version__
from invoke_cli.workshop.options import session_options
from invoke_cli.workshop.places import expanded
from invoke_cli.workshop.settings import Settings

if TYPE_CHECKING:
    from invoke_cli.session import Session  # its imports are heavy: the worker makes them

VISIT = "a line of another terminal"
GREETING = f"invoke {__version__}   type a prompt; !help for help, q to leave"
PROMPT = "invoke> "


def open_prompt(options: Options, defaults: GenerationRequest) -> int:
    """Read and do lines until the user leaves."""
    settings = Settings(session_options(options, defaults))
    with patch_stdout(raw=True):
        prompt = _Prompt(settings, quiet=bool(options.get("quiet")))
        prompt.run()
    return ExitStatus.OK


class _Prompt:
    """The prompt and what it shows; the worker's events arrive here."""

    def __init__(self, settings: Settings, *, quiet: bool) -> None:
        self.settings = settings
        look = look_for(sys.__stderr__ or sys.stderr, quiet=quiet)
        self.area = PictureArea()
        seer, self.ask_terminal = seer_at_prompt(self.area)
        self.console = Console(sys.stdout, sys.stderr, look, seer, self._progress)
        self.history = LineHistory(expanded(settings.outdir()) / ".invoke" / "lines", settings.is_private)
        self.newcomer = not self.history.kept
        self.worker = Worker(self._open_session, self._redraw)
        self.toolbar = Toolbar(settings)
        self.door = OpenDoor(settings, self.worker.submit)
        self.session: Session | None = None
        self.visit: Visit | None = None
        self.step: Step | None = None
        self.prefill = ""
        self.stops = 0
        self.leaving = False
        self.begun = False
        self.input: PromptSession[str] = self._prompt_session()
        self.input.app.layout = self.area.above(self.input.app.layout)
        self.input.app.after_render += self._rendered

    def _prompt_session(self) -> PromptSession[str]:
        plain = bool(os.environ.get("NO_COLOR"))
        return PromptSession(
            message=self._message,
            lexer=None if plain else LineLexer(),
            style=PLAIN_STYLE if plain else STYLE,
            completer=LineCompleter(sources_for(self.settings, self.settings.outdir())),
            complete_in_thread=True,
            history=self.history,
            bottom_toolbar=self.toolbar.text,
            key_bindings=self._keys(),
        )

    def run(self) -> None:
        """Read lines until the user leaves; what is waiting then is still done."""
        self.console.hint(GREETING)
        while True:
            try:
                text = self.input.prompt(pre_run=self._insert_prefill)
            except EOFError:
                break
            except KeyboardInterrupt:
                continue
            lines = [line for line in text.split("\n") if line.strip()]
            for line in lines:
                if not _is_farewell(line):
                    self.worker.submit(line)
            if any(map(_is_farewell, lines)):
                break
        self._leave()

    def _leave(self) -> None:
        if self.worker.running:
            self.console.hint("finishing; Ctrl-C stops the running image")
        signal.signal(signal.SIGINT, lambda *_: self._stop())
        self.leaving = True
        self.door.close()
        self.worker.send_away()
        self.worker.finish()
        self.door.close()
        if self.session is not None:
            self.session.close()

    # -- the worker's side --------------------------------------------------------------------------------------------

    def _open_session(self) -> DoWork:
        """Import the session and its engine, on the worker's thread, and load the model."""
        from invoke_cli.session import Session
        from invoke_cli.workshop.workshop import Streams

        streams = Streams(viewer=self.console.seer or Nobody())
        self.session = Session(self.settings, emit=self._hear, streams=streams)
        if not self.leaving:
            self.door.open()
        self.session.warm_up()
        if self.newcomer and self.settings.uses_packaged_model():
            self.console.hint(FIRST_TIME)
        self.toolbar.refresh(self.session)
        return self._do

    def _do(self, work: Work) -> None:
        assert self.session is not None
        self.stops = 0
        if isinstance(work, Visit):
            self.visit = work
            self.session.lend(work)
            self.visit = None
        else:
            self.session.run(work)
        self.toolbar.refresh(self.session)

    def _hear(self, event: Event) -> None:
        if isinstance(event, Prefill):
            self._fill(event)
        elif isinstance(event, Forget):
            self.history.forget()
        else:
            self.console(event)

    def _fill(self, event: Prefill) -> None:
        """Put a line into the input, this one or, between two, the next."""
        self.prefill = event.line
        app = self.input.app
        if app.is_running and app.loop is not None:
            app.loop.call_soon_threadsafe(self._insert_prefill)

    def _insert_prefill(self) -> None:
        """On the terminal's thread: the line that waits goes into the input; beside typed text it is shown."""
        text, self.prefill = self.prefill, ""
        if text and self.input.default_buffer.text:
            self.console(Prefill(line=text))
        elif text:
            self.input.default_buffer.insert_text(text)

    # -- what is shown ------------------------------------------------------------------------------------------------

    def _progress(self, step: Step | None, drawn: Drawn | None) -> None:
        self.step = step
        if drawn is not None or step is None:
            self.area.show(drawn)
        self._redraw()

    def _rendered(self, _: object) -> None:
        """The screen is up to date; when it is so for the first time, the rest of the program is begun."""
        self.area.rendered()
        if not self.begun:
            self.begun = True
            self.ask_terminal()
            self.worker.begin()

    def _redraw(self) -> None:
        self.input.app.invalidate()

    def _message(self) -> StyleAndTextTuples:
        """The progress and the queue, and below them the prompt; that alone of a line that was entered, which stays."""
        parts: StyleAndTextTuples = []
        step, waiting = self.step, [work if isinstance(work, str) else VISIT for work in self.worker.waiting]
        if self.input.app.is_done:
            return [("class:prompt", PROMPT)]
        if step is not None:
            parts.append(("class:progress", f"{progress_text(step)}\n"))
        if self.visit is not None:
            parts.append(("class:queue", f"drawing {VISIT}\n"))
        if waiting:
            parts.append(("class:queue", f"waiting: {' ; '.join(harmless(line)[:60] for line in waiting[:3])}"))
            parts.append(("class:queue", f" and {len(waiting) - 3} more\n" if len(waiting) > 3 else "\n"))
        parts.append(("class:prompt", PROMPT))
        return parts

    # -- keys ---------------------------------------------------------------------------------------------------------

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()

        @keys.add("c-c", filter=~is_searching)
        def stop(event: KeyPressEvent) -> None:
            if self.worker.running or self.worker.waiting:
                self._stop()
            elif event.current_buffer.text:
                event.current_buffer.reset()
            else:
                self.console.hint("nothing is running; Ctrl-D or q leaves")

        return keys

    def _stop(self) -> None:
        """Ctrl-C: first the running image, then the lines that wait."""
        self.stops += 1
        if self.visit is not None:
            self.visit.stop()
        elif self.session is not None and self.worker.running:
            self.session.stop()
        if self.stops > 1 or not self.worker.running:
            dropped = self.worker.forget_waiting()
            self.console.hint(f"{len(dropped)} waiting line{' is' if len(dropped) == 1 else 's are'} dropped")
        else:
            more = "; Ctrl-C again drops the lines that wait" if self.worker.waiting else ""
            self.console.hint(f"stopping after this step{more}")


def _is_farewell(line: str) -> bool:
    try:
        return isinstance(parse(line), Farewell)
    except LineError:
        return False
