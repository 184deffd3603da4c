"""The words that a model was trained on, if its folder or its entry declares them.

`words.json` in a model's folder has two lists: `known` are the words that mean something to the model, `ignored` those
that it may be given without harm, such as adjectives. An entry's `words:` are known words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

from invoke_cli.documents import parse_json
from invoke_cli.errors import Span
from invoke_cli.input_files import WORDS, read_input
from invoke_cli.language.grammar.names import near_names
from invoke_cli.language.prompt.parser import METHODS

WORDS_FILE = "words.json"

_MAX_SUGGESTED = 2
_MIN_PART = 3
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
# What is not a word of the prompt: escapes, negative words, names in angle brackets, methods and their options.
_OTHER = re.compile(
    r"\\.|\[[^\[\]]*\]|<[^<>]*>|(?:with|use)Lora\([^()]*\)|"
    rf"\.(?:{'|'.join(METHODS)})(?=\()|\b(?:no_normalize|[st]_\w+)\b|__\w+__"
)
_SMALL_WORDS = """
a an the and or but of in on at by to for from with without into onto over under above below between behind beside
near through across around along against off up down out as is are was be being this that these those its it his her
their my your our some any no not very more most many few much lots one two three four five six seven eight nine ten
while where which who has have having
"""


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """The words of a model.

    Attributes:
        known: The words that mean something to it.
        ignored: Further words that do no harm.
    """

    known: frozenset[str]
    ignored: frozenset[str] = field(default=frozenset())

    @cached_property
    def completions(self) -> tuple[str, ...]:
        """The known words in alphabetical order."""
        return tuple(sorted(self.known))

    def unknown(self, prompt: str) -> Iterator[tuple[str, Span]]:
        """Yield the words of a prompt's source that the model does not know, each with its position."""
        text = _OTHER.sub(lambda match: " " * len(match[0]), prompt)
        for match in _WORD.finditer(text):
            if not self._has(match[0].lower().removesuffix("'s")):
                yield match[0], Span(*match.span())

    def nearest(self, word: str) -> list[str]:
        """Return the known words that an unknown one contains, or whose spelling is near: `ship` for `spaceship`."""
        lower = word.lower()
        parts = [each for each in self.completions if len(each) >= _MIN_PART and lower.endswith(each)]
        parts.sort(key=len, reverse=True)
        return list(dict.fromkeys([*parts[:1], *near_names(lower, self.completions)]))[:_MAX_SUGGESTED]

    def _has(self, word: str) -> bool:
        return len(word) < 2 or any(
            each in self.known or each in self.ignored or each in _small_words() for each in _forms(word)
        )


def read_vocabulary(folder: Path, words: Sequence[str] = ()) -> Vocabulary | None:
    """Return the vocabulary in a model's folder, with the words of its entry; None if neither declares any.

    A file that cannot be read declares none: marking words is a convenience.
    """
    known, ignored = {word.lower() for word in words}, set[str]()
    found = _read(folder / WORDS_FILE)
    if isinstance(found, dict):
        known |= _words(found.get("known"))
        ignored |= _words(found.get("ignored"))
    return Vocabulary(known=frozenset(known), ignored=frozenset(ignored)) if known else None


def unknown_words_notice(vocabulary: Vocabulary, model: str, prompts: Sequence[str]) -> str:
    """Return one notice that names the unknown words of several prompts; empty if there are none."""
    words = dict.fromkeys(word.lower() for prompt in prompts for word, _ in vocabulary.unknown(prompt))
    if not words:
        return ""
    named = []
    for word in words:
        near = vocabulary.nearest(word)
        named.append(f"{word} (nearest: {' or '.join(near)})" if near else word)
    return f"{model} does not know {', '.join(named)}; at the prompt Tab completes the words that it knows"


@cache
def _small_words() -> frozenset[str]:
    return frozenset(_SMALL_WORDS.split())


def _forms(word: str) -> Iterator[str]:
    """Yield a word, its plural, and what it may be the plural of."""
    yield from (word, f"{word}s")
    for plural, singular in (("s", ""), ("es", ""), ("ies", "y"), ("ves", "f"), ("ves", "fe")):
        if word.endswith(plural) and len(word) > len(plural) + 1:
            yield word.removesuffix(plural) + singular


def _read(path: Path) -> object:
    try:
        return parse_json(read_input(path, WORDS))
    except (OSError, ValueError, RecursionError):
        return None


def _words(value: object) -> set[str]:
    listed = value if isinstance(value, list) else []
    return {word.lower() for word in listed if isinstance(word, str) and _WORD.fullmatch(word)}
