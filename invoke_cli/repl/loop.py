"""The prompt's loop: reads lines and prints events while images are generated.

The prompt is displayed before any heavy import; the worker thread does the imports while the user types.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

from prompt_toolkit import PromptSession
from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.auto_suggest import ThreadedAutoSuggest
from prompt_toolkit.filters import Condition, is_searching
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyPressEvent
from prompt_toolkit.layout.screen import Char
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.patch_stdout import patch_stdout
from prompt_toolkit.styles import Style
from prompt_toolkit.utils import is_dumb_terminal

from invoke_cli.console.console import Console
from invoke_cli.console.event_text import progress_text
from invoke_cli.console.rendered_image import RenderedImage
from invoke_cli.console.window import show_in_pager
from invoke_cli.context.options import session_options
from invoke_cli.context.paths import expand_path
from invoke_cli.context.settings import Settings
from invoke_cli.errors import ExitStatus
from invoke_cli.events import Event, Forget, NullViewer, Prefill, Step
from invoke_cli.language.help.keys import When
from invoke_cli.language.sanitize import sanitize_for_terminal, unseen_characters
from invoke_cli.language.switches.launch import Options
from invoke_cli.output.typed_lines import LEGACY_HISTORY, TypedLines
from invoke_cli.repl.completer import LineCompleter, LineLexer
from invoke_cli.repl.completion_sources import sources_for
from invoke_cli.repl.confirmation import is_quit
from invoke_cli.repl.event_loop import call_in_event_loop
from invoke_cli.repl.external_input import ExternalInput
from invoke_cli.repl.greeting import console_style_at_prompt, greeting
from invoke_cli.repl.key_bindings import bindings
from invoke_cli.repl.known_words import KnownWords
from invoke_cli.repl.last_model import LastModel
from invoke_cli.repl.line_history import LineHistory, LineSearch, Suggestions
from invoke_cli.repl.preview_area import PreviewArea, image_viewer_at_prompt
from invoke_cli.repl.token_counter import TokenCounter
from invoke_cli.repl.toolbar import Toolbar
from invoke_cli.repl.worker import DoWork, Work, Worker
from invoke_cli.request import GenerationRequest
from invoke_cli.server.client_request import ClientRequest
from invoke_cli.server.server import EngineServer
from invoke_cli.signals import ending_signals_handled

if TYPE_CHECKING:
    from invoke_cli.session import Session  # heavy imports, done by the worker

_GRACE_SECONDS = 0.1
CLIENT_LINE = "a line of another terminal"
PROMPT = "invoke> "
_SEARCHING = " words in any order; Enter accepts, Ctrl-R shows older lines, Ctrl-C cancels"


def open_prompt(options: Options, defaults: GenerationRequest) -> int:
    """Read and run lines until the user quits."""
    settings = Settings(session_options(options, defaults))
    Char.display_mappings = {**unseen_characters(), **Char.display_mappings}  # it shows ESC and others as ^[
    # What is printed appears above the input; on a dumb terminal, below it.
    with nullcontext() if is_dumb_terminal() else patch_stdout(raw=True):
        prompt = _Prompt(settings, options)
        with ending_signals_handled(prompt.handle_signal):
            prompt.run()
    return ExitStatus.INTERRUPTED if prompt.is_ended else ExitStatus.OK


def _queue_text(waiting: Sequence[str]) -> str:
    """Format the first waiting lines and the number of the others."""
    lines = " ; ".join(sanitize_for_terminal(line)[:60] for line in waiting[:3])
    return f"waiting: {lines}" + (f" and {len(waiting) - 3} more" if len(waiting) > 3 else "")


class _Prompt:
    """The prompt and its display; receives the worker's events."""

    def __init__(self, settings: Settings, options: Options) -> None:
        self.settings = settings
        self.area = PreviewArea()
        viewer, self.query_terminal = image_viewer_at_prompt(self.area)
        self.console = Console(
            sys.stdout, sys.stderr, console_style_at_prompt(settings, options), viewer, self._progress
        )
        self.console.pager = self._page
        lines = TypedLines(expand_path(settings.outdir()) / ".invoke" / "history.sqlite3")
        self.history = LineHistory(lines, settings.is_private)
        self.history.adopt(expand_path(settings.outdir()) / LEGACY_HISTORY)
        self.search = LineSearch(lines)
        self.is_first_use = not self.history.has_earlier_lines
        self.worker = Worker(self._open_session, self._redraw)
        self.answers = Worker(lambda: self._answer, self._redraw)
        self.last_model = LastModel(settings)
        self.counter = TokenCounter(settings)
        self.words = KnownWords(settings)
        self.toolbar = Toolbar(settings, self.counter)
        self.server = EngineServer(settings, self.worker.submit)
        self.session: Session | None = None
        self.client_request: ClientRequest | None = None
        self.step: Step | None = None
        self.stops = 0
        self.is_leaving = self.is_ended = False
        self.has_started = False
        self.external_input = ExternalInput(self.console, self.history, lambda: self.input)
        self.input: PromptSession[str] = self._prompt_session(Suggestions(lines))
        self.input.app.layout = self.area.above(self.input.app.layout)
        self.input.app.after_render += self._rendered

    def _prompt_session(self, suggestions: Suggestions) -> PromptSession[str]:
        theme = self.console.style.theme
        has_question, is_search_active = (
            Condition(lambda: self.external_input.question is not None),
            Condition(lambda: self.search.is_active),
        )
        is_typing = ~has_question & ~is_search_active & ~is_searching
        return PromptSession(
            message=self._message,
            lexer=LineLexer(self.counter, self.toolbar.reference_check, self.words),
            style=Style.from_dict(dict(theme.prompt)),
            color_depth=None if theme.printed else ColorDepth.DEPTH_1_BIT,
            completer=LineCompleter(sources_for(self.settings, self.settings.outdir(), self.words), self.search),
            complete_in_thread=True,
            auto_suggest=ThreadedAutoSuggest(suggestions),
            history=self.history,
            bottom_toolbar=self._bottom,
            enable_suspend=True,
            key_bindings=bindings(
                {**self.search.handlers(), **self.external_input.handlers(), "stop": self._stop_or_clear},
                {When.TYPING: is_typing, When.SEARCHING: is_search_active, When.ASKED: has_question},
            ),
        )

    def run(self) -> None:
        """Read lines until the user quits; then finish the waiting ones."""
        self.console.hint(greeting(self.settings, is_first_use=self.is_first_use, width=self._columns - 1))
        if is_dumb_terminal():
            self._start_undrawn()
        while not self.is_ended:
            try:
                text = self.input.prompt(pre_run=self._begin_input)
            except EOFError:
                break
            except KeyboardInterrupt:
                continue
            self.external_input.question = None
            lines = [line for line in text.split("\n") if line.strip()]
            if self.external_input.asks_instead(lines):
                continue
            self._submit(lines)
            if any(map(is_quit, lines)):
                break
        self._leave()

    def _submit(self, lines: Sequence[str]) -> None:
        for line in lines:
            if not is_quit(line):
                self._submit_line(line)
        self._start_undrawn()

    def _submit_line(self, line: str) -> None:
        """Queue a line. What changes nothing is answered on a thread of its own if another line is running."""
        session = self.session
        if session is None or not self.worker.running:
            self.worker.submit(line)
        elif session.is_immediate(line):
            self.answers.submit(line)
            self.answers.start()
        else:
            if line.lstrip().startswith("!"):
                self.console.hint(f"{sanitize_for_terminal(line.split()[0])} waits for the lines before it")
            self.worker.submit(line)

    def _leave(self) -> None:
        if self.worker.running and not self.is_ended:
            self.console.hint("finishing; Ctrl-C stops the running image")
        self.is_leaving = True
        self.server.close()
        self.worker.disconnect_clients()
        self.worker.finish()
        self.answers.finish()
        self.external_input.show_waiting()
        self.history.close()
        self.server.close()
        if self.session is not None:
            self.session.close()

    # -- on the worker's thread ---------------------------------------------------------------------------------------

    def _open_session(self) -> DoWork:
        """Import and open the session. Its engine and model are loaded on another thread while lines run."""
        from invoke_cli.context.context import Streams
        from invoke_cli.session import Session

        streams = Streams(viewer=self.console.viewer or NullViewer(), width=self.console.width)
        session = self.session = Session.with_process_engine(self.settings, emit=self._on_event, streams=streams)
        if notice := self.last_model.recall():
            session.context.notice(notice)
        if not self.is_leaving:
            self.server.open()
        session.load_in_background(lambda: self._refresh(session))
        return self._do

    def _do(self, work: Work) -> None:
        assert self.session is not None
        self.stops = 0
        started = time.monotonic()
        if isinstance(work, ClientRequest):
            self.client_request = work
            self.session.serve_client(work, lambda: bool(self.worker.waiting))
            self.client_request = None
        else:
            self.last_model.remember(work, self.session.run(work))
            self.console.ring(time.monotonic() - started)
        self._refresh(self.session)

    def _answer(self, line: Work) -> None:
        """Answer a line while another one runs. One that is about to end goes first, so that the order is as typed."""
        assert self.session is not None and isinstance(line, str)
        self.worker.wait_until_idle(_GRACE_SECONDS)
        self.session.answer(line)

    def _refresh(self, session: Session) -> None:
        session.attempt(lambda: self.toolbar.refresh(session))
        session.attempt(self.counter.refresh)
        session.attempt(self.words.refresh)
        self._redraw()

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Prefill):
            self.external_input.prefill(event)
        elif isinstance(event, Forget):
            self.history.forget()
        else:
            self.console(event)

    # -- display ------------------------------------------------------------------------------------------------------

    def _progress(self, step: Step | None, rendered: RenderedImage | None) -> None:
        self.step = step
        if rendered is not None or step is None:
            self.area.show(rendered)
        self._redraw()

    def _rendered(self, _: object) -> None:
        """Called after the screen was drawn. The first time, start the rest of the program."""
        self.area.rendered()
        if not self.has_started:
            self.has_started = True
            self.query_terminal()
            self.worker.start()

    def _start_undrawn(self) -> None:
        """Start the rest of the program on a terminal that nothing was drawn on: a dumb one, such as Emacs' shell."""
        self.has_started = True
        self.worker.start()

    def _page(self, text: str) -> None:
        """Show a text in the pager, which takes over the terminal until the user leaves it."""

        def start() -> None:
            self.input.app.create_background_task(page())

        async def page() -> None:
            await run_in_terminal(lambda: show_in_pager(text), in_executor=True)

        if is_dumb_terminal():
            self.console.answer(text)
        else:
            call_in_event_loop(self.input, start)

    def _redraw(self) -> None:
        call_in_event_loop(self.input, self.input.app.invalidate)

    def _message(self) -> StyleAndTextTuples:
        """Return the progress, the queue and the prompt; the prompt alone for a line that was entered."""
        parts: StyleAndTextTuples = []
        step, waiting = self.step, [work if isinstance(work, str) else CLIENT_LINE for work in self.worker.waiting]
        if self.input.app.is_done:
            return [("class:prompt", PROMPT)]
        if step is not None:
            parts.append(("class:progress", f"{progress_text(step)}\n"))
        if self.client_request is not None:
            parts.append(("class:queue", f"running {CLIENT_LINE}\n"))
        if waiting:
            parts.append(("class:queue", f"{_queue_text(waiting)}\n"))
        if self.external_input.question is not None:
            parts.append(("class:question", self.external_input.question.text))
        else:
            parts.append(("class:prompt", "search> " if self.search.is_active else PROMPT))
        return parts

    @property
    def _columns(self) -> int:
        """The columns of the window."""
        return self.input.app.output.get_size().columns

    def _bottom(self) -> StyleAndTextTuples:
        if self.search.is_active:
            return [("", _SEARCHING)]
        return self.toolbar.fragments(self.input.default_buffer.text, self._columns)

    # -- signals ------------------------------------------------------------------------------------------------------

    def handle_signal(self, number: int, _: object) -> None:
        """Stop the running image; any other signal than Ctrl-C's also ends the prompt."""
        if number == signal.SIGINT:
            self._stop()
            return
        self.is_ended = True
        self.worker.drop_waiting()
        self._stop_running()
        call_in_event_loop(self.input, self._end_input)

    def _begin_input(self) -> None:
        self.external_input.insert_waiting()
        if self.is_ended:
            self._end_input()

    def _end_input(self) -> None:
        if not self.input.app.is_done:
            self.input.app.exit(exception=EOFError)

    # -- keys ---------------------------------------------------------------------------------------------------------

    def _stop_or_clear(self, event: KeyPressEvent) -> None:
        if self.worker.running or self.worker.waiting:
            self._stop()
        elif event.current_buffer.text:
            event.current_buffer.reset()
        else:
            self.console.hint("nothing is running; Ctrl-D or q quits")

    def _stop(self) -> None:
        """Handle Ctrl-C: stop the running image first, then drop the waiting lines."""
        self.stops += 1
        self._stop_running()
        if self.stops > 1 or not self.worker.running:
            dropped = self.worker.drop_waiting()
            self.console.hint(f"dropped {len(dropped)} waiting line{'s' if len(dropped) != 1 else ''}")
        else:
            more = "; Ctrl-C again drops the waiting lines" if self.worker.waiting else ""
            self.console.hint(f"stopping after this step{more}")

    def _stop_running(self) -> None:
        client_request = self.client_request  # the worker may reset it meanwhile
        if client_request is not None:
            client_request.stop()
        elif self.session is not None and self.worker.running:
            self.session.stop()
