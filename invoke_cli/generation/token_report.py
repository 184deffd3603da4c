"""`--log_tokenization`: report how the models tokenise the prompts of a line."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from invoke_cli.context.context import SessionContext
from invoke_cli.engine import Tokens
from invoke_cli.events import Tokenized
from invoke_cli.generation.prepare import Prepared


def show_tokens(context: SessionContext, stages: Sequence[Prepared]) -> None:
    """Report the tokens of all prompts if any stage requests it, loading the models for that."""
    if not any(stage.plan.request.log_tokenization for stage in stages):
        return
    for number, stage in enumerate(stages, start=1):
        suffix = f" of stage {number}" if len(stages) > 1 else ""
        for name, text in (("prompt", stage.plan.prompt.positive), ("negative", stage.plan.prompt.negative)):
            if text:
                tokens = context.engine.tokens(stage.model, text, context.hooks())
                context.emit(Tokenized(name=f"{name}{suffix}", windows=_windows(tokens), cut=tokens.cut))


def _windows(tokens: Tokens) -> tuple[tuple[str, ...], ...]:
    ends = list(accumulate(tokens.windows or (len(tokens.read),)))
    return tuple(tokens.read[start:end] for start, end in zip([0, *ends], ends, strict=False))
