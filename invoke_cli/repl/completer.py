"""Adapters from the language's pure functions to prompt_toolkit: completion and syntax highlighting."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from functools import cache

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.lexers import Lexer

from invoke_cli.errors import Span
from invoke_cli.language.completion.complete import Found, Sources, complete
from invoke_cli.language.grammar.line import content_start
from invoke_cli.language.grammar.tokens import Kind, tokenise
from invoke_cli.repl.diagnostics import ReferenceCheck, diagnostic, no_missing_references
from invoke_cli.repl.known_words import KnownWords
from invoke_cli.repl.line_history import LineSearch
from invoke_cli.repl.token_counter import TokenCounter


class LineCompleter(Completer):
    """Completes switches and values, or the results of an active search."""

    def __init__(self, sources: Sources, search: LineSearch) -> None:
        self._sources = sources
        self._search = search

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Yield the candidates at the cursor."""
        if self._search.is_active:
            yield from self._search.get_completions(document, complete_event)
            return
        # Words of prompts are completed with Tab only: a menu at each word would be in the way.
        sources = self._sources if complete_event.completion_requested else replace(self._sources, words=_no_words)
        for candidate in complete(document.text, document.cursor_position, sources):
            start = candidate.start - document.cursor_position
            yield Completion(candidate.text, start_position=start, display_meta=candidate.about)


def _no_words(_: str) -> Found:
    return ()


class LineLexer(Lexer):
    """Colours a line by its tokens, and underlines errors, unknown words and the part that the model cuts off."""

    def __init__(self, counter: TokenCounter, check_references: ReferenceCheck, words: KnownWords) -> None:
        self._words = words
        self._counter = counter
        self._check_references = check_references

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        """Return a function from line number to styled text, which styles each line once."""
        lines = document.lines

        @cache
        def styled(number: int) -> StyleAndTextTuples:
            return self._line(lines[number]) if number < len(lines) else []

        return styled

    def invalidation_hash(self) -> Hashable:
        """Return a value that changes each second, when files and the model's words are looked up again."""
        return int(time.monotonic())

    def _line(self, text: str) -> StyleAndTextTuples:
        count = self._counter.count(text)
        cut = count.cut if count is not None else None
        return fragments(text, cut, self._check_references, self._words.unknown(text))


def fragments(
    text: str,
    cut: int | None = None,
    check_references: ReferenceCheck = no_missing_references,
    unknown: Sequence[Span] = (),
) -> StyleAndTextTuples:
    """Return the styled characters of a line.

    Args:
        text: The line.
        cut: The index where the prompt exceeds the model's token window; None if it does not.
        check_references: Returns the error for a missing sampler or file.
        unknown: The places of words that the model does not know.
    """
    styles = [""] * len(text)
    start = content_start(text)
    if text[start:].startswith("!"):
        _set_style(
            styles, Span(start, len(text.split(" ", 1)[0]) if " " in text[start:] else len(text)), "class:command"
        )
    elif text[start:].startswith(("#", "//")):
        _set_style(styles, Span(start, len(text)), "class:comment")
    else:
        for token in tokenise(text, start):
            if token.kind is not Kind.PROMPT:
                _set_style(styles, token.span, f"class:{token.kind.value}")
        for span in unknown:
            _set_style(styles, span, "class:unknown-word")
        _style_problems(text, styles, cut, check_references)
    return [(style, char) for style, char in zip(styles, text, strict=True)]


def _style_problems(text: str, styles: list[str], cut: int | None, check_references: ReferenceCheck) -> None:
    if cut is not None:
        end = next((index for index in range(cut, len(text)) if styles[index]), len(text))
        _set_style(styles, Span(cut, end), "class:cut")
    problem = diagnostic(text, check_references=check_references)
    if problem is not None:
        _set_style(styles, problem.span, "class:open" if problem.open else "class:error")


def _set_style(styles: list[str], span: Span, style: str) -> None:
    for position in range(span.start, min(span.end, len(styles))):
        styles[position] = style
