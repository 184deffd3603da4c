"""The language's pure functions in prompt_toolkit's clothes: completion, colours, the history file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import FileHistory
from prompt_toolkit.lexers import Lexer
from prompt_toolkit.styles import Style

from invoke_cli.errors import LineError, Span
from invoke_cli.language.completion import Sources, complete
from invoke_cli.language.line import content_start, parse
from invoke_cli.language.tokens import Kind, tokenise

STYLE = Style.from_dict(
    {
        "prompt": "bold",
        "switch": "ansicyan",
        "value": "ansigreen",
        "pipe": "bold",
        "comment": "ansibrightblack",
        "command": "ansiyellow",
        "error": "ansired underline",
        "progress": "ansicyan",
        "queue": "ansibrightblack",
        "bottom-toolbar": "noreverse ansibrightblack",
    }
)
PLAIN_STYLE = Style.from_dict({"bottom-toolbar": "noreverse"})


class LineCompleter(Completer):
    """Offers what the language offers."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:  # noqa: ARG002
        """The candidates at the cursor."""
        for candidate in complete(document.text, document.cursor_position, self._sources):
            start = candidate.start - document.cursor_position
            yield Completion(candidate.text, start_position=start, display_meta=candidate.about)


class LineLexer(Lexer):
    """Colours a line by its tokens, and underlines what cannot be read."""

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        """The fragments of each line of the input."""
        return lambda number: fragments(document.lines[number]) if number < len(document.lines) else []


def fragments(text: str) -> StyleAndTextTuples:
    """The text in pieces, each with its style."""
    styles = [""] * len(text)
    start = content_start(text)
    if text[start:].startswith("!"):
        _paint(styles, Span(start, len(text.split(" ", 1)[0]) if " " in text[start:] else len(text)), "class:command")
    elif text[start:].startswith(("#", "//")):
        _paint(styles, Span(start, len(text)), "class:comment")
    else:
        for token in tokenise(text, start):
            if token.kind is not Kind.PROMPT:
                _paint(styles, token.span, f"class:{token.kind.value}")
        _paint_error(text, styles)
    return [(style, char) for style, char in zip(styles, text, strict=True)]


def _paint_error(text: str, styles: list[str]) -> None:
    try:
        parse(text)
    except LineError as error:
        if error.span is not None:
            _paint(styles, error.span, "class:error")


def _paint(styles: list[str], span: Span, style: str) -> None:
    for position in range(span.start, min(span.end, len(styles))):
        styles[position] = style


class LineHistory(FileHistory):
    """The typed lines, written as they are entered; private ones are not kept."""

    def __init__(self, path: Path, is_private: Callable[[str], bool] = lambda _: False) -> None:
        self._path = path
        self._is_private = is_private
        super().__init__(str(path))

    @property
    def kept(self) -> bool:
        """Whether there are lines of earlier sessions."""
        return self._path.is_file()

    def store_string(self, string: str) -> None:
        """Add a line to the file."""
        if self._is_private(string):
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            super().store_string(string)
        except OSError:
            return  # a folder that cannot be written must not keep anybody from drawing elsewhere

    def forget(self) -> None:
        """Drop all lines, in the file too."""
        self._path.unlink(missing_ok=True)
        self._loaded_strings = []
