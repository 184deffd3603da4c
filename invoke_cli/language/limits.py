"""The limits of what a line and its results may contain."""

from __future__ import annotations

# Characters of the prompts of a line together: what the metadata of an image can carry.
MAX_PROMPT = 40_000

# The largest number of an image. Longer numbers in names of files are of other programs.
MAX_NUMBER = 999_999_999


def prompt_too_long(length: int) -> str:
    """Return the message for prompts that exceed the limit."""
    return f"the prompt has {length} characters (at most {MAX_PROMPT})"
