"""Count the tokens of the typed prompt, and find where it exceeds the model's window."""

from __future__ import annotations

from dataclasses import dataclass

from invoke_cli.context.settings import Settings
from invoke_cli.errors import InvokeError, LineError
from invoke_cli.language.grammar.line import Generation, parse
from invoke_cli.language.prompt.prompt import parse_prompt_sources
from invoke_cli.models.files.tokenizer import ReadTokens


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenCount:
    """The token count of a prompt.

    Attributes:
        tokens: The number of tokens.
        window: The number of tokens that the model reads at once.
        is_chunked: Whether the model reads the rest in further chunks; otherwise it is cut off.
        cut: The index in the line where the rest begins; None if there is no rest or its place is unknown.
    """

    tokens: int
    window: int
    is_chunked: bool = False
    cut: int | None = None

    @property
    def text(self) -> str:
        """Return the count as text."""
        if self.tokens <= self.window:
            return f"{self.tokens} of {self.window} tokens"
        if self.is_chunked:
            return f"{self.tokens} tokens, in parts of at most {self.window}"  # -t shows where they end
        return f"{self.tokens} tokens, cut after {self.window}"


@dataclass(frozen=True, kw_only=True, slots=True)
class _TokenReader:
    """The tokenizer of a model, its window, and whether longer prompts are read in chunks."""

    read: ReadTokens
    window: int
    is_chunked: bool


class TokenCounter:
    """Counts with the tokenizer of the session's model. It is read on another thread and replaced in one assignment."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._model = ""
        self._reader: _TokenReader | None = None

    def refresh(self) -> None:
        """Read the tokenizer of the current model, if the model has changed."""
        from invoke_cli.models.files.tokenizer import token_reader

        try:
            model = self._settings.model()
        except InvokeError:
            self._reader, self._model = None, ""
            return
        if model.spec.name == self._model:
            return
        self._reader, self._model = None, model.spec.name
        read, family = token_reader(model.facts), model.facts.family
        self._reader = _TokenReader(read=read, window=family.max_tokens - 2, is_chunked=family.staged) if read else None

    def count(self, text: str) -> TokenCount | None:
        """Count the tokens of the last stage's prompt in a line; None without a prompt or tokenizer."""
        reader = self._reader
        if reader is None:
            return None
        try:
            parsed = parse(text)
            if not isinstance(parsed, Generation) or not parsed.stages[-1].request.prompt:
                return None
            stage = parsed.stages[-1]
            prompt = parse_prompt_sources(stage.request.prompt or "", syntax=stage.request.prompt_syntax).positive
        except LineError:
            return None
        spans = reader.read(prompt)
        cut = None
        if len(spans) > reader.window:
            start = text.find(prompt, stage.spans["prompt"].start)
            cut = start + spans[reader.window][0] if start >= 0 else None
        return TokenCount(tokens=len(spans), window=reader.window, is_chunked=reader.is_chunked, cut=cut)
