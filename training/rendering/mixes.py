"""Mixes: the frequency of each kind of scene in the stages of training."""

from __future__ import annotations

from dataclasses import dataclass

MEDIUM_WEIGHTS = (0.34, 0.12, 0.13, 0.1, 0.11, 0.11, 0.09)


@dataclass(frozen=True, kw_only=True)
class Mix:
    """The frequencies of the kinds of scenes; they add up to 1. A share `styled` of each kind is in a medium.

    A share `anywhere` of the single items is at a random position that captions do not mention. `media` weights
    `scene.MEDIA`, in their order.
    """

    shapes: float
    things: float
    pairs: float
    landscapes: float
    hearths: float
    styled: float
    anywhere: float = 0.0
    media: tuple[float, ...] = MEDIUM_WEIGHTS


NARROW = Mix(shapes=0.72, things=0.28, pairs=0.0, landscapes=0.0, hearths=0.0, styled=0.0)
WIDE = Mix(shapes=0.17, things=0.16, pairs=0.2, landscapes=0.37, hearths=0.1, styled=0.62)
RICH = Mix(shapes=0.14, things=0.24, pairs=0.2, landscapes=0.34, hearths=0.08, styled=0.62)
# More of what is too rare in the previous mixes: things at random positions, oil and pixel art.
SCATTERED = Mix(
    shapes=0.34,
    things=0.22,
    pairs=0.18,
    landscapes=0.18,
    hearths=0.08,
    styled=0.5,
    anywhere=0.75,
    media=(0.3, 0.08, 0.15, 0.06, 0.13, 0.22, 0.06),
)
# Everything again, with more pairs and paint.
PAINTED = Mix(
    shapes=0.28,
    things=0.2,
    pairs=0.22,
    landscapes=0.22,
    hearths=0.08,
    styled=0.55,
    anywhere=0.6,
    media=(0.28, 0.1, 0.2, 0.06, 0.12, 0.16, 0.08),
)
# Pairs are learned last.
PAIRED = Mix(shapes=0.1, things=0.1, pairs=0.6, landscapes=0.15, hearths=0.05, styled=0.35, anywhere=0.6)
