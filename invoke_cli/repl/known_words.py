"""The words that the session's model knows: marks others while a prompt is typed, and completes the known ones."""

from __future__ import annotations

from collections.abc import Sequence

from invoke_cli.context.settings import Settings
from invoke_cli.errors import InvokeError, LineError, Span
from invoke_cli.language.completion.complete import Found
from invoke_cli.language.grammar.line import Generation, parse
from invoke_cli.models.files.words import Vocabulary, read_vocabulary

_MAX_COMPLETIONS = 30


class KnownWords:
    """Holds the vocabulary of the current model. It is read on another thread and replaced in one assignment."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._model = ""
        self._vocabulary: Vocabulary | None = None

    def refresh(self) -> None:
        """Read the vocabulary of the current model, if the model has changed."""
        try:
            model = self._settings.model()
        except InvokeError:
            self._vocabulary, self._model = None, ""
            return
        if model.facts.key != self._model:
            self._vocabulary = read_vocabulary(model.facts.folder, model.spec.words)
            self._model = model.facts.key

    def unknown(self, text: str) -> Sequence[Span]:
        """Return the positions of unknown words in a line; none while its last word is typed, or for another model."""
        vocabulary = self._vocabulary
        if vocabulary is None:
            return ()
        places = [each for prompt in _prompts(text) for each in _unknown_in(vocabulary, text, prompt)]
        return [place for place in places if place.end < len(text)]

    def completions(self, typed: str) -> Found:
        """Return the known words that begin with the typed text."""
        vocabulary = self._vocabulary
        if vocabulary is None or not typed:
            return ()
        found = [word for word in vocabulary.completions if word.startswith(typed.lower())]
        return [(word, "") for word in found[:_MAX_COMPLETIONS]]


def _prompts(text: str) -> list[Span]:
    """Return the positions of the prompts in a line; none if it names another model."""
    try:
        parsed = parse(text)
    except LineError:
        return []
    stages = parsed.stages if isinstance(parsed, Generation) else ()
    if any(stage.request.model for stage in stages):
        return []
    return [stage.spans["prompt"] for stage in stages if "prompt" in stage.spans]


def _unknown_in(vocabulary: Vocabulary, text: str, prompt: Span) -> list[Span]:
    """Return the positions in a line of the unknown words of one of its prompts."""
    return [place.shifted(prompt.start) for _, place in vocabulary.unknown(text[slice(*prompt)])]
