"""Where in a line an error is: from the field that it blames to a span of characters."""

from __future__ import annotations

from collections.abc import Mapping

from invoke_cli.errors import InvokeError, PromptError, Span


def locate(error: InvokeError, line: str, spans: Mapping[str, Span]) -> InvokeError:
    """Give an error its place in the line.

    Args:
        error: The error; the span of a PromptError counts from the start of its prompt.
        line: The line that was read.
        spans: Where each field of the blamed stage was typed.

    Returns:
        The same error.
    """
    field = error.field or ("prompt" if isinstance(error, PromptError) else "")
    typed = spans.get(field, spans.get("prompt") if field == "negative_prompt" else None)
    if isinstance(error, PromptError):
        # A negative prompt is joined from brackets and --neg, so only the whole value is known.
        inner = error.span if field == "prompt" and typed is not None else None
        if inner is not None and typed is not None:
            inner = inner.shifted(typed.start + (line[typed.start] == '"'))
            inner = inner if inner.end <= typed.end else None
        error.without_span()
        if inner is not None:
            error.at(inner)
    return error.located(line, typed)
