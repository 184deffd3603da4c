"""The prompt, in this process with keys from a pipe, and as a process on a terminal of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pyte
import pytest

from invoke_cli.engine import Hooks, Model
from invoke_cli.output.typed_lines import TypedLines
from invoke_cli.repl import loop
from invoke_cli.repl.completer import fragments
from invoke_cli.repl.worker import Worker
from invoke_cli.request import GenerationRequest
from tests.fake_engine import FakeEngine
from tests.frontends.program import Program, keys


@pytest.mark.feature("prompt")
def test_lines_run_and_are_remembered_for_the_next_session(program: Program) -> None:
    with keys() as (pipe, _):
        pipe.send_text("a cat -s2 -S1\na secret -s2 -S2 --private\n# remark\nq\n")
        assert loop.open_prompt({}, GenerationRequest()) == 0
    assert [path.name for path in program.images] == ["000001.1.png", "000002.2.png"]
    kept = TypedLines(Path("outputs/.invoke/history.sqlite3")).recent(9)
    assert "a cat -s2 -S1" in kept and not any("secret" in line for line in kept)
    with keys() as (pipe, _):
        pipe.send_text("\x1b[A\x1b[A\x1b[A -W 72\nq\n")  # up past `q` and the comment
        loop.open_prompt({}, GenerationRequest())
    assert len(program.images) == 3


@pytest.mark.parametrize("quitting", ["q\n", "quit\n", "exit\n", "\x04"])
def test_every_way_to_quit_finishes_the_queue(program: Program, quitting: str) -> None:
    with keys() as (pipe, _):
        pipe.send_text(f"a cat -s2 -S1\na dog -s2 -S2\n{quitting}")
        loop.open_prompt({}, GenerationRequest())
    assert len(program.images) == 2


def test_pasted_lines_run_as_a_batch(program: Program) -> None:
    with keys() as (pipe, _):
        pipe.send_text("\x1b[200~a cat -s2 -S1\na dog -s2 -S2\x1b[201~\nq\n")
        loop.open_prompt({}, GenerationRequest())
    assert len(program.images) == 2


def test_switches_at_launch_are_session_defaults(program: Program) -> None:
    with keys() as (pipe, _):
        pipe.send_text("a cat -S1\nq\n")
        loop.open_prompt({}, GenerationRequest(num_inference_steps=7))
    assert b"-s 7 -S 1" in program.images[0].read_bytes()


@pytest.mark.feature("one-shot")
def test_a_client_uses_the_engine_of_the_open_prompt(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as runtime, keys() as (pipe, screen):
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        finished: list[subprocess.CompletedProcess[str]] = []

        def call() -> None:
            while not list(Path(runtime).glob("invoke/*")):
                time.sleep(0.02)
            command = [sys.executable, "-m", "invoke_cli", "a cat", "-s2", "-S1"]
            finished.append(subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL))
            pipe.send_text("a dog -S2\nq\n")

        client = threading.Thread(target=call)
        client.start()
        pipe.send_text("!set -s 3 -W 128\n")
        loop.open_prompt({}, GenerationRequest())
        client.join()
        assert list(Path(runtime).glob("invoke/*")) == []
    (done,) = finished
    assert done.stdout.startswith("[1] outputs/000001.1.png: a cat -s 2 -S 1 -W 64"), done.stderr
    assert b"-s 3 -S 2 -W 128" in program.images[1].read_bytes()
    assert program.engine is not None and len(program.engine.jobs) == 2
    assert "000001.1.png" not in screen.getvalue()


def test_commands_without_a_model_do_not_wait_for_loading(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded, waited = threading.Event(), list[bool]()
    load = FakeEngine.load

    def load_late(engine: FakeEngine, model: Model, hooks: Hooks) -> None:
        assert loaded.wait(20)
        load(engine, model, hooks)

    monkeypatch.setattr(FakeEngine, "load", load_late)
    with keys() as (pipe, screen):

        def type_on() -> None:
            deadline = time.monotonic() + 60
            while "registry" not in screen.getvalue() and time.monotonic() < deadline:
                time.sleep(0.02)
            waited.append("registry" in screen.getvalue() and not program.images)
            loaded.set()
            pipe.send_text("q\n")

        typist = threading.Thread(target=type_on)
        typist.start()
        pipe.send_text("!set -s 3\n!show\na cat -S1\n")
        loop.open_prompt({}, GenerationRequest())
        typist.join()
    assert waited == [True]
    assert b"-s 3 -S 1" in program.images[0].read_bytes()


def test_tokens_of_the_line_are_coloured() -> None:
    styles = [style for style, *_ in fragments("cat -s 0 # no")]
    assert styles[0] == "" and styles[4] == "class:switch" and styles[7] == "class:error"
    assert "class:comment" in [style for style, *_ in fragments("cat -s 5 # yes")]
    assert [style for style, *_ in fragments("!fetch x")][:2] == ["class:command"] * 2
    for text in ("", "   ", '"', "\\", "! ", "a\x00b", "🦊 -"):
        assert "".join(char for _, char, *_ in fragments(text)) == text


def test_the_worker_can_clear_its_queue() -> None:
    done: list[object] = []
    gate = threading.Event()

    def run(work: object) -> None:
        gate.wait(10)
        done.append(work)

    worker = Worker(lambda: run, lambda: None)
    worker.start()
    for line in ("one", "two", "three"):
        worker.submit(line)
    while worker.waiting != ["two", "three"]:
        time.sleep(0.01)
    assert worker.running and worker.drop_waiting() == ["two", "three"]
    gate.set()
    worker.finish()
    assert done == ["one"]


# -- a real terminal --------------------------------------------------------------------------------------------------


class Terminal:
    """The program on a terminal of 100 x 30, with its screen as a user sees it."""

    def __init__(self, folder: Path, root: Path) -> None:
        environment = {**os.environ, "INVOKE_ROOT": str(root), "TERM": "xterm-256color"}
        self.child = pexpect.spawn(
            sys.executable, ["-m", "invoke_cli"], cwd=folder, env=environment, dimensions=(30, 100), timeout=1
        )
        self.screen = pyte.Screen(100, 30)
        self.screen.write_process_input = self.child.send  # answers to the program's cursor position queries
        self.stream = pyte.ByteStream(self.screen)

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display)

    def until(self, condition: Callable[[str], bool], seconds: float = 120) -> str:
        deadline = time.monotonic() + seconds
        while not condition(self.text):
            assert time.monotonic() < deadline, self.text
            self._read()
        return self.text

    def type(self, text: str) -> None:
        self.child.send(text)

    def _read(self) -> None:
        try:
            self.stream.feed(self.child.read_nonblocking(65536, timeout=0.1))
        except pexpect.TIMEOUT:
            pass
        except pexpect.EOF:
            time.sleep(0.05)


@pytest.fixture
def terminal(tmp_path: Path, tiny_model: Path) -> Iterator[Terminal]:
    configs = tmp_path / "root" / "configs"
    configs.mkdir(parents=True)
    (configs / "models.yaml").write_text(f"tiny:\n  path: {tiny_model}\n  default: true\n", encoding="utf-8")
    terminal = Terminal(tmp_path, tmp_path / "root")
    yield terminal
    terminal.child.close(force=True)


def test_a_session_on_a_terminal_completes_stops_fetches_and_quits(terminal: Terminal, tmp_path: Path) -> None:
    screen = terminal.until(lambda text: "!help for help" in text and "tiny  |  64x64  |  30 steps  |  k_lms" in text)
    assert "!help for help" in screen and "invoke>" in screen
    terminal.type("a cat -A k_eu")
    assert "k_euler_a" in terminal.until(lambda text: "Euler a" in text)
    terminal.type("\x03")
    terminal.until(lambda text: "loaded tiny" in text)
    terminal.type("\x15a cat -s400 -S5 -W 256 -H 256\r")
    screen = terminal.until(lambda text: "it/s" in text)
    assert "step" in screen and "of 400" in screen and "left" in screen
    terminal.type("a dog -s2 -S6\r")
    screen = terminal.until(lambda text: "waiting: a dog -s2 -S6" in text)
    assert screen.count("of 400") == 1  # entering the line left no progress bar behind
    terminal.type("\x03")
    terminal.until(lambda text: "\nstopped\n" in text and "000001.6.png" in text)
    terminal.type("!fetch @last\r")
    screen = terminal.until(lambda text: "invoke> a dog -s 2 -S 6 -W 64" in text)
    terminal.type("\x15bad -s 0\r")
    screen = terminal.until(lambda text: "-s takes a whole number" in text)
    assert "  bad -s 0\n         ^" in screen
    terminal.type("q\r")
    terminal.child.expect(pexpect.EOF, timeout=60)
    terminal.child.close()
    assert terminal.child.exitstatus == 0
    assert [path.name for path in sorted((tmp_path / "outputs").glob("*.png"))] == ["000001.6.png"]


def test_the_loop_has_no_mutable_module_state() -> None:
    names: list[Any] = [
        value for name, value in vars(loop).items() if isinstance(value, (list, dict, set)) and name[0] != "_"
    ]
    assert names == []
