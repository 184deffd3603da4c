"""Notebooks: a progress bar while images are generated, and the images below the cell."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, Protocol

from invoke_cli.events import Step


class Bar(Protocol):
    """Shows how far a call is."""

    def show(self, event: Step) -> None:
        """Show a step."""

    def close(self) -> None:
        """Remove the bar: the call has ended."""


class _NoBar:
    def show(self, event: Step) -> None:
        pass

    def close(self) -> None:
        pass


NO_BAR: Bar = _NoBar()


class ProgressBar:
    """A bar of tqdm, which is a widget in notebooks that have them, otherwise text."""

    def __init__(self) -> None:
        self._bar: Any = None

    def show(self, event: Step) -> None:
        """Show a step."""
        from tqdm.auto import tqdm

        if self._bar is None:
            self._bar = tqdm(total=event.steps * event.images * event.stages, unit="step", leave=False)
        done = ((event.stage - 1) * event.images + event.image - 1) * event.steps + event.step * event.batch
        self._bar.update(max(0, done - self._bar.n))

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def is_notebook() -> bool:
    """Return whether a notebook's kernel runs this process."""
    return "ipykernel" in sys.modules


def show(images: Iterable[object]) -> None:
    """Display images below the cell as they are finished."""
    from IPython.display import display

    for image in images:
        display(image)
