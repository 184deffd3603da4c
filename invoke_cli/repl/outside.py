"""Text that does not come from the keyboard: lines that commands bring back, pasted ones, and those of an editor."""

from __future__ import annotations

from collections.abc import Callable

from prompt_toolkit import PromptSession
from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.key_binding import KeyPressEvent

from invoke_cli.console.console import Console
from invoke_cli.errors import InvokeError
from invoke_cli.events import Prefill
from invoke_cli.repl.asking import Question, content, inserted
from invoke_cli.repl.bindings import Handlers
from invoke_cli.repl.editing import edited
from invoke_cli.repl.remembering import LineHistory

_NOTHING = Prefill(line="")


class Outside:
    """Puts such text into the input, or asks whether to do its lines; `question` is what is asked now."""

    def __init__(self, console: Console, history: LineHistory, get_input: Callable[[], PromptSession[str]]) -> None:
        self._console = console
        self._history = history
        self._get_input = get_input
        self._waiting = _NOTHING
        self.question: Question | None = None

    def handlers(self) -> Handlers:
        """What the keys do of whose actions this knows."""
        return {
            "edit": lambda event: self._edit(event.current_buffer.text),
            "paste": self._paste,
            "agree": self._agree,
            "decline": self._decline,
            "change": self._change,
            "wait": lambda _: None,
        }

    # -- lines that commands bring back -------------------------------------------------------------------------------

    def fill(self, event: Prefill) -> None:
        """Put a line into the input, this one or, between two, the next. May be called from any thread."""
        self._waiting = event
        app = self._get_input().app
        if app.is_running and app.loop is not None:
            app.loop.call_soon_threadsafe(self.insert)

    def insert(self) -> None:
        """On the terminal's thread: the line that waits goes into the input; beside typed text it is shown."""
        waiting, self._waiting = self._waiting, _NOTHING
        buffer = self._get_input().default_buffer
        if waiting.editor:
            self._edit(waiting.line)
        elif waiting.line and (buffer.text or self.question is not None):
            self._console(waiting)
        elif waiting.line:
            buffer.insert_text(waiting.line)

    # -- several lines ------------------------------------------------------------------------------------------------

    def _paste(self, event: KeyPressEvent) -> None:
        lines, document = content(event.data), event.current_buffer.document
        if len(lines) > 1:
            self._offer(document.text_before_cursor + event.data + document.text_after_cursor)
        else:
            event.current_buffer.insert_text(inserted(event.data, lines))

    def _offer(self, text: str) -> None:
        """One line goes into the input in the place of what is there; about several there is a question."""
        buffer, lines = self._get_input().default_buffer, content(text)
        if len(lines) > 1:
            self.question = Question(lines=tuple(lines), before=buffer.text)
            buffer.reset()
            self._console.hint(self.question.excerpt)
        elif lines:
            buffer.text = lines[0]
            buffer.cursor_position = len(lines[0])

    def _agree(self, event: KeyPressEvent) -> None:
        assert self.question is not None
        text = "\n".join(self.question.lines)
        self._history.append_string(text)
        event.app.exit(result=text)

    def _decline(self, event: KeyPressEvent) -> None:
        assert self.question is not None
        event.current_buffer.insert_text(self.question.before)
        self.question = None

    def _change(self, _: KeyPressEvent) -> None:
        assert self.question is not None
        self._edit("\n".join(self.question.lines))
        self.question = None

    # -- the editor ---------------------------------------------------------------------------------------------------

    def _edit(self, text: str) -> None:
        """Let the user change a text in an editor, which has the terminal meanwhile."""

        async def edit() -> None:
            try:
                self._offer(await run_in_terminal(lambda: edited(text), in_executor=True))
            except InvokeError as error:
                self._console.failed(error)

        self._get_input().app.create_background_task(edit())
