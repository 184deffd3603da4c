"""Limit the rate of previews, so that they take no more than a share of the time."""

from __future__ import annotations

from collections.abc import Callable

MAX_SHARE = 0.03
# Seconds: at most ten previews per second; the estimated cost of the first one.
MIN_INTERVAL, FIRST_COST = 0.1, 0.003


class RateLimiter:
    """A time budget: each second of sampling adds a share of it, drawing uses it up.

    Attributes:
        spent: The seconds that all images took to draw.
    """

    def __init__(self, clock: Callable[[], float], share: float = MAX_SHARE) -> None:
        self._clock, self._share = clock, share
        self.spent = 0.0
        self._budget = 0.0
        self._cost = FIRST_COST
        self._last: float | None = None
        self._started: float | None = None
        self._shown = float("-inf")

    def ready(self) -> bool:
        """Return whether a preview may be drawn now; if so, start timing it."""
        now = self._clock()
        if self._last is not None:
            self._budget += self._share * (now - self._last)
        self._last = now
        if self._budget < self._cost or now - self._shown < MIN_INTERVAL:
            return False
        self._started = self._shown = now
        return True

    def done(self) -> None:
        """Record that the preview is on the screen. One that was not requested here, but by a server, is not timed."""
        if self._started is not None:
            self.spend(self._clock() - self._started)
        self._started = None

    def spend(self, seconds: float, *, is_preview: bool = True) -> None:
        """Subtract seconds from the budget. `is_preview`: they also predict the cost of the next preview."""
        self._budget -= seconds
        self.spent += seconds
        if is_preview:
            self._cost = seconds

    def pause(self) -> None:
        """Stop adding to the budget, since no steps run. A deficit is kept."""
        self._last = None
        self._budget = min(self._budget, 0.0)
