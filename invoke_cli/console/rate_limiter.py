"""How often a preview may be drawn, so that all of them cost no more than a share of the time."""

from __future__ import annotations

from collections.abc import Callable

SHARE = 0.03
# Nobody sees more than ten pictures a second; what the first one will cost is a guess, in seconds.
INTERVAL, FIRST_COST = 0.1, 0.003


class RateLimiter:
    """An account in seconds: time that passes while steps are taken earns a share of it, drawing spends. `spent` is
    what all pictures cost.
    """

    def __init__(self, clock: Callable[[], float], share: float = SHARE) -> None:
        self._clock, self._share = clock, share
        self.spent = 0.0
        self._account = 0.0
        self._cost = FIRST_COST
        self._last: float | None = None
        self._began: float | None = None
        self._shown = float("-inf")

    def ready(self) -> bool:
        """Whether a preview may be drawn now; if so its time begins to count."""
        now = self._clock()
        if self._last is not None:
            self._account += self._share * (now - self._last)
        self._last = now
        if self._account < self._cost or now - self._shown < INTERVAL:
            return False
        self._began = self._shown = now
        return True

    def done(self) -> None:
        """The preview is on the screen. One that came unasked, from another session, has its own time."""
        if self._began is not None:
            self.spend(self._clock() - self._began)
        self._began = None

    def spend(self, seconds: float, *, again: bool = True) -> None:
        """So much was spent; on what will be drawn `again`, unless it was something else."""
        self._account -= seconds
        self.spent += seconds
        if again:
            self._cost = seconds

    def rest(self) -> None:
        """No steps are taken any more: time passes that earns nothing. What is owed stays."""
        self._last = None
        self._account = min(self._account, 0.0)
