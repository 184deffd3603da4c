"""The comment at the end of a line in which InvokeAI 2.3 noted the model: `# model_id=sketchbook`."""

from __future__ import annotations

import re

from invoke_cli.language.grammar.line import content_start
from invoke_cli.language.grammar.quotes import quote_value
from invoke_cli.language.grammar.tokens import Kind, Token, tokenise

MARK = "# model_id="
_NOTE = re.compile(r"#\s*model_id=([^#]*[^#\s])")
_UNKNOWN = "unknown model"


def noted_model(text: str) -> str:
    """Return the model that the comment of a line notes; empty if there is none."""
    comment = _comment(text)
    match = _NOTE.match(text, comment.span.start) if comment is not None else None
    return match[1] if match is not None and match[1] != _UNKNOWN else ""


def with_noted_model(text: str) -> str:
    """Return the line with the noted model as a switch in place of the comment."""
    comment, name = _comment(text), noted_model(text)
    return f"{text[: comment.span.start]}-m {quote_value(name)}" if comment is not None and name else text


def _comment(text: str) -> Token | None:
    tokens = tokenise(text, content_start(text)) if MARK in text else ()
    return tokens[-1] if tokens and tokens[-1].kind is Kind.COMMENT else None
