"""Text that does not come from the keyboard: lines that commands bring back, pasted ones, and those of an editor."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from prompt_toolkit import PromptSession
from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.key_binding import KeyPressEvent

from invoke_cli.console.console import Console
from invoke_cli.errors import InvokeError
from invoke_cli.events import Prefill
from invoke_cli.repl.confirmation import Question, content, inserted
from invoke_cli.repl.event_loop import call_in_event_loop
from invoke_cli.repl.external_editor import edited
from invoke_cli.repl.key_bindings import Handlers
from invoke_cli.repl.line_history import LineHistory


class ExternalInput:
    """Puts such text into the input, or asks whether to do its lines; `question` is what is asked now."""

    def __init__(self, console: Console, history: LineHistory, get_input: Callable[[], PromptSession[str]]) -> None:
        self._console = console
        self._history = history
        self._get_input = get_input
        self._waiting: deque[Prefill] = deque()
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
        self._waiting.append(event)
        call_in_event_loop(self._get_input(), self.insert)

    def insert(self) -> None:
        """On the terminal's thread: the line that waits goes into the input; beside typed text it is shown."""
        while self._waiting and not self._get_input().app.is_done:
            waiting = self._waiting.popleft()
            if waiting.editor:
                self._edit(waiting.line)
            else:
                self._offer(waiting.line, over="")

    def show_waiting(self) -> None:
        """Show the lines that came when there was no input any more."""
        while self._waiting:
            self._console(Prefill(line=self._waiting.popleft().line))

    # -- several lines ------------------------------------------------------------------------------------------------

    def _paste(self, event: KeyPressEvent) -> None:
        lines, document = content(event.data), event.current_buffer.document
        if len(lines) > 1:
            self._offer(document.text_before_cursor + event.data + document.text_after_cursor, over=document.text)
        else:
            event.current_buffer.insert_text(inserted(event.data, lines))

    def _offer(self, text: str, *, over: str) -> None:
        """One line goes into the input, over the text that it was made of; about several there is a question. Beside
        other text, or another question, they are shown.
        """
        buffer, lines = self._get_input().default_buffer, content(text)
        if self.question is not None or buffer.text not in ("", over):
            self._console(Prefill(line="\n".join(lines)))
        elif len(lines) > 1:
            self._ask(Question(lines=tuple(lines), before=buffer.text))
        elif lines:
            buffer.text = lines[0]
            buffer.cursor_position = len(lines[0])

    def _ask(self, question: Question) -> None:
        self.question = question
        self._get_input().default_buffer.reset()
        self._console.hint(question.excerpt)

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
        question, self.question = self.question, None
        self._edit("\n".join(question.lines), question)

    # -- the editor ---------------------------------------------------------------------------------------------------

    def _edit(self, text: str, question: Question | None = None) -> None:
        """Let the user change a text in an editor, which has the terminal meanwhile. When it fails, a question that
        the text was taken from is asked again.
        """

        async def edit() -> None:
            try:
                changed = await run_in_terminal(lambda: edited(text), in_executor=True)
            except InvokeError as error:
                self._console.failed(error)
                if question is not None:
                    self._ask(question)
            else:
                self._offer(changed, over=text)

        self._get_input().app.create_background_task(edit())
