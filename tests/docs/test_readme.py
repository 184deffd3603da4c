"""The README is short, and its examples run."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from invoke_cli.context.outcome import Outcome
from tests.docs.pages import README, blocks, prompt_lines, shell_commands
from tests.frontends.program import Program
from tests.session_harness import SessionHarness


def test_the_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 145


def test_lines_at_the_prompt_run(real_session: SessionHarness, sketch: Path) -> None:
    lines = prompt_lines(README)
    assert len(lines) > 8
    for line in lines:
        assert real_session.run(line) is Outcome.OK, (line, real_session.errors)


def test_shell_commands_run(program: Program) -> None:
    (program.folder / "prompts.txt").write_text("# two\na cat\na dog -s5\n", encoding="utf-8")
    commands = shell_commands(README)
    assert len(commands) > 4
    for command in commands:
        result = program(*shlex.split(command, comments=True))
        assert result.status == 0, (command, result.err)
    assert (program.folder / "cat.png").is_file()


def test_the_python_example_runs(program: Program, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = (body for language, body in blocks(README) if language == "python")
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out.count("outputs") == 3


def test_both_setup_commands_use_the_pinned_versions() -> None:
    commands = [body for _, body in blocks(README) if body.startswith("python3 -m venv")]
    assert len(commands) == 2 and all("-c constraints.txt" in command for command in commands)
    assert commands[1].endswith("python -m pytest\n")
