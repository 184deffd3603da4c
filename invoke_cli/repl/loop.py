"""The loop of the prompt: lines in, events out, while a picture is being made.

The prompt is on the screen before anything heavy is imported; the worker thread does that while the user types.
"""

from __future__ import annotations

import signal
import sys
import time
from typing import TYPE_CHECKING

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import ThreadedAutoSuggest
from prompt_toolkit.filters import Condition, is_searching
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyPressEvent
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.patch_stdout import patch_stdout
from prompt_toolkit.styles import Style

from invoke_cli.console.console import Console
from invoke_cli.console.event_text import progress_text
from invoke_cli.console.rendered_image import RenderedImage
from invoke_cli.context.options import session_options
from invoke_cli.context.paths import expand_path
from invoke_cli.context.settings import Settings
from invoke_cli.errors import ExitStatus
from invoke_cli.events import Event, Forget, NullViewer, Prefill, Step
from invoke_cli.language.help.keys import When
from invoke_cli.language.sanitize import sanitize_for_terminal
from invoke_cli.language.switches.launch import Options
from invoke_cli.output.typed_lines import TypedLines
from invoke_cli.repl.completer import LineCompleter, LineLexer
from invoke_cli.repl.completion_sources import sources_for
from invoke_cli.repl.confirmation import leaves
from invoke_cli.repl.event_loop import call_in_event_loop
from invoke_cli.repl.external_input import ExternalInput
from invoke_cli.repl.greeting import console_style_at_prompt, greeting
from invoke_cli.repl.key_bindings import bindings
from invoke_cli.repl.line_history import LineHistory, Search, Suggestions
from invoke_cli.repl.preview_area import PreviewArea, image_viewer_at_prompt
from invoke_cli.repl.token_counter import Counter
from invoke_cli.repl.toolbar import Toolbar
from invoke_cli.repl.worker import DoWork, Work, Worker
from invoke_cli.request import GenerationRequest
from invoke_cli.server.server import ClientRequest, EngineServer

if TYPE_CHECKING:
    from invoke_cli.session import Session  # its imports are heavy: the worker makes them

VISIT = "a line of another terminal"
PROMPT = "invoke> "
_SEARCHING = " search: words in any order; Enter takes the line, Ctrl-R goes to older ones, Ctrl-C gives up"


def open_prompt(options: Options, defaults: GenerationRequest) -> int:
    """Read and do lines until the user leaves."""
    settings = Settings(session_options(options, defaults))
    with patch_stdout(raw=True):
        prompt = _Prompt(settings, options)
        prompt.run()
    return ExitStatus.OK


