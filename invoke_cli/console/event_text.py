"""Events in words: pure functions from events to plain text, without a single escape sequence."""

from __future__ import annotations

from wcwidth import wcswidth, wcwidth

from invoke_cli.errors import Interrupted, InvokeError, Span
from invoke_cli.events import Done, Loading, Saved, Step
from invoke_cli.language.sanitize import sanitize_for_terminal

BAR_WIDTH = 24


def result_text(event: Saved) -> str:
    """The line that a result has on standard output; pasted back, it makes the picture again."""
    return sanitize_for_terminal(
        f"[{event.number}] {event.path}: {event.line}" if event.number is not None else event.line
    )


def error_text(error: InvokeError, number: int | None = None, width: int = 100) -> str:
    """What happened, the line with a caret under the place, and what to do."""
    if isinstance(error, Interrupted):
        return "stopped; what was finished is kept"
    where = f"line {number}: " if number is not None else ""
    lines = [f"error: {where}{sanitize_for_terminal(error.message)}"]
    if error.line and error.span is not None:
        lines += excerpt(error.line, error.span, width)
    if error.hint:
        lines.append(f"  try: {sanitize_for_terminal(error.hint)}")
    return "\n".join(lines)


def excerpt(line: str, span: Span, width: int = 100) -> list[str]:
    """The part of a line round a span, and the carets under it."""
    room = max(20, width - 4)
    start = max(0, min(span.start - room // 3, len(line) - room))
    shown = sanitize_for_terminal(line[start : start + room].replace("\t", " "))
    head, tail = ("…" if start else ""), ("…" if start + room < len(line) else "")
    before = shown[: span.start - start]
    marked = shown[span.start - start : max(span.end, span.start + 1) - start]
    indent = _cells(head) + _cells(before)
    return [f"  {head}{shown}{tail}", f"  {' ' * indent}{'^' * max(1, _cells(marked))}"]


def _cells(text: str) -> int:
    """The columns that text takes in a terminal."""
    whole = wcswidth(text)
    return whole if whole >= 0 else sum(max(0, wcwidth(char)) for char in text)


def progress_text(event: Step, width: int = BAR_WIDTH) -> str:
    """A bar with the step, the pace and the time that remains."""
    share = event.step / event.steps if event.steps else 1.0
    filled = round(share * width)
    bar = "█" * filled + "·" * (width - filled)
    parts = [f"{bar} step {event.step} of {event.steps}"]
    if event.stages > 1:
        parts.insert(0, f"stage {event.stage} of {event.stages}")
    if event.images > 1:
        last = event.image + event.batch - 1
        which = f"{event.image}-{last}" if event.batch > 1 else str(event.image)
        parts.insert(0, f"image {which} of {event.images}")
    if event.step and event.seconds > 0:
        pace = event.step / event.seconds
        parts.append(f"{pace:.1f} it/s" if pace >= 1 else f"{1 / pace:.1f} s/it")
        parts.append(f"{duration((event.steps - event.step) / pace)} left")
    return "  ".join(parts)


def loading_text(event: Loading) -> str:
    """That a model is being loaded, or how long it took."""
    if event.seconds is None:
        return f"loading {sanitize_for_terminal(event.model)} …"
    return f"loaded {sanitize_for_terminal(event.model)} in {event.seconds:.1f} s"


def done_text(event: Done) -> str:
    """What a line came to: images, time, memory."""
    images = f"{event.images} image{'s' if event.images != 1 else ''}"
    peak = f", peak memory {event.peak_memory / 1e9:.2f} GB" if event.peak_memory else ""
    return f"{images} in {duration(event.seconds)}{peak}"


def duration(seconds: float) -> str:
    """Seconds, minutes or hours, as short as they are telling."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
