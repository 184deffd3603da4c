"""The language's pure functions in prompt_toolkit's clothes: completion, and colours by a theme."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.lexers import Lexer

from invoke_cli.errors import Span
from invoke_cli.language.completion.complete import Sources, complete
from invoke_cli.language.grammar.line import content_start
from invoke_cli.language.grammar.tokens import Kind, tokenise
from invoke_cli.repl.diagnostics import ReferenceCheck, diagnostic, no_missing_references
from invoke_cli.repl.line_history import Search
from invoke_cli.repl.token_counter import Counter


class LineCompleter(Completer):
    """Offers what the language offers, and while there is a search what it finds."""

    def __init__(self, sources: Sources, search: Search) -> None:
        self._sources = sources
        self._search = search

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """The candidates at the cursor."""
        if self._search.on:
            yield from self._search.get_completions(document, complete_event)
            return
        for candidate in complete(document.text, document.cursor_position, self._sources):
            start = candidate.start - document.cursor_position
            yield Completion(candidate.text, start_position=start, display_meta=candidate.about)


class LineLexer(Lexer):
    """Colours a line by its tokens, and underlines what cannot be read and what a model cuts off."""

    def __init__(self, counter: Counter, missing: ReferenceCheck) -> None:
        self._counter = counter
        self._missing = missing

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        """The fragments of each line of the input."""
        return lambda number: self._line(document.lines[number]) if number < len(document.lines) else []

    def _line(self, text: str) -> StyleAndTextTuples:
        count = self._counter.count(text)
        return fragments(text, count.cut if count is not None else None, self._missing)


def fragments(text: str, cut: int | None = None, missing: ReferenceCheck = no_missing_references) -> StyleAndTextTuples:
    """The text in pieces, each with its style; `cut` is where its prompt goes beyond what a model reads at once."""
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
        _paint_remarks(text, styles, cut, missing)
    return [(style, char) for style, char in zip(styles, text, strict=True)]


def _paint_remarks(text: str, styles: list[str], cut: int | None, missing: ReferenceCheck) -> None:
    if cut is not None:
        end = next((place for place in range(cut, len(text)) if styles[place]), len(text))
        _paint(styles, Span(cut, end), "class:cut")
    said = diagnostic(text, missing=missing)
    if said is not None:
        _paint(styles, said.span, "class:open" if said.open else "class:error")


def _paint(styles: list[str], span: Span, style: str) -> None:
    for position in range(span.start, min(span.end, len(styles))):
        styles[position] = style
