"""Commands typed without their `!` are asked about at the prompt, and named in a notice elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from invoke_cli.commands.unmarked import unmarked_command
from tests.frontends.program import Program
from tests.frontends.prompt_driver import confirming, input_is, prompts_of, type_at_prompt


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("help", "!help"),
        ("?", "!help"),
        ("  Help! ", "!help"),
        ("help strength", "!help strength"),
        (":wq", "q"),
        ("exit()", "q"),
        ("Quit the program", "q"),
        ("ls", "!history"),
        ("history 5", "!history 5"),
        ("models", "!models"),
        ("17", "!17"),
        ("invoke> mem", "!mem"),
    ],
)
def test_a_command_without_its_mark_is_recognised(typed: str, line: str) -> None:
    found = unmarked_command(typed)
    assert found is not None and found.line == line and line in found.notice


def test_other_lines_are_prompts() -> None:
    """Words that are pictures as well as commands, more words, quotes, switches and real commands."""
    lines: tuple[str, ...] = (
        "tree",
        "mask",
        "ladder",
        "help me",
        "exit sign",
        "a cat",
        "17 cats",
        '"help"',
        "!help",
        "q",
        "exit",
    )
    lines += ("help -s 5", "", "# help", "cat", "١٧", "history of rome")
    assert [line for line in lines if unmarked_command(line) is not None] == []


@pytest.mark.feature("unmarked-commands")
def test_the_prompt_asks_and_runs_the_command_with_enter(program: Program) -> None:
    screen = type_at_prompt("models\n", confirming, "\n", "mem\n", confirming, "n", input_is("mem"), "\x15")
    assert "did you mean !models? Enter runs it, n returns; in quotes it is a prompt" in screen
    assert "tiny" in screen.split("did you mean !models", 1)[1]
    assert program.images == []


def test_a_quoted_word_is_generated_without_a_question(program: Program) -> None:
    screen = type_at_prompt('"history" -s2 -S1\n')
    assert len(prompts_of(program)) == 1
    assert "did you mean" not in screen and "used as a prompt" not in screen


def test_quitting_in_other_programs_words_ends_the_session(program: Program) -> None:
    assert "did you mean q?" in type_at_prompt(":q\n", confirming, "y")
    assert program.images == []


def test_a_word_whose_answer_is_a_key_is_not_generated(program: Program) -> None:
    screen = type_at_prompt("clear\n", "stop\n")
    assert "Ctrl-L clears the screen" in screen and "Ctrl-C stops the running line" in screen
    assert program.images == []


def test_in_files_and_pipes_it_stays_a_prompt_with_a_notice(program: Program, tmp_path: Path) -> None:
    result = program(stdin=b"!set -s 2 -S 1\nhistory\n")
    assert result.status == 0 and "history is used as a prompt; for the command, write !history" in result.err
    lines = tmp_path / "lines.txt"
    lines.write_text('"models" -s2 -S3\n', encoding="utf-8")
    assert "used as a prompt" not in program("--from_file", str(lines)).err
    assert len(program.images) == 2


@pytest.mark.feature("unmarked-commands")
@pytest.mark.parametrize(
    ("word", "remedy"),
    [
        ("help", "invoke --help"),
        ("history", "invoke '!history'"),
        ("MODELS", "invoke '!models'"),
        ("ls", "invoke '!history'"),
        ("17", "invoke '!17'"),
    ],
)
def test_a_shell_word_alone_names_the_command_instead(program: Program, word: str, remedy: str) -> None:
    result = program(word)
    assert result.status == 2 and f"{remedy} runs it" in result.err and program.images == []
    assert program(f"{word} ", "-s2", "-S1").status == 0
    assert program(word, "-s2", "-S2").status == 0
    assert len(program.images) == 2


@pytest.mark.parametrize("word", ["clear", "stop", "boat", "helping"])
def test_other_shell_words_are_prompts(program: Program, word: str) -> None:
    assert program("--verbose", word).status == 0 and len(program.images) == 1


# -- a dash for standard input ----------------------------------------------------------------------------------------


def test_a_dash_alone_reads_the_lines_of_standard_input(program: Program) -> None:
    result = program("-o", "made", "-s2", "-", stdin=b"a cat -S1\n# no\na dog -S2\n")
    assert result.status == 0
    assert sorted(path.name for path in (program.folder / "made").glob("*.png")) == ["000001.1.png", "000002.2.png"]


@pytest.mark.parametrize("words", [("-I", "sketch.png", "-"), ("-", "|", "oil painting")])
def test_a_dash_beside_other_work_says_what_it_can_mean(program: Program, words: tuple[str, ...]) -> None:
    result = program(*words, stdin=b"a cat\n")
    assert result.status == 2 and "- is not a prompt" in result.err and "-I - reads an image" in result.err
    assert program.images == []
