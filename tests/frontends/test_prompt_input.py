"""Lines that enter the prompt by suggestion, search, paste, editor or queue."""

from __future__ import annotations

from pathlib import Path

import pytest

from invoke_cli.errors import CommandError
from invoke_cli.events import Prefill
from invoke_cli.output.typed_lines import TypedLines
from invoke_cli.repl.confirmation import Question, content_lines
from invoke_cli.repl.external_editor import edit_text, editor_command
from tests.frontends.program import Program
from tests.frontends.prompt_driver import (
    PASTE,
    Prompt,
    confirming,
    input_is,
    prompts_of,
    search_shows,
    suggested,
    type_at_prompt,
)

DATABASE = Path("outputs/.invoke/history.sqlite3")


# -- lines of all sessions --------------------------------------------------------------------------------------------


def test_lines_of_other_sessions_are_suggested_and_searched(program: Program) -> None:
    TypedLines(program.folder / DATABASE).remember("a red boat -s2 -S1", "a green boat -s3 -S2", "# boat")
    type_at_prompt(
        "a r",
        suggested,
        "\x1b[C\n",
        "\x12",
        lambda prompt: prompt.search.is_active,
        "BOAT gre",
        search_shows(1),
        "\r",
        input_is("a green boat -s3 -S2"),
        "\n",
    )
    assert prompts_of(program) == ["a red boat", "a green boat"]


def test_a_cancelled_search_keeps_the_typed_line(program: Program) -> None:
    TypedLines(program.folder / DATABASE).remember("a red boat -s2 -S1")
    type_at_prompt("a boat -s2", "\x12", search_shows(1), "\x1b[B", "\x03", input_is("a boat -s2"), " -S5\n")
    assert prompts_of(program) == ["a boat"]


def test_the_latest_of_many_lines_is_suggested(tmp_path: Path) -> None:
    lines = TypedLines(tmp_path / "history.sqlite3")
    lines.remember(*(f"a castle on hill number {number} -s30" for number in range(5_000)))
    assert lines.find_by_start("a castle") == "a castle on hill number 4999 -s30"
    assert lines.find_by_start("nobody typed this") is None
    matches = [line for line, _ in lines.find_containing("hill 777 castle", 100)]
    assert matches == [f"a castle on hill number {number} -s30" for number in (4777, 3777, 2777, 1777, 777)]
    lines.forget()
    assert lines.recent(9) == [] and lines.find_by_start("a castle") is None


# -- several lines at once --------------------------------------------------------------------------------------------


def test_a_pasted_batch_is_confirmed_once(program: Program) -> None:
    batch = PASTE.format("a cat -s2 -S1\r\n# no\r\n\r\na dog -s2 -S2\r\na bird -s2 -S3\r\n")
    type_at_prompt(batch, confirming, "n", input_is(""), batch, confirming, "x", "y")
    assert prompts_of(program) == ["a cat", "a dog", "a bird"]
    assert TypedLines(program.folder / DATABASE).recent(2)[1] == "a bird -s2 -S3"


def test_one_pasted_line_is_inserted(program: Program) -> None:
    type_at_prompt("a ", PASTE.format("cat -s2 -S1\n"), " -W 72\n")
    assert prompts_of(program) == ["a cat"]


def test_the_confirmation_shows_invalid_lines() -> None:
    question = Question(lines=tuple(content_lines("a\nb -s 0\n# c\n!help\nd\ne\nf\n")))
    assert question.text == "run 6 lines? [Y/n/edit] "
    assert "… and 2 more" in question.excerpt and "1 invalid: line 2: -s takes" in question.excerpt
    assert Question(lines=("a", "b")).text == "generate images from 2 lines? [Y/n/edit] "


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An editor that appends a line to its file."""
    script = tmp_path / "my editor"
    script.write_text('#!/bin/sh\necho "a dog -s2 -S9" >> "$1"\n', encoding="utf-8")
    script.chmod(0o755)
    monkeypatch.setenv("VISUAL", f"'{script}'")
    return script


def test_the_line_can_be_edited_in_the_editor(program: Program, editor: Path) -> None:
    type_at_prompt("a cat -s2 -S1", "\x18\x05", confirming, "y")
    assert prompts_of(program) == ["a cat", "a dog"]


def test_a_batch_is_confirmed_again_when_the_editor_fails(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    script, opened = program.folder / "failing", program.folder / "opened"
    script.write_text(f"#!/bin/sh\nuntil test -e '{opened}'; do sleep .05; done\nexit 1\n", encoding="utf-8")
    script.chmod(0o755)
    monkeypatch.setenv("VISUAL", f"'{script}'")

    def confirming_again(prompt: Prompt) -> bool:
        if not confirming(prompt):
            opened.touch()
        return opened.exists() and confirming(prompt)

    screen = type_at_prompt(PASTE.format("a cat -s2 -S1\na dog -s2 -S2\n"), confirming, "e", confirming_again, "y")
    assert "failing exited with status 1" in screen and prompts_of(program) == ["a cat", "a dog"]


def test_prefilled_lines_that_arrive_together_are_all_kept(program: Program) -> None:
    def both_arrive(prompt: Prompt) -> bool:
        if prompt.has_started:
            prompt.external_input.prefill(Prefill(line="a cat -s2 -S1"))
            prompt.external_input.prefill(Prefill(line="a dog -s2 -S2"))
        return prompt.has_started

    screen = type_at_prompt(both_arrive, input_is("a cat -s2 -S1"), "\n")
    assert prompts_of(program) == ["a cat"] and "a dog -s2 -S2" in screen


def test_edit_is_a_command(program: Program, editor: Path) -> None:
    result = program("!edit a cat -s2")
    assert result.lines == ["a cat -s2"]
    assert program("!edit").status == 1  # no line was typed yet
    program("a fox -s2 -S4")
    assert program("!edit 1").lines[0].startswith("a fox -s 2 -S 4")


def test_a_missing_editor_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(CommandError, match="no editor found"):
        editor_command({})
    with pytest.raises(CommandError, match="no such editor: joe"):
        editor_command({"VISUAL": "", "EDITOR": "joe -x"})
    with pytest.raises(CommandError, match="no such editor: nano 'x"):
        editor_command({"EDITOR": "nano 'x"})


def test_an_editor_that_deletes_its_file_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISUAL", "rm")
    with pytest.raises(CommandError, match="rm removed the file"):
        edit_text("a cat")
