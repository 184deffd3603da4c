"""Characters that do not show, or that change what is shown, appear as escapes."""

from __future__ import annotations

import unicodedata

import pytest

from invoke_cli.console.error_text import excerpt
from invoke_cli.errors import Span
from invoke_cli.language.sanitize import sanitize_for_terminal, unseen_characters


@pytest.mark.feature("visible-escapes")
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x9b31m", "\\x9b31m"),
        ("cat\u2067gnp.\u2069", "cat\\u2067gnp.\\u2069"),
        ("a\u200db\ufeffc\u2063", "a\\u200db\\ufeffc\\u2063"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("two\nlines\tof Ж é 猫 🐈", "two\nlines\tof Ж é 猫 🐈"),
    ],
)
def test_unseen_characters_are_escapes(text: str, shown: str) -> None:
    assert sanitize_for_terminal(text) == shown
    assert sanitize_for_terminal(shown) == shown


def test_no_character_of_the_control_or_format_category_of_one_plane_passes() -> None:
    letters_before_numbers = set(range(0x600, 0x606)) | {0x6DD, 0x70F, 0x890, 0x891, 0x8E2}  # visible signs
    every = (chr(number) for number in range(0x10000) if number not in letters_before_numbers)
    unseen = [char for char in every if unicodedata.category(char) in ("Cc", "Cf") and char not in "\n\t"]
    assert [char for char in unseen if sanitize_for_terminal(char) == char] == []


def test_carets_are_below_the_place_after_an_escape() -> None:
    line = "a \x1b\u200bcat --fitt"
    text, carets = excerpt(line, Span(line.index("--fitt"), len(line)))
    assert text[carets.index("^") :] == "--fitt" and carets.count("^") == 6


def test_the_input_at_the_prompt_shows_the_same_escapes() -> None:
    shown = unseen_characters()
    assert shown["\u202e"] == "\\u202e" and shown["\ufeff"] == "\\ufeff" and "a" not in shown and "\n" not in shown
    assert all(sanitize_for_terminal(char) == escape for char, escape in shown.items())
