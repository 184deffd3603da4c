"""The README says what the tables say, and its examples run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from invoke_cli.context.outcome import Outcome
from tests.frontends.program import Program
from tests.guards.tables import tables
from tests.session_harness import SessionHarness

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", tables())
def test_the_tables_are_the_program_s_own(name: str) -> None:
    assert tables()[name] in README, "python -m tests.guards.tables writes them"


def test_the_readme_is_short_but_for_its_tables() -> None:
    assert sum(not line.startswith("|") for line in README.splitlines()) <= 200


def test_the_lines_run(real_session: SessionHarness, sketch: Path) -> None:
    lines = re.findall(r"^invoke> (.*)$", "".join(body for _, body in BLOCKS), flags=re.MULTILINE)
    assert len(lines) > 8
    for line in lines:
        assert real_session.run(line) is Outcome.OK, (line, real_session.errors)


def test_what_is_typed_into_a_shell_runs(program: Program) -> None:
    (program.folder / "prompts.txt").write_text("# two\na cat\na dog -s5\n", encoding="utf-8")
    commands = re.findall(r"^\$ invoke (.*)$", "".join(body for _, body in BLOCKS), flags=re.MULTILINE)
    assert len(commands) > 4
    for command in commands:
        result = program(*shlex.split(command, comments=True))
        assert result.status == 0, (command, result.err)
    assert (program.folder / "cat.png").is_file()


def test_the_python_example_runs(program: Program, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = (body for language, body in BLOCKS if language == "python")
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out.count("outputs") == 3


def test_the_model_entry_is_understood(program: Program, tiny_model: Path) -> None:
    (entry,) = (body for language, body in BLOCKS if language == "yaml")
    models = program.folder / "root" / "configs" / "models.yaml"
    models.write_text(
        entry.replace("~/models/sd15", str(tiny_model)).replace("~/models/vae-ft-mse", f"{tiny_model}/vae"),
        encoding="utf-8",
    )
    result = program("a cat", "--dry_run")
    assert result.status == 0 and b"512" in result.out and b"sd15" in result.out


def test_both_commands_use_the_pinned_versions() -> None:
    commands = [body for _, body in BLOCKS if body.startswith("python3 -m venv")]
    assert len(commands) == 2 and all("-c constraints.txt" in command for command in commands)