class _Prompt:
    """The prompt and what it shows; the worker's events arrive here."""

    def __init__(self, settings: Settings, options: Options) -> None:
        self.settings = settings
        self.area = PreviewArea()
        viewer, self.ask_terminal = image_viewer_at_prompt(self.area)
        self.console = Console(
            sys.stdout, sys.stderr, console_style_at_prompt(settings, options), viewer, self._progress
        )
        lines = TypedLines(expand_path(settings.outdir()) / ".invoke" / "history.sqlite3")
        self.history = LineHistory(lines, settings.is_private)
        self.search = Search(lines)
        self.newcomer = not self.history.kept
        self.worker = Worker(self._open_session, self._redraw)
        self.counter = Counter(settings)
        self.toolbar = Toolbar(settings, self.counter)
        self.door = EngineServer(settings, self.worker.submit)
        self.session: Session | None = None
        self.visit: ClientRequest | None = None
        self.step: Step | None = None
        self.stops = 0
        self.leaving = False
        self.begun = False
        self.outside = ExternalInput(self.console, self.history, lambda: self.input)
        self.input: PromptSession[str] = self._prompt_session(Suggestions(lines))
        self.input.app.layout = self.area.above(self.input.app.layout)
        self.input.app.after_render += self._rendered

    def _prompt_session(self, suggestions: Suggestions) -> PromptSession[str]:
        theme = self.console.style.theme
        asked, searching = Condition(lambda: self.outside.question is not None), Condition(lambda: self.search.on)
        typing = ~asked & ~searching & ~is_searching
        return PromptSession(
            message=self._message,
            lexer=LineLexer(self.counter, self.toolbar.missing),
            style=Style.from_dict(dict(theme.prompt)),
            color_depth=None if theme.printed else ColorDepth.DEPTH_1_BIT,
            completer=LineCompleter(sources_for(self.settings, self.settings.outdir()), self.search),
            complete_in_thread=True,
            auto_suggest=ThreadedAutoSuggest(suggestions),
            history=self.history,
            bottom_toolbar=self._bottom,
            key_bindings=bindings(
                {**self.search.handlers(), **self.outside.handlers(), "stop": self._stop_or_clear},
                {When.TYPING: typing, When.SEARCHING: searching, When.ASKED: asked},
            ),
        )

    def run(self) -> None:
        """Read lines until the user leaves; what is waiting then is still done."""
        self.console.hint(greeting(self.settings, newcomer=self.newcomer))
        while True:
            try:
                text = self.input.prompt(pre_run=self.outside.insert)
            except EOFError:
                break
            except KeyboardInterrupt:
                continue
            self.outside.question = None
            lines = [line for line in text.split("\n") if line.strip()]
            for line in lines:
                if not leaves(line):
                    self.worker.submit(line)
            if any(map(leaves, lines)):
                break
        self._leave()

    def _leave(self) -> None:
        if self.worker.running:
            self.console.hint("finishing; Ctrl-C stops the running image")
        signal.signal(signal.SIGINT, lambda *_: self._stop())
        self.leaving = True
        self.door.close()
        self.worker.disconnect_clients()
        self.worker.finish()
        self.outside.show_waiting()
        self.history.close()
        self.door.close()
        if self.session is not None:
            self.session.close()

    # -- the worker's side --------------------------------------------------------------------------------------------

    def _open_session(self) -> DoWork:
        """Import the session, on the worker's thread; its engine and the model come on another, beside the lines."""
        from invoke_cli.context.context import Streams
        from invoke_cli.session import Session

        streams = Streams(viewer=self.console.viewer or NullViewer())
        session = self.session = Session(self.settings, emit=self._hear, streams=streams)
        if not self.leaving:
            self.door.open()
        session.load_in_background(lambda: self._refresh(session))
        return self._do

    def _do(self, work: Work) -> None:
        assert self.session is not None
        self.stops = 0
        started = time.monotonic()
        if isinstance(work, ClientRequest):
            self.visit = work
            self.session.serve_client(work)
            self.visit = None
        else:
            self.session.run(work)
            self.console.ring(time.monotonic() - started)
        self._refresh(self.session)

    def _refresh(self, session: Session) -> None:
        session.attempt(lambda: self.toolbar.refresh(session))
        session.attempt(self.counter.refresh)
        self._redraw()

    def _hear(self, event: Event) -> None:
        if isinstance(event, Prefill):
            self.outside.fill(event)
        elif isinstance(event, Forget):
            self.history.forget()
        else:
            self.console(event)

    # -- what is shown ------------------------------------------------------------------------------------------------

    def _progress(self, step: Step | None, drawn: RenderedImage | None) -> None:
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
        call_in_event_loop(self.input, self.input.app.invalidate)

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
            parts.append(
                ("class:queue", f"waiting: {' ; '.join(sanitize_for_terminal(line)[:60] for line in waiting[:3])}")
            )
            parts.append(("class:queue", f" and {len(waiting) - 3} more\n" if len(waiting) > 3 else "\n"))
        if self.outside.question is not None:
            parts.append(("class:question", self.outside.question.text))
        else:
            parts.append(("class:prompt", "search> " if self.search.on else PROMPT))
        return parts

    def _bottom(self) -> StyleAndTextTuples:
        return [("", _SEARCHING)] if self.search.on else self.toolbar.fragments(self.input.default_buffer.text)

    # -- keys ---------------------------------------------------------------------------------------------------------

    def _stop_or_clear(self, event: KeyPressEvent) -> None:
        if self.worker.running or self.worker.waiting:
            self._stop()
        elif event.current_buffer.text:
            event.current_buffer.reset()
        else:
            self.console.hint("nothing is running; Ctrl-D or q leaves")

    def _stop(self) -> None:
        """Ctrl-C: first the running image, then the lines that wait."""
        self.stops += 1
        visit = self.visit  # the worker may end it meanwhile
        if visit is not None:
            visit.stop()
        elif self.session is not None and self.worker.running:
            self.session.stop()
        if self.stops > 1 or not self.worker.running:
            dropped = self.worker.forget_waiting()
            self.console.hint(f"{len(dropped)} waiting line{' is' if len(dropped) == 1 else 's are'} dropped")
        else:
            more = "; Ctrl-C again drops the lines that wait" if self.worker.waiting else ""
            self.console.hint(f"stopping after this step{more}")
