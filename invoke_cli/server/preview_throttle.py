"""Previews for callers: the session sends some, and each caller takes those that it has time for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from invoke_cli.engine import Job
from invoke_cli.events import Event, Step, Viewer

INTERVAL = 0.2


class PreviewThrottle:
    """The session's viewer while it works for a caller, whose terminal it cannot see: a few previews a second."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = float("-inf")

    def shows(self, kind: str) -> bool:
        """Whether the caller looks at pictures."""
        return kind != "off"

    def wants(self, kind: str) -> bool:
        """Whether it is time for one."""
        now = self._clock()
        due = self.shows(kind) and now - self._last >= INTERVAL
        self._last = now if due else self._last
        return due


def as_seen(job: Job, viewer: Viewer) -> Job:
    """A caller's job as the session is asked for it: without previews where nobody would see them."""
    output = job.plan.output
    if viewer.shows(output.preview):
        return job
    return replace(job, plan=replace(job.plan, output=replace(output, preview="off")))


def with_time(event: Event, viewer: Viewer) -> Event:
    """An event as the caller tells it: without the preview that it has no time for."""
    if not isinstance(event, Step) or event.preview is None or viewer.wants(event.preview.kind):
        return event
    return replace(event, preview=None)
