"""Split a line into tokens with spans. Never raises: invalid input becomes an ERROR token.

The parser, the syntax highlighting of the prompt and completion all use these tokens. Knows spellings and quotes, but
no values, models or files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from invoke_cli.errors import LineError, Span
from invoke_cli.language.grammar.free_text import FreeText, is_pipe
from invoke_cli.language.grammar.pasted_paths import SingleQuotes, escaped_word_end, shell_apostrophes
from invoke_cli.language.grammar.quotes import BLANKS, canonical, closing_quote, unquote_value
from invoke_cli.language.grammar.spellings import SwitchMatch, looks_like_switch, parse_switch
from invoke_cli.language.switches.switch import Switch
from invoke_cli.language.switches.values import may_follow


class Kind(Enum):
    """The kind of a token."""

    PROMPT = "prompt"
    SWITCH = "switch"
    VALUE = "value"
    PIPE = "pipe"
    COMMENT = "comment"
    ERROR = "error"


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """A token of a line. `text` is decoded: prompt source, a plain value, or the spelling of a switch."""

    kind: Kind
    span: Span
    text: str = ""
    quoted: bool = False
    switch: Switch | None = None
    negated: bool = False
    error: LineError | None = None


def tokenise(text: str, start: int = 0) -> tuple[Token, ...]:
    """Return the tokens of `text` from `start` on, in order; spans are relative to the beginning of `text`."""
    return tuple(_Scanner(text).scan(start))


class _Scanner:
    """A single pass over a line; its state is what the current stage contains so far."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.end = len(text.rstrip(BLANKS + "\r\n"))
        self.position = 0
        self.prompt_seen = False
        self.switch_seen = False
        self.single_quotes: SingleQuotes | None = None
        self.region: FreeText | None = None  # of the unquoted text that was read last, to read it once

    def scan(self, start: int) -> Iterator[Token]:
        self.position = start
        while self._skip_blanks() < self.end:
            if self._at_pipe(self.position):
                yield self._pipe()
            elif looks_like_switch(self.text, self.position):
                yield from self._switch()
            elif self.text[self.position] == "#" and self.switch_seen:
                yield self._token(Kind.COMMENT, self.end)
            elif self.text[self.position] == '"':
                yield self._quoted_prompt()
            else:
                yield self._free_text()

    # -- tokens -------------------------------------------------------------------------------------------------

    def _pipe(self) -> Token:
        self.prompt_seen = self.switch_seen = False
        return self._token(Kind.PIPE, self.position + 1)

    def _switch(self) -> Iterator[Token]:
        start, word_end = self.position, self._word_end(self.position)
        self.switch_seen = True
        try:
            switch_match = parse_switch(self.text[start:word_end])
        except LineError as error:
            yield self._error(error, word_end)
            return
        spelling = self.text[start : start + switch_match.length].removesuffix("=")
        yield self._token(
            Kind.SWITCH,
            start + switch_match.length,
            text=spelling,
            switch=switch_match.switch,
            negated=switch_match.negated,
        )
        value = self._value(switch_match, spelling, start)
        if value is not None:
            yield value

    def _value(self, switch_match: SwitchMatch, spelling: str, switch_start: int) -> Token | None:
        takes = "nothing" if switch_match.negated else switch_match.switch.value.takes
        after_name = self.position
        if takes in ("words", "numbers") and (switch_match.glued or self._skip_blanks()) and self._at_value():
            return self._value_words(switch_match.switch)
        if switch_match.glued:
            return self._value_token(switch_match.switch)
        if takes in ("one", "words", "numbers"):
            self._skip_blanks()
            if self._at_value():
                return self._value_token(switch_match.switch)
            self.position = after_name
            return self._missing_value(switch_match.switch, spelling, Span(switch_start, after_name))
        if takes == "optional":
            self._skip_blanks()
            if may_follow(switch_match.switch.value, self.text[self.position : self._word_end(self.position)]):
                return self._value_token(switch_match.switch)
            self.position = after_name
        return None

    def _at_value(self) -> bool:
        at = self.position
        return at < self.end and not (looks_like_switch(self.text, at) or self._at_pipe(at) or self.text[at] == "#")

    def _missing_value(self, switch: Switch, spelling: str, span: Span) -> Token:
        example = switch.example or f"{spelling} {switch.metavar}"
        error = LineError(f"{spelling} needs a value", hint=f"for example {example}", span=span)
        return Token(kind=Kind.ERROR, span=span, switch=switch, error=error)

    def _value_token(self, switch: Switch) -> Token:
        start = self.position
        opener = self.text[start : start + 1]
        close: int | None = None
        if opener == '"':
            close = closing_quote(self.text, start)
            if close is None or close >= self.end:
                return self._error(unclosed_quote(Span(start, start + 1)), self.end)
        elif opener == "'":
            close = self._single_quote_close(start)
        if close is None:
            end = self._word_end(start) if switch.value.prompt_text else self._name_end(start)
            return self._token(Kind.VALUE, end, text=self.text[start:end], switch=switch)
        inner = self.text[start + 1 : close]
        if opener == "'":
            inner = shell_apostrophes(inner)
        if opener == '"' and not switch.value.prompt_text:
            inner = unquote_value(inner)
        return self._quoted_token(close, inner, switch)

    def _value_words(self, switch: Switch) -> Token:
        """Join all words up to the next switch, bar or comment, or all numbers, by blanks. Quotes protect what would
        end them.
        """
        start, words = self.position, list[str]()
        end = start
        while self._at_value() and (not words or switch.value.takes == "words" or self._at_number(switch)):
            token = self._value_token(switch)
            if token.error is not None:
                return token
            words.append(token.text)
            end = token.span.end
            self._skip_blanks()
        self.position = start
        return self._token(Kind.VALUE, end, text=" ".join(words), switch=switch)

    def _at_number(self, switch: Switch) -> bool:
        return may_follow(switch.value, self.text[self.position : self._word_end(self.position)])

    def _quoted_token(self, close: int, inner: str, switch: Switch | None) -> Token:
        """Return the quoted token that ends at `close`; a blank or the end of the line must follow."""
        if self._word_end(close + 1) > close + 1:
            end = self._word_end(close)
            hint = 'add a blank after the quote; for a quote inside the text, write \\"'
            return self._error(
                LineError("unexpected text right after the closing quote", hint=hint, span=Span(close, end)), end
            )
        kind = Kind.PROMPT if switch is None else Kind.VALUE
        return self._token(kind, close + 1, text=inner, quoted=True, switch=switch)

    def _single_quote_close(self, start: int) -> int | None:
        if self.single_quotes is None:
            self.single_quotes = SingleQuotes(self.text, self.end)
        return self.single_quotes.close_of(start)

    def _quoted_prompt(self) -> Token:
        start = self.position
        close = closing_quote(self.text, start)
        if close is None or close >= self.end:
            return self._error(unclosed_quote(Span(start, start + 1)), self.end)
        if self.prompt_seen:
            span = Span(start, close + 1)
            error = LineError(
                "a second prompt", hint="each stage has one prompt; join the two, or chain stages with |", span=span
            )
            return self._error(error, close + 1)
        self.prompt_seen = True
        return self._quoted_token(close, canonical(self.text[start + 1 : close]), None)

    def _free_text(self) -> Token:
        start = self.position
        if self.region is None or start >= self.region.stop:
            self.region = FreeText(self.text, start, self.end)
        stop, quote = self.region.stop_after(start), self.region.unbalanced_quote(start)
        if quote is not None and not self.switch_seen:
            return self._error(unclosed_quote(Span(quote, quote + 1)), self.end)
        if self.prompt_seen or self.switch_seen:
            return self._unexpected_text(start, stop)
        self.prompt_seen = True
        source = self.text[start:stop].rstrip(BLANKS)
        return self._token(Kind.PROMPT, start + len(source), text=canonical(source))

    def _unexpected_text(self, start: int, stop: int) -> Token:
        comment = self.text.find(" #", start, stop) if self.switch_seen else -1
        end = start + len(self.text[start : stop if comment == -1 else comment].rstrip(BLANKS))
        after = "a switch that takes no more values" if self.switch_seen else "the quoted prompt"
        hint = (
            "write the prompt first, or put it in quotes"
            if not self.prompt_seen
            else 'write the whole prompt first, or put all of it in quotes (\\" for a quote inside)'
        )
        error = LineError(f"unexpected text after {after}", hint=hint, span=Span(start, end))
        return self._error(error, end)

    # -- helpers ------------------------------------------------------------------------------------------------

    def _skip_blanks(self) -> int:
        while self.position < self.end and self.text[self.position] in BLANKS:
            self.position += 1
        return self.position

    def _word_end(self, start: int) -> int:
        position = start
        while position < self.end and self.text[position] not in BLANKS:
            position += 1
        return position

    def _name_end(self, start: int) -> int:
        """Return the end of a name, in which a backslash escapes a blank unless a switch follows: `C:\\pics\\ -s 5`."""
        end = escaped_word_end(self.text, start, self.end)
        for position in range(start, end):
            after = position + 1
            if self.text[position] in BLANKS and (looks_like_switch(self.text, after) or self._at_pipe(after)):
                return position
        return end

    def _at_pipe(self, position: int) -> bool:
        return is_pipe(self.text, position, self.end)

    def _token(self, kind: Kind, end: int, **more: object) -> Token:
        span = Span(self.position, end)
        self.position = end
        return Token(kind=kind, span=span, **more)  # type: ignore[arg-type]  # the callers above name its fields

    def _error(self, error: LineError, end: int) -> Token:
        span = error.span or Span(self.position, end)
        error.at(span)
        self.position = max(end, self.position + 1)
        return Token(kind=Kind.ERROR, span=span, error=error)


def unclosed_quote(span: Span) -> LineError:
    """Return the error for an unclosed quote."""
    return LineError("this quote is not closed", hint='close it, or write \\" for a literal quote', span=span)
