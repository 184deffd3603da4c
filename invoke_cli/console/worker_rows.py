"""The progress of several workers: a row for each, and one for all lines."""

from __future__ import annotations

import time
from collections.abc import Callable

from invoke_cli.console.event_text import duration, progress_text
from invoke_cli.events import Progress, Step
from invoke_cli.language.sanitize import sanitize_for_terminal

_SECONDS = 0.1
_SHOWN_SECONDS = 2.0  # how long the last step of an image stays
_BAR = 12


class WorkerRows:
    """The last step of each worker and the progress of the file.

    Args:
        clock: Returns the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._steps: dict[str, tuple[float, Step]] = {}
        self._progress: Progress | None = None
        self._drawn = float("-inf")

    def add(self, event: Step | Progress) -> bool:
        """Note an event; return whether the rows should be drawn now."""
        if isinstance(event, Progress):
            self._progress = event
        else:
            self._steps[event.worker] = (self._clock(), event)
        if self._clock() - self._drawn < _SECONDS:
            return False
        self._drawn = self._clock()
        return True

    def text(self, columns: int) -> str:
        """Return the rows, cut at the width of the terminal."""
        oldest = self._clock() - _SHOWN_SECONDS
        current = {name: step for name, (at, step) in self._steps.items() if at > oldest or step.step < step.steps}
        rows = [self._row(name, current[name]) for name in sorted(current, key=_natural)]
        if self._progress is not None:
            rows.append(total_text(self._progress))
        return "\n".join(row[: max(1, columns - 1)] for row in rows)

    def forget(self) -> None:
        """Draw at the next event: the rows were erased."""
        self._drawn = float("-inf")

    @staticmethod
    def _row(name: str, step: Step) -> str:
        line = f"line {step.line}  " if step.line is not None else ""
        return f"{sanitize_for_terminal(name)}  {line}{progress_text(step, _BAR)}"


def total_text(progress: Progress) -> str:
    """Return how many lines are complete, and how long the others will take at this pace."""
    if progress.lines is None:
        return f"{progress.complete} lines complete in {duration(progress.seconds)}"
    text = f"{progress.complete} of {progress.lines} lines complete"
    if not progress.complete or progress.complete >= progress.lines:
        return text
    left = progress.seconds / progress.complete * (progress.lines - progress.complete)
    return f"{text}, about {duration(left)} left"


def _natural(name: str) -> tuple[str, int]:
    """Return a key that sorts `worker 10` after `worker 9`."""
    text = name.rstrip("0123456789")
    return text, int(name[len(text) :] or 0)
