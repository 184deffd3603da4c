"""The syntax tree of a prompt: words with weights, and blends, conjunctions and swaps of phrases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """Plain text with a weight: 1 is neutral, more is stronger, 0 has no effect."""

    text: str
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Phrase:
    """A sequence of words; neighbours differ in weight."""

    words: tuple[Words, ...] = ()

    @property
    def text(self) -> str:
        """The words without weights."""
        return "".join(words.text for words in self.words)

    @property
    def plain(self) -> bool:
        """Whether no words have a weight."""
        return all(words.weight == 1 for words in self.words)


@dataclass(frozen=True, kw_only=True, slots=True)
class Blend:
    """A weighted sum of the embeddings of phrases; `normalize` scales the weights to a sum of 1."""

    phrases: tuple[Phrase, ...]
    weights: tuple[float, ...]
    normalize: bool = True

    plain = False

    @property
    def text(self) -> str:
        """The phrases without weights."""
        return ", ".join(phrase.text for phrase in self.phrases)


@dataclass(frozen=True, kw_only=True, slots=True)
class Conjunction:
    """Phrases whose embeddings are concatenated, each encoded in its own windows."""

    phrases: tuple[Phrase, ...]
    weights: tuple[float, ...]

    plain = False

    @property
    def text(self) -> str:
        """The phrases without weights."""
        return ", ".join(phrase.text for phrase in self.phrases)


@dataclass(frozen=True, kw_only=True, slots=True)
class Windows:
    """The steps during which a swap is active, as fractions of the schedule, 0 to 1.

    The options and their meanings are compel's; the default of `s_end` comes from the examples of the prompt-to-prompt
    authors.

    Attributes:
        s_start: Start of the steps that use the self-attention maps of the original prompt.
        s_end: End of these steps.
        t_start: Start of the steps that use the cross-attention maps of the original prompt.
        t_end: End of these steps.
    """

    NAMES: ClassVar[tuple[str, ...]] = ("s_start", "s_end", "t_start", "t_end")

    s_start: float = 0.0
    s_end: float = 0.4
    t_start: float = 0.0
    t_end: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Swap:
    """A prompt in which some words replace others.

    Attributes:
        parts: (original, replacement) phrases, equal where nothing is replaced.
        windows: The steps during which the swap is active.
    """

    parts: tuple[tuple[Phrase, Phrase], ...]
    windows: Windows = Windows()

    plain = False

    @property
    def before(self) -> Phrase:
        """The original prompt, whose layout is kept."""
        return join_words([words for part, _ in self.parts for words in part.words])

    @property
    def after(self) -> Phrase:
        """The prompt with the replacements, which is generated."""
        return join_words([words for _, part in self.parts for words in part.words])

    @property
    def text(self) -> str:
        """The prompt with the replacements, without weights."""
        return self.after.text


Tree = Phrase | Blend | Conjunction | Swap


def text_phrase(text: str) -> Phrase:
    """Return the tree of a text without operators."""
    return Phrase(words=(Words(text=text),) if text else ())


def join_words(pieces: list[Words]) -> Phrase:
    """Join pieces to a phrase: merge neighbours of equal weight, and attach blanks to the words before them."""
    words: list[Words] = []
    for piece in pieces:
        if not piece.text:
            continue
        if words and (words[-1].weight == piece.weight or not piece.text.strip()):
            words[-1] = Words(text=words[-1].text + piece.text, weight=words[-1].weight)
        elif words and not words[-1].text.strip():
            words[-1] = Words(text=words[-1].text + piece.text, weight=piece.weight)
        else:
            words.append(piece)
    return Phrase(words=tuple(words))
