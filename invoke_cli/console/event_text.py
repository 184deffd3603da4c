"""Format events as plain text without escape sequences. Pure functions."""

from __future__ import annotations

from invoke_cli.events import STANDARD_OUTPUT, Done, Loading, Saved, Step
from invoke_cli.language.cells import cell_width
from invoke_cli.language.fitted_line import fitted_line
from invoke_cli.language.sanitize import sanitize_for_terminal

BAR_WIDTH = 24
SHORTEST_LINE = 40


def result_text(event: Saved) -> str:
    """Return the line of a result, which reproduces the image when it is entered again.

    A file that -o names has a dash in place of the number.
    """
    return sanitize_for_terminal(f"{_place(event)}{event.line}")


def short_result_text(event: Saved, width: int) -> str:
    """Return the line of a result in `width` cells, or in more after a long path: what was chosen, and the seed."""
    place = sanitize_for_terminal(_place(event))
    return place + fitted_line(event.short_line or event.line, max(SHORTEST_LINE, width - cell_width(place)))


def _place(event: Saved) -> str:
    if event.path == STANDARD_OUTPUT:
        return ""
    return f"[{'-' if event.number is None else event.number}] {event.path}: "


def performance_text(event: Saved) -> str:
    """Return the time, the speed and the peak memory of a result; what is unknown is left out."""
    parts = [duration(event.seconds)]
    if event.steps_per_second:
        parts.append(f"{event.steps_taken} steps at {speed(event.steps_per_second)}")
    if event.peak_memory:
        parts.append(f"peak memory {event.peak_memory / 1e9:.2f} GB")
    return ", ".join(parts)


def speed(rate: float) -> str:
    """Format steps per second, or seconds per step if that is more than one."""
    return f"{rate:.1f} it/s" if rate >= 1 else f"{1 / rate:.1f} s/it"


def progress_text(event: Step, width: int = BAR_WIDTH) -> str:
    """Return a progress bar with the step, the speed and the remaining time."""
    share = event.step / event.steps if event.steps else 1.0
    filled = round(share * width)
    bar = "█" * filled + "·" * (width - filled)
    parts = [f"{bar} step {event.step} of {event.steps}"]
    if event.stages > 1:
        parts.insert(0, f"stage {event.stage} of {event.stages}")
    if event.images > 1:
        last = event.image + event.batch - 1
        number = f"{event.image}-{last}" if event.batch > 1 else str(event.image)
        parts.insert(0, f"image {number} of {event.images}")
    if event.step and event.seconds > 0:
        rate = event.step / event.seconds
        parts.append(speed(rate))
        parts.append(f"{duration((event.steps - event.step) / rate)} left")
    return "  ".join(parts)


def loading_text(event: Loading) -> str:
    """Format the start or the end of loading a model."""
    if event.seconds is None:
        return f"loading {sanitize_for_terminal(event.model)} …"
    return f"loaded {sanitize_for_terminal(event.model)} in {event.seconds:.1f} s"


def done_text(event: Done) -> str:
    """Summarise a finished line: images, time, memory."""
    images = f"{event.images} image{'s' if event.images != 1 else ''}"
    peak = f", peak memory {event.peak_memory / 1e9:.2f} GB" if event.peak_memory else ""
    return f"{images} in {duration(event.seconds)}{peak}"


def duration(seconds: float) -> str:
    """Format a duration in seconds, minutes or hours."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
