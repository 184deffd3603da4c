"""Format events as plain text without escape sequences. Pure functions."""

from __future__ import annotations

from wcwidth import wcswidth, wcwidth

from invoke_cli.errors import Interrupted, InvokeError, Span
from invoke_cli.events import Done, Loading, Saved, Step
from invoke_cli.language.sanitize import sanitize_for_terminal

BAR_WIDTH = 24


def result_text(event: Saved) -> str:
    """Return the line of a result on standard output. Entered again, it reproduces the image."""
    return sanitize_for_terminal(
        f"[{event.number}] {event.path}: {event.line}" if event.number is not None else event.line
    )


def error_text(error: InvokeError, number: int | None = None, width: int = 100) -> str:
    """Format an error: what happened, the line with carets under the place, and a hint."""
    if isinstance(error, Interrupted):
        return "stopped; finished images are kept"
    where = f"line {number}: " if number is not None else ""
    lines = [f"error: {where}{sanitize_for_terminal(error.message)}"]
    if error.line and error.span is not None:
        lines += excerpt(error.line, error.span, width)
    if error.hint:
        lines.append(f"  try: {sanitize_for_terminal(error.hint)}")
    return "\n".join(lines)


def excerpt(line: str, span: Span, width: int = 100) -> list[str]:
    """Return the part of a line around a span, and the carets under it."""
    width_left = max(20, width - 4)
    start = max(0, min(span.start - width_left // 3, len(line) - width_left))
    shown = sanitize_for_terminal(line[start : start + width_left].replace("\t", " "))
    prefix, suffix = ("…" if start else ""), ("…" if start + width_left < len(line) else "")
    before = shown[: span.start - start]
    marked = shown[span.start - start : max(span.end, span.start + 1) - start]
    indent = _cell_width(prefix) + _cell_width(before)
    return [f"  {prefix}{shown}{suffix}", f"  {' ' * indent}{'^' * max(1, _cell_width(marked))}"]


def _cell_width(text: str) -> int:
    """Return the width of text in terminal columns."""
    whole = wcswidth(text)
    return whole if whole >= 0 else sum(max(0, wcwidth(char)) for char in text)


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
        parts.append(f"{rate:.1f} it/s" if rate >= 1 else f"{1 / rate:.1f} s/it")
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
