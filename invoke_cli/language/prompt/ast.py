"""What prompt source says, as a small tree: words with weights, and blends and conjunctions of such phrases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """Plain text and how much it counts: 1 is as it is, more is stronger, 0 is not at all."""

    text: str
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Phrase:
    """Words side by side; neighbours differ in weight."""

    words: tuple[Words, ...] = ()

    @property
    def text(self) -> str:
        """The words without their weights."""
        return "".join(words.text for words in self.words)

    @property
    def plain(self) -> bool:
        """Whether nothing in it has a weight."""
        return all(words.weight == 1 for words in self.words)


@dataclass(frozen=True, kw_only=True, slots=True)
class Blend:
    """The weighted sum of what phrases mean; `normalize` brings the weights' sum to 1."""

    phrases: tuple[Phrase, ...]
    weights: tuple[float, ...]
    normalize: bool = True

    plain = False

    @property
    def text(self) -> str:
        """The phrases without their weights."""
        return ", ".join(phrase.text for phrase in self.phrases)


@dataclass(frozen=True, kw_only=True, slots=True)
class Conjunction:
    """Phrases that the model reads one after the other, each in windows of its own."""

    phrases: tuple[Phrase, ...]
    weights: tuple[float, ...]

    plain = False

    @property
    def text(self) -> str:
        """The phrases without their weights."""
        return ", ".join(phrase.text for phrase in self.phrases)


@dataclass(frozen=True, kw_only=True, slots=True)
class Windows:
    """When an exchange holds, in shares of the schedule, 0 to 1: from `t_start` up to `t_end` words lie where those
    before them lay, from `s_start` up to `s_end` the picture's parts attend to each other as before (compel's options
    and meanings; where nothing is said, words for all steps, and shapes for the share of the authors' examples).
    """

    NAMES: ClassVar[tuple[str, ...]] = ("s_start", "s_end", "t_start", "t_end")

    s_start: float = 0.0
    s_end: float = 0.4
    t_start: float = 0.0
    t_end: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Swap:
    """Words of which some stand in the place of others: each part as it was before and as it is after, the same where
    nothing is exchanged.
    """

    parts: tuple[tuple[Phrase, Phrase], ...]
    windows: Windows = Windows()

    plain = False

    @property
    def before(self) -> Phrase:
        """The words whose places are kept."""
        return joined([words for part, _ in self.parts for words in part.words])

    @property
    def after(self) -> Phrase:
        """The words that are drawn."""
        return joined([words for _, part in self.parts for words in part.words])

    @property
    def text(self) -> str:
        """The words that are drawn, without their weights."""
        return self.after.text


Tree = Phrase | Blend | Conjunction | Swap


def plain_tree(text: str) -> Phrase:
    """The tree of a text without operators."""
    return Phrase(words=(Words(text=text),) if text else ())


def joined(pieces: list[Words]) -> Phrase:
    """The phrase of these pieces: neighbours of one weight together, blanks with what stands before them."""
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
