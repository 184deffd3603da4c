"""Adapters from the typed lines to prompt_toolkit: the history of the arrow keys, suggestions, and the Ctrl-R search.

The database is accessed on another thread than the terminal's, so that it never delays a key press.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from prompt_toolkit.auto_suggest import AutoSuggest, Suggestion
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import History

from invoke_cli.errors import OutputError
from invoke_cli.language.sanitize import sanitize_for_terminal
from invoke_cli.output.typed_lines import TypedLines
from invoke_cli.repl.key_bindings import Handlers

_MAX_HISTORY = 2_000
_MAX_FOUND = 100
_MIN_LENGTH = 2


class LineHistory(History):
    """The typed lines, stored as they are entered; private ones are not stored."""

    def __init__(self, lines: TypedLines, is_private: Callable[[str], bool] = lambda _: False) -> None:
        super().__init__()
        self._lines = lines
        self._is_private = is_private
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="invoke-lines")

    def adopt(self, path: Path) -> None:
        """Add the lines of a history of InvokeAI 2.x, unless lines were typed before."""
        with contextlib.suppress(OutputError):
            self._lines.adopt(path)

    @property
    def has_earlier_lines(self) -> bool:
        """Return whether there are lines of earlier sessions."""
        return bool(self.load_history_strings())

    def load_history_strings(self) -> list[str]:
        """Return the last typed lines, newest first."""
        with contextlib.suppress(OutputError):
            return self._lines.recent(_MAX_HISTORY)
        return []

    def append_string(self, string: str) -> None:
        """Add an input, each of its lines separately."""
        for line in string.split("\n"):
            if line.strip():
                super().append_string(line)

    def store_string(self, string: str) -> None:
        """Store a line in the background."""
        if not self._is_private(string):
            self._executor.submit(self._remember, string)

    def _remember(self, line: str) -> None:
        # An unwritable folder must not prevent generating images elsewhere.
        with contextlib.suppress(OutputError):
            self._lines.remember(line)

    def forget(self) -> None:
        """Delete all lines, also in the database.

        Raises:
            OutputError: The database cannot be changed.
        """
        self._loaded_strings.clear()
        self._executor.submit(self._lines.forget).result()

    def close(self) -> None:
        """Wait until everything is stored."""
        self._executor.shutdown()


class Suggestions(AutoSuggest):
    """Suggests the last line that begins with the typed text."""

    def __init__(self, lines: TypedLines) -> None:
        self._lines = lines

    def get_suggestion(self, buffer: Buffer, document: Document) -> Suggestion | None:  # noqa: ARG002
        """Return the rest of the suggested line, if any."""
        text = document.text
        if len(text.strip()) < _MIN_LENGTH:
            return None
        with contextlib.suppress(OutputError):
            found = self._lines.find_by_start(text)
            return Suggestion(found[len(text) :]) if found else None
        return None


class LineSearch(Completer):
    """The search through all lines. `saved_text` is the text of the input when the search started."""

    def __init__(self, lines: TypedLines) -> None:
        self._lines = lines
        self.is_active = False
        self.saved_text = ""

    def handlers(self) -> Handlers:
        """Return the key handlers by action."""
        return {
            "search": lambda event: self._start(event.current_buffer),
            "older": lambda event: event.current_buffer.complete_next(),
            "take": lambda event: self._accept(event.current_buffer),
            "give_up": lambda event: self._cancel(event.current_buffer),
        }

    def _start(self, buffer: Buffer) -> None:
        """Search for the words in the input."""
        self.is_active, self.saved_text = True, buffer.text
        buffer.cursor_position = len(buffer.text)
        buffer.start_completion(select_first=False)

    def _accept(self, buffer: Buffer) -> None:
        """Put the selected line, by default the newest, into the input, and end the search."""
        state = buffer.complete_state
        if state is not None and state.current_completion is None and state.completions:
            buffer.apply_completion(state.completions[0])
        self._close(buffer)

    def _cancel(self, buffer: Buffer) -> None:
        """Restore the text of the input, and end the search."""
        self._close(buffer)
        buffer.text = self.saved_text
        buffer.cursor_position = len(self.saved_text)

    def _close(self, buffer: Buffer) -> None:
        """Return to normal completion."""
        self.is_active = False
        buffer.complete_state = None

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:  # noqa: ARG002
        """Yield the lines that contain all words, each replacing the whole input."""
        with contextlib.suppress(OutputError):
            for line, number in self._lines.find_containing(document.text, _MAX_FOUND):
                description = "typed" if number is None else f"image {number}"
                yield Completion(
                    line,
                    start_position=-document.cursor_position,
                    display=sanitize_for_terminal(line),
                    display_meta=description,
                )
