"""Errors as text: the message, the line with carets under the part to blame, and the remedy."""

from __future__ import annotations

from wcwidth import wcswidth, wcwidth

from invoke_cli.errors import Interrupted, InvokeError, Span
from invoke_cli.language.sanitize import sanitize_for_terminal


def error_text(error: InvokeError, number: int | None = None, width: int = 100, *, finished: int = 0) -> str:
    """Format an error: what happened, the line with carets under the place, and a hint.

    Args:
        error: The error.
        number: The number of the line in a batch.
        width: The columns of the window.
        finished: The number of images that the line had finished.
    """
    if isinstance(error, Interrupted):
        images = "1 finished image is" if finished == 1 else f"{finished} finished images are"
        return f"stopped; {images} kept" if finished else "stopped"
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
    part = line[start : start + width_left].replace("\t", " ")
    prefix, suffix = ("…" if start else ""), ("…" if start + width_left < len(line) else "")
    first, last = span.start - start, max(span.end, span.start + 1) - start
    before, marked, after = map(sanitize_for_terminal, (part[:first], part[first:last], part[last:]))
    indent = _cell_width(prefix) + _cell_width(before)
    return [f"  {prefix}{before}{marked}{after}{suffix}", f"  {' ' * indent}{'^' * max(1, _cell_width(marked))}"]


def _cell_width(text: str) -> int:
    """Return the width of text in terminal columns."""
    whole = wcswidth(text)
    return whole if whole >= 0 else sum(max(0, wcwidth(char)) for char in text)
