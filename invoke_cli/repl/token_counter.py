"""How many tokens the typed prompt has, and where the model stops or begins to read anew."""

from __future__ import annotations

from dataclasses import dataclass

from invoke_cli.context.settings import Settings
from invoke_cli.errors import InvokeError, LineError
from invoke_cli.language.grammar.line import Generation, parse
from invoke_cli.language.prompt.prompt import parse_prompt_sources
from invoke_cli.models.files.tokenizer import ReadTokens


@dataclass(frozen=True, kw_only=True, slots=True)
class Count:
    """The tokens of a prompt of which a model reads `window` at once; it reads the rest in further `parts`, or cuts it
    off. `cut` is where in the line that begins, None where all is read at once or the place cannot be told.
    """

    tokens: int
    window: int
    in_parts: bool = False
    cut: int | None = None

    @property
    def text(self) -> str:
        """The count in words."""
        if self.tokens <= self.window:
            return f"{self.tokens} of {self.window} tokens"
        if self.in_parts:
            return f"{self.tokens} tokens, in parts of at most {self.window}"  # where they end, -t tells
        return f"{self.tokens} tokens, cut after {self.window}"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Reader:
    """How a model reads prompts: so many tokens at once, the rest in further parts or not at all."""

    read: ReadTokens
    window: int
    in_parts: bool


class Counter:
    """Counts with the tokenizer of the session's model, once that was read; on another thread, so in one piece."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._model = ""
        self._reader: _Reader | None = None

    def refresh(self) -> None:
        """Read the tokenizer of the model that is used now; takes a moment when it is another one."""
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
        self._reader = _Reader(read=read, window=family.max_tokens - 2, in_parts=family.staged) if read else None

    def count(self, text: str) -> Count | None:
        """The tokens of the last stage's prompt in a line; None where there is none, or nobody can tell."""
        reader = self._reader
        if reader is None:
            return None
        try:
            parsed = parse(text)
            if not isinstance(parsed, Generation) or not parsed.stages[-1].request.prompt:
                return None
            stage = parsed.stages[-1]
            wanted = parse_prompt_sources(stage.request.prompt or "").positive
        except LineError:
            return None
        places = reader.read(wanted)
        cut = None
        if len(places) > reader.window:
            start = text.find(wanted, stage.spans["prompt"].start)
            cut = start + places[reader.window][0] if start >= 0 else None
        return Count(tokens=len(places), window=reader.window, in_parts=reader.in_parts, cut=cut)
