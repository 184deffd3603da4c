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
    joined: list[_JoinedWords] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        is_blank = not piece.text.strip()
        if not piece.text:
            continue
        if last is None or (last.weight != piece.weight and not is_blank and not last.is_blank):
            joined.append(_JoinedWords(texts=[piece.text], weight=piece.weight, is_blank=is_blank))
            continue
        last.texts.append(piece.text)
        last.weight = piece.weight if last.is_blank and not is_blank else last.weight
        last.is_blank = last.is_blank and is_blank
    return Phrase(words=tuple(Words(text="".join(each.texts), weight=each.weight) for each in joined))


@dataclass(kw_only=True, slots=True)
class _JoinedWords:
    """Pieces that become one `Words`; strings are joined once, since a prompt may have thousands of pieces."""

    texts: list[str]
    weight: float
    is_blank: bool
