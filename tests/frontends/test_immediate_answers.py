"""Commands that only report, and errors, are answered at the prompt while a line runs; other lines wait."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from typing import cast

import pytest
from prompt_toolkit.output.plain_text import PlainTextOutput

from invoke_cli.commands.table import COMMANDS
from invoke_cli.engine import Engine, EngineSettings, Hooks, ImageResult, Job
from tests.fake_engine import FakeEngine
from tests.frontends.program import Program
from tests.frontends.prompt_driver import Prompt, input_is, prompts_of, type_at_prompt
from tests.session_harness import SessionHarness


class Gate:
    """Holds the generation of a line whose prompt contains `long` until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.running, self._opened = threading.Event(), threading.Event()
        generate = FakeEngine.generate

        def generate_late(engine: FakeEngine, job: Job, hooks: Hooks) -> Iterator[ImageResult]:
            if "long" in job.plan.prompt.positive:
                self.running.set()
                assert self._opened.wait(60)
            yield from generate(engine, job, hooks)

        monkeypatch.setattr(FakeEngine, "generate", generate_late)

    def is_closed(self, _: Prompt) -> bool:
        """Return whether the line is running."""
        return self.running.is_set()

    def open(self, _: Prompt) -> bool:
        """Let the line end; return True."""
        self._opened.set()
        return True


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    return Gate(monkeypatch)


def printed(text: str) -> Callable[[Prompt], bool]:
    """Return a condition: this text is on the screen."""

    def is_printed(prompt: Prompt) -> bool:
        output = prompt.input.app.output
        return isinstance(output, PlainTextOutput) and text in cast(io.StringIO, output.stdout).getvalue()

    return is_printed


@pytest.mark.feature("answers-at-once")
@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("!history", "000001.1.png"),
        ("!info 1", "sha256"),
        ("!plan a fox -s 7", "--steps      7  (line)"),
        ("!models", "active"),
        ("!show", "registry"),
        ("!help strength", "strength"),
        ("!mem", "fake: used"),
        ("!nothing", "unknown command: !nothing"),
        ("a dog -s 0", "-s takes a whole number"),
        ("a dog -A k_nothing", "no such sampler: k_nothing"),
    ],
)
def test_an_answer_does_not_wait(program: Program, gate: Gate, line: str, answer: str) -> None:
    program("a cat", "-s2", "-S1")
    type_at_prompt("a long one -s2 -S2\n", gate.is_closed, f"{line}\n", printed(answer), gate.open)
    assert len(program.images) == 2


def test_the_line_of_an_image_can_be_edited_meanwhile(program: Program, gate: Gate) -> None:
    program("a cat", "-s2", "-S1")
    edited = input_is("a cat -s 2 -S 1 -W 64 -H 64 -C 7.5 -A k_lms -m tiny")
    type_at_prompt("a long one -s2 -S2\n", gate.is_closed, "!1\n", edited, gate.open, "\n")
    assert prompts_of(program) == ["a cat", "a long one", "a cat"]


@pytest.mark.feature("answers-at-once")
def test_what_changes_something_waits_and_says_so(program: Program, gate: Gate) -> None:
    waits, shown = printed("!set waits for the lines before it"), printed("-s 30")
    lines = ("a long one -s2 -S2\n", gate.is_closed, "!set -s 5\n", waits, "a dog -S3\n", "!show\n", shown, gate.open)
    type_at_prompt(*lines)
    assert b"-s 5 -S 3" in program.images[1].read_bytes()


def test_an_answer_leaves_the_running_line_alone(fake_session: SessionHarness) -> None:
    fake_session.draw("a cat -s2 -S1")
    context = fake_session.session.context
    run, counters, last = context.run, context.counters, context.last_stages
    context.stop()
    assert fake_session.session.answer("!plan a dog -s 9") is not None
    assert context.run == run and context.counters is counters and context.last_stages is last
    with pytest.raises(BaseException, match="stopped"):
        context.check_stopped()


def test_an_answer_opens_no_second_engine(fake_session: SessionHarness) -> None:
    opened: list[object] = []
    context = fake_session.session.context
    opener = context._opener

    def counted(settings: EngineSettings) -> Engine:
        opened.append(settings)
        return opener(settings)

    context._opener = counted
    fake_session.session.answer("!mem")
    fake_session.draw("a cat -s2")
    fake_session.session.answer("!models")
    assert len(opened) == 1 and "loaded" in fake_session.messages


def test_commands_that_only_report_write_nothing(fake_session: SessionHarness) -> None:
    fake_session.draw("a cat -s2 -S1")
    fake_session.draw("a dog -s2 -S2")
    arguments = {"search": "cat", "tree": "1", "diff": "1 2", "info": "1", "plan": "a fox -s3"}
    reporting = [command.name for command in COMMANDS if command.only_reports]
    assert {"history", "help", "models", "show", "info", "plan"} <= set(reporting)

    def state() -> dict[str, bytes]:
        files = (path for path in fake_session.folder.rglob("*") if path.is_file() and "sqlite3" not in path.name)
        return {str(path): path.read_bytes() for path in files}

    before, settings = state(), fake_session.session.context.settings.session_request
    for name in reporting:
        fake_session.session.answer(f"!{name} {arguments.get(name, '')}".strip())
    assert not fake_session.errors and state() == before
    assert fake_session.session.context.settings.session_request == settings
