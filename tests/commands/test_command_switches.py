"""Switches of commands: those in the row of a command are parsed as in a line, all others are errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from invoke_cli.commands.table import all_commands
from invoke_cli.context.outcome import Outcome
from tests.session_harness import SessionHarness


def _numbers(harness: SessionHarness, line: str) -> list[int]:
    assert harness.run(line) is Outcome.OK, harness.errors
    return [int(text[1 : text.index("]")]) for text in harness.messages.splitlines() if text.startswith("[")]


@pytest.mark.feature("history")
def test_conditions_of_the_history_are_spelt_like_switches(harness: SessionHarness) -> None:
    harness.draw("a cat -s2 -S1")
    harness.draw("a dog -s4 -S2")
    for line in (
        "!history -s4",
        "!history -s 4",
        "!search --steps=4",
        "!search --step 4",
        "!search dog -S2",
        "!history 1",
    ):
        assert _numbers(harness, line) == [2], line
    harness.draw('"a sign that says \\-o" -s3 -S3')
    assert _numbers(harness, '!search "-o"') == [3]  # in quotes it is a word of the prompt
    assert _numbers(harness, "!search -s2 -S 1") == [1]


@pytest.mark.parametrize("command", ["history", "search", "gallery"])
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("-o elsewhere", "-o is not recorded in the history"),
        ("--outdir=elsewhere", "--outdir= is not recorded"),
        ("-g", "-g is not recorded"),
        ("--strenth .5", "unknown switch: --strenth"),
        ("--strenth>.5", "unknown switch: --strenth>.5"),
        ("-s", "needs a value"),
        ("--seed --steps 4", "needs a value"),
        ("--no_seamless", "not recorded"),
    ],
)
def test_switches_that_are_no_conditions_are_errors(
    harness: SessionHarness, command: str, words: str, message: str
) -> None:
    harness.draw("a cat -s2")
    assert harness.run(f"!{command} {words}") is Outcome.FAILED
    assert message in harness.errors[0]


def test_each_command_rejects_switches_that_it_does_not_have(harness: SessionHarness) -> None:
    harness.draw("a cat -s2 -S1")
    commands = [command for command in all_commands() if command.switches is not None]
    assert len(commands) > 15
    for command in commands:
        for switch in ("-o", "--outdir=elsewhere", "-x", "--zipped"):
            assert harness.run(f"!{command.name} 1 {switch} elsewhere") is Outcome.FAILED
            assert harness.errors[0] == f"!{command.name} has no switch {switch.split('=')[0]}"
    assert not Path("elsewhere").exists()


def test_declared_switches_are_abbreviated_repeated_and_quoted_as_in_a_line(harness: SessionHarness) -> None:
    harness.draw("a cat -s2 -S1")
    assert harness.run("!save 1 copies --fn={seed}.png --fnformat one-{seed}.png") is Outcome.OK
    assert [path.name for path in Path("copies").iterdir()] == ["one-1.png"]
    assert harness.run('!save 1 "--copies" --z') is Outcome.OK and Path("--copies.zip").is_file()
    for line, message in (
        ("!save 1 more --zip=yes", "--zip takes no value"),
        ("!save 1 more --fnformat", "--fnformat needs a value"),
        ("!save 1 more --fnformat --zip", "--fnformat needs a value"),
        ("!save 1 more --zipp", "!save has no switch --zipp"),
    ):
        assert harness.run(line) is Outcome.FAILED and harness.errors == [message]
    assert not Path("more").exists() and not Path("more.zip").exists()
    assert harness.run("!replay 1 --dry-run") is Outcome.OK and not harness.saved


@pytest.mark.parametrize("quote", ['"', "'"])
def test_quoted_images_may_begin_with_a_dash(harness: SessionHarness, quote: str) -> None:
    (image,) = harness.draw("a cat -s2 -S1")
    image.rename("-o.png")
    assert harness.run(f"!info {quote}-o.png{quote}") is Outcome.OK
    assert harness.run("!info ./-o.png") is Outcome.OK
    assert harness.run("!info -o.png") is Outcome.FAILED
