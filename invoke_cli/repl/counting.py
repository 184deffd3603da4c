"""How many tokens the typed prompt has, and where the model stops or begins to read anew."""

from __future__ import annotations

from dataclasses import dataclass

from invoke_cli.errors import InvokeError, LineError
from invoke_cli.language.line import Generation, parse
from invoke_cli.language.prompt import read_prompt
from invoke_cli.models.wording import ReadTokens
from invoke_cli.workshop.settings import Settings


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
            return f"{self.tokens} tokens, in {-(-self.tokens // self.window)} parts"
        return f"{self.tokens} tokens, cut after {self.window}"


class Counter:
    """Counts with the tokenizer of the session's model, once that was read."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._model = ""
        self._read: ReadTokens | None = None
        self._window = 0
        self._in_parts = False

    def refresh(self) -> None:
        """Read the tokenizer of the model that is used now; takes a moment when it is another one."""
        from invoke_cli.models.wording import token_reader

        try:
            model = self._settings.model()
        except InvokeError:
            self._read, self._model = None, ""
            return
        if model.spec.name != self._model:
            self._read = token_reader(model.facts)
            self._model = model.spec.name
            self._window = model.facts.family.max_tokens - 2
            self._in_parts = model.facts.family.staged

    def count(self, text: str) -> Count | None:
        """The tokens of the last stage's prompt in a line; None where there is none, or nobody can tell."""
        if self._read is None:
            return None
        try:
            parsed = parse(text)
            if not isinstance(parsed, Generation) or not parsed.stages[-1].request.prompt:
                return None
            stage = parsed.stages[-1]
            wanted = read_prompt(stage.request.prompt or "").positive
        except LineError:
            return None
        places = self._read(wanted)
        cut = None
        if len(places) > self._window:
            start = text.find(wanted, stage.spans["prompt"].start)
            cut = start + places[self._window][0] if start >= 0 else None
        return Count(tokens=len(places), window=self._window, in_parts=self._in_parts, cut=cut)
