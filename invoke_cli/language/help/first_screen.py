"""The first screen of the help: what fits 24 lines of 80 columns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from invoke_cli.language.help.render import Row, columns
from invoke_cli.language.switches.table import by_field

# The most common switches, by their fields.
COMMON: tuple[str, ...] = (
    "num_inference_steps", "seeds", "num_images", "width", "guidance_scale", "scheduler", "negative_prompt", "model",
    "init_image", "strength",
)  # fmt: skip

SHELL_EXAMPLES: tuple[Row, ...] = (
    ('invoke "a red boat" -s 20 -n 4', "generate four images"),
    ('invoke "oil painting" -I photo.jpg -f .6', "change an image"),
    ('invoke "a hat" -I photo.jpg -M mask.png', "paint inside a mask"),
    ("invoke --from_file prompts.txt", "run the lines of a file"),
    ("invoke '!replay 17'", "generate image 17 again"),
)
PROMPT_EXAMPLES: tuple[Row, ...] = (
    ("tree on a hill with a river -s 20 -n 4", "generate four images"),
    ("oil painting -I photo.jpg -f .6", "change an image"),
    ("a hat -I photo.jpg -M mask.png", "paint inside a mask"),
    ("a cat [blurry, ugly] -S 42 -C 8", "avoid the words in brackets"),
    ("!replay 17", "generate image 17 again; !fetch 17 edits its line"),
)
_FIRST_CLAUSE = re.compile(r"[:;(,]")


def first_screen(
    usage: str, examples: Sequence[Row], more: Sequence[str], *, width: int, defaults: Mapping[str, str]
) -> str:
    """Return the first screen.

    Args:
        usage: The first line.
        examples: The most common examples.
        more: Where the rest is.
        width: The columns of the window.
        defaults: The default values of the model in use, by field, as they would be typed.
    """
    rows = [_common_row(field, defaults.get(field, "")) for field in COMMON]
    return "\n".join([usage, "", columns(examples, width, widest=44), "", columns(rows, width), "", *more])


def _common_row(field: str, default: str) -> Row:
    switch = by_field()[field]
    about = _FIRST_CLAUSE.split(switch.help, maxsplit=1)[0].strip()
    value = default or switch.default
    return f"{switch.spelling} {switch.metavar}", f"{about} (default {value})" if value else about
