"""Limit previews for clients: the session sends a few per second, and the client shows those it has time for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from invoke_cli.engine import Job
from invoke_cli.events import Event, Step, Viewer

INTERVAL = 0.2


class PreviewThrottle:
    """The session's viewer while it works for a client, whose terminal it does not know: a few previews per second."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = float("-inf")

    def shows(self, kind: str) -> bool:
        """Return whether the client shows previews."""
        return kind != "off"

    def wants(self, kind: str) -> bool:
        """Return whether a preview is due."""
        now = self._clock()
        due = self.shows(kind) and now - self._last >= INTERVAL
        self._last = now if due else self._last
        return due


def without_unseen_previews(job: Job, viewer: Viewer) -> Job:
    """Return the job to send to the session: without previews if the client cannot show them."""
    output = job.plan.output
    if viewer.shows(output.preview):
        return job
    return replace(job, plan=replace(job.plan, output=replace(output, preview="off")))


def with_wanted_preview(event: Event, viewer: Viewer) -> Event:
    """Return an event to emit, without the preview if the client has no time to show it."""
    if not isinstance(event, Step) or event.preview is None or viewer.wants(event.preview.kind):
        return event
    return replace(event, preview=None)
