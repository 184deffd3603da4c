"""The limits of text in a line."""

from __future__ import annotations

# Characters of the prompts of a line together: what the metadata of an image can carry.
MAX_PROMPT = 40_000


def prompt_too_long(length: int) -> str:
    """Return the message for prompts that exceed the limit."""
    return f"the prompt has {length} characters (at most {MAX_PROMPT})"
