"""Lines that come to the prompt from elsewhere: other sessions, a search, a pasted batch, the editor, a queue."""

from __future__ import annotations

from pathlib import Path

import pytest

from invoke_cli.errors import CommandError
from invoke_cli.events import Prefill
from invoke_cli.output.typed_lines import TypedLines
from invoke_cli.repl.confirmation import Question, content
from invoke_cli.repl.external_editor import edited, editor_command
from tests.frontends.program import Program
from tests.frontends.prompt_driver import PASTE, Prompt, asked, drawn, found, holds, suggested, typed

DATABASE = Path("outputs/.invoke/history.sqlite3")


# -- lines of all sessions --------------------------------------------------------------------------------------------


def test_lines_of_other_sessions_are_suggested_and_found(program: Program) -> None:
    TypedLines(program.folder / DATABASE).remember("a red boat -s2 -S1", "a green boat -s3 -S2", "# boat")
    typed(
        "a r",
        suggested,
        "\x1b[C\n",
        "\x12",
        lambda prompt: prompt.search.on,
        "BOAT gre",
        found(1),
        "\r",
        holds("a green boat -s3 -S2"),
        "\n",
    )
    assert drawn(program) == ["a red boat", "a green boat"]


def test_a_search_that_is_given_up_leaves_what_was_typed(program: Program) -> None:
    TypedLines(program.folder / DATABASE).remember("a red boat -s2 -S1")
    typed("a boat -s2", "\x12", found(1), "\x1b[B", "\x03", holds("a boat -s2"), " -S5\n")
    assert drawn(program) == ["a boat"]


def test_of_many_lines_the_last_one_is_offered(tmp_path: Path) -> None:
    lines = TypedLines(tmp_path / "history.sqlite3")
    lines.remember(*(f"a castle on hill number {number} -s30" for number in range(5_000)))
    assert lines.beginning_with("a castle") == "a castle on hill number 4999 -s30"
    assert lines.beginning_with("nobody typed this") is None
    found = [line for line, _ in lines.holding("hill 777 castle", 100)]
    assert found == [f"a castle on hill number {number} -s30" for number in (4777, 3777, 2777, 1777, 777)]
    lines.forget()
    assert lines.recent(9) == [] and lines.beginning_with("a castle") is None


# -- several lines at once --------------------------------------------------------------------------------------------


def test_a_pasted_batch_is_asked_about_once(program: Program) -> None:
    batch = PASTE.format("a cat -s2 -S1\r\n# no\r\n\r\na dog -s2 -S2\r\na bird -s2 -S3\r\n")
    typed(batch, asked, "n", holds(""), batch, asked, "x", "y")
    assert drawn(program) == ["a cat", "a dog", "a bird"]
    assert TypedLines(program.folder / DATABASE).recent(2)[1] == "a bird -s2 -S3"


def test_one_pasted_line_is_only_inserted(program: Program) -> None:
    typed("a ", PASTE.format("cat -s2 -S1\n"), " -W 72\n")
    assert drawn(program) == ["a cat"]


def test_the_question_says_what_cannot_be_read() -> None:
    question = Question(lines=tuple(content("a\nb -s 0\n# c\n!help\nd\ne\nf\n")))
    assert question.text == "do 6 lines? [Y/n/edit] "
    assert "… and 2 more" in question.excerpt and "1 cannot be read: line 2: -s takes" in question.excerpt
    assert Question(lines=("a", "b")).text == "draw 2 lines? [Y/n/edit] "


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An editor that puts another line below what it is given."""
    script = tmp_path / "my editor"
    script.write_text('#!/bin/sh\necho "a dog -s2 -S9" >> "$1"\n', encoding="utf-8")
    script.chmod(0o755)
    monkeypatch.setenv("VISUAL", f"'{script}'")
    return script


def test_the_line_goes_through_the_editor(program: Program, editor: Path) -> None:
    typed("a cat -s2 -S1", "\x18\x05", asked, "y")
    assert drawn(program) == ["a cat", "a dog"]


def test_a_batch_is_asked_about_again_when_the_editor_fails(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    script, opened = program.folder / "failing", program.folder / "opened"
    script.write_text(f"#!/bin/sh\nuntil test -e '{opened}'; do sleep .05; done\nexit 1\n", encoding="utf-8")
    script.chmod(0o755)
    monkeypatch.setenv("VISUAL", f"'{script}'")

    def asked_again(prompt: Prompt) -> bool:
        if not asked(prompt):
            opened.touch()
        return opened.exists() and asked(prompt)

    screen = typed(PASTE.format("a cat -s2 -S1\na dog -s2 -S2\n"), asked, "e", asked_again, "y")
    assert "failing ended with status 1" in screen and drawn(program) == ["a cat", "a dog"]


def test_lines_that_come_back_together_are_all_kept(program: Program) -> None:
    def both_come(prompt: Prompt) -> bool:
        if prompt.begun:
            prompt.outside.fill(Prefill(line="a cat -s2 -S1"))
            prompt.outside.fill(Prefill(line="a dog -s2 -S2"))
        return prompt.begun

    screen = typed(both_come, holds("a cat -s2 -S1"), "\n")
    assert drawn(program) == ["a cat"] and "a dog -s2 -S2" in screen


def test_edit_is_a_command_too(program: Program, editor: Path) -> None:
    result = program("!edit a cat -s2")
    assert result.lines == ["a cat -s2"]
    assert program("!edit").status == 1  # nothing was typed or drawn yet
    program("a fox -s2 -S4")
    assert program("!edit 1").lines[0].startswith("a fox -s 2 -S 4")


def test_without_an_editor_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(CommandError, match="no editor is set"):
        editor_command({})
    with pytest.raises(CommandError, match="there is no editor joe"):
        editor_command({"VISUAL": "", "EDITOR": "joe -x"})
    with pytest.raises(CommandError, match="there is no editor nano 'x"):
        editor_command({"EDITOR": "nano 'x"})


def test_an_editor_that_leaves_no_file_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISUAL", "rm")
    with pytest.raises(CommandError, match="rm left no text"):
        edited("a cat")
