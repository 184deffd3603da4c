"""Input that needs a question or is not typed: lines of commands, pasted text, text from an editor, a forgotten `!`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from prompt_toolkit import PromptSession
from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.key_binding import KeyPressEvent

from invoke_cli.commands.unmarked import unmarked_command
from invoke_cli.console.console import Console
from invoke_cli.errors import InvokeError
from invoke_cli.events import Prefill
from invoke_cli.repl.confirmation import Question, content_lines, text_to_insert
from invoke_cli.repl.event_loop import call_in_event_loop
from invoke_cli.repl.external_editor import edit_text
from invoke_cli.repl.key_bindings import Handlers
from invoke_cli.repl.line_history import LineHistory


class ExternalInput:
    """Puts external text into the input, or asks whether to run its lines. `question` is the current question."""

    def __init__(self, console: Console, history: LineHistory, get_input: Callable[[], PromptSession[str]]) -> None:
        self._console = console
        self._history = history
        self._get_input = get_input
        self._waiting: deque[Prefill] = deque()
        self.question: Question | None = None

    def handlers(self) -> Handlers:
        """Return the key handlers by action."""
        return {
            "edit": lambda event: self._edit(event.current_buffer.text),
            "paste": self._paste,
            "agree": self._accept,
            "decline": self._decline,
            "change": self._edit_question,
            "wait": lambda _: None,
        }

    # -- lines from commands ------------------------------------------------------------------------------------------

    def prefill(self, event: Prefill) -> None:
        """Put a line into the current or next input. It may be called from any thread."""
        self._waiting.append(event)
        call_in_event_loop(self._get_input(), self.insert_waiting)

    def insert_waiting(self) -> None:
        """Put the waiting lines into the input, or print them beside typed text. Runs on the terminal's thread."""
        while self._waiting and not self._get_input().app.is_done:
            waiting = self._waiting.popleft()
            if waiting.editor:
                self._edit(waiting.line)
            else:
                self._offer(waiting.line, replacing="")

    def show_waiting(self) -> None:
        """Print the lines that arrived after the last input."""
        while self._waiting:
            self._console(Prefill(line=self._waiting.popleft().line))

    # -- a line without its ! -----------------------------------------------------------------------------------------

    def asks_instead(self, lines: Sequence[str]) -> bool:
        """Return whether the only line is probably a command without `!`, which is not run: the next input asks."""
        line = lines[0] if len(lines) == 1 else ""
        unmarked = unmarked_command(line)
        if unmarked is None:
            return False
        if unmarked.line:
            self.question = Question(lines=(unmarked.line,), previous_text=line, typed=line)
        else:
            self._console.hint(f"{unmarked.advice}; in quotes {line.strip()} is a prompt")
        return True

    # -- several lines ------------------------------------------------------------------------------------------------

    def _paste(self, event: KeyPressEvent) -> None:
        lines, document = content_lines(event.data), event.current_buffer.document
        if len(lines) > 1:
            self._offer(document.text_before_cursor + event.data + document.text_after_cursor, replacing=document.text)
        else:
            event.current_buffer.insert_text(text_to_insert(event.data, lines))

    def _offer(self, text: str, *, replacing: str) -> None:
        """Put one line into the input; ask about several.

        They are printed instead if the input contains text other than `replacing`, or another question is open.
        """
        buffer, lines = self._get_input().default_buffer, content_lines(text)
        if self.question is not None or buffer.text not in ("", replacing):
            self._console(Prefill(line="\n".join(lines)))
        elif len(lines) > 1:
            self._ask(Question(lines=tuple(lines), previous_text=buffer.text))
        elif lines:
            buffer.text = lines[0]
            buffer.cursor_position = len(lines[0])

    def _ask(self, question: Question) -> None:
        self.question = question
        self._get_input().default_buffer.reset()
        if question.excerpt:
            self._console.hint(question.excerpt)

    def _accept(self, event: KeyPressEvent) -> None:
        assert self.question is not None
        text = "\n".join(self.question.lines)
        self._history.append_string(text)
        event.app.exit(result=text)

    def _decline(self, event: KeyPressEvent) -> None:
        assert self.question is not None
        event.current_buffer.insert_text(self.question.previous_text)
        self.question = None

    def _edit_question(self, _: KeyPressEvent) -> None:
        assert self.question is not None
        question, self.question = self.question, None
        self._edit("\n".join(question.lines), question)

    # -- the editor ---------------------------------------------------------------------------------------------------

    def _edit(self, text: str, question: Question | None = None) -> None:
        """Edit text in an editor, which takes over the terminal. If it fails, `question` is asked again."""

        async def edit() -> None:
            try:
                changed = await run_in_terminal(lambda: edit_text(text), in_executor=True)
            except InvokeError as error:
                self._console.failed(error)
                if question is not None:
                    self._ask(question)
            else:
                self._offer(changed, replacing=text)

        self._get_input().app.create_background_task(edit())
