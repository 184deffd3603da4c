"""Typed lines in prompt_toolkit's clothes: the history of the arrow keys, suggestions, and the search of Ctrl-R.

The database is asked off the terminal's thread, so that no key press waits for it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from prompt_toolkit.auto_suggest import AutoSuggest, Suggestion
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import History

from invoke_cli.errors import OutputError
from invoke_cli.language.sanitize import sanitize_for_terminal
from invoke_cli.output.typed_lines import TypedLines
from invoke_cli.repl.key_bindings import Handlers

_BEHIND_THE_ARROWS = 2_000
_FOUND_AT_MOST = 100
_FEWEST_LETTERS = 2


class LineHistory(History):
    """The typed lines, written as they are entered; private ones are not kept."""

    def __init__(self, lines: TypedLines, is_private: Callable[[str], bool] = lambda _: False) -> None:
        super().__init__()
        self._lines = lines
        self._is_private = is_private
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="invoke-lines")

    @property
    def kept(self) -> bool:
        """Whether there are lines of earlier sessions."""
        return bool(self.load_history_strings())

    def load_history_strings(self) -> list[str]:
        """The lines typed last, the newest first."""
        with contextlib.suppress(OutputError):
            return self._lines.recent(_BEHIND_THE_ARROWS)
        return []

    def append_string(self, string: str) -> None:
        """Add what was entered, each of its lines as one."""
        for line in string.split("\n"):
            if line.strip():
                super().append_string(line)

    def store_string(self, string: str) -> None:
        """Keep a line, when the database has time for it."""
        if not self._is_private(string):
            self._writing.submit(self._remember, string)

    def _remember(self, line: str) -> None:
        # A folder that cannot be written must not keep anybody from drawing elsewhere.
        with contextlib.suppress(OutputError):
            self._lines.remember(line)

    def forget(self) -> None:
        """Drop all lines, in the database too; OutputError when they stay there."""
        self._loaded_strings.clear()
        self._writing.submit(self._lines.forget).result()

    def close(self) -> None:
        """Wait until all is written."""
        self._writing.shutdown()


class Suggestions(AutoSuggest):
    """What was typed before and begins so, the latest first."""

    def __init__(self, lines: TypedLines) -> None:
        self._lines = lines

    def get_suggestion(self, buffer: Buffer, document: Document) -> Suggestion | None:  # noqa: ARG002
        """The rest of the line that was typed before; None at an empty or a searched one."""
        text = document.text
        if len(text.strip()) < _FEWEST_LETTERS:
            return None
        with contextlib.suppress(OutputError):
            found = self._lines.find_by_start(text)
            return Suggestion(sanitize_for_terminal(found[len(text) :])) if found else None
        return None


class Search(Completer):
    """The search through all lines, and whether it is on. `before` is what stood in the input when it began."""

    def __init__(self, lines: TypedLines) -> None:
        self._lines = lines
        self.on = False
        self.before = ""

    def handlers(self) -> Handlers:
        """What the keys do of whose actions this knows."""
        return {
            "search": lambda event: self._begin(event.current_buffer),
            "older": lambda event: event.current_buffer.complete_next(),
            "take": lambda event: self._take(event.current_buffer),
            "give_up": lambda event: self._give_up(event.current_buffer),
        }

    def _begin(self, buffer: Buffer) -> None:
        """Search for the words that stand in the input."""
        self.on, self.before = True, buffer.text
        buffer.cursor_position = len(buffer.text)
        buffer.start_completion(select_first=False)

    def _take(self, buffer: Buffer) -> None:
        """End with the chosen line in the input: the newest one where none was chosen."""
        state = buffer.complete_state
        if state is not None and state.current_completion is None and state.completions:
            buffer.apply_completion(state.completions[0])
        self._end(buffer)

    def _give_up(self, buffer: Buffer) -> None:
        """End with what stood in the input before."""
        self._end(buffer)
        buffer.text = self.before
        buffer.cursor_position = len(self.before)

    def _end(self, buffer: Buffer) -> None:
        """Ordinary completion again."""
        self.on = False
        buffer.complete_state = None

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:  # noqa: ARG002
        """Lines that hold all words, each in the place of the whole input."""
        with contextlib.suppress(OutputError):
            for line, number in self._lines.find_containing(document.text, _FOUND_AT_MOST):
                about = "typed" if number is None else f"image {number}"
                yield Completion(
                    sanitize_for_terminal(line), start_position=-document.cursor_position, display_meta=about
                )
