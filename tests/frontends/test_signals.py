"""Signals at every stage of a process: while it starts, between lines, at the prompt, and under nohup."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from invoke_cli import signals

if sys.platform == "win32":
    pytest.skip("these are signals of POSIX systems", allow_module_level=True)

import pty
import termios

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Starts the program, and stops in the import of the module that is named first until a signal arrives.
HELD = """
import sys, time, importlib.abc
class Hold(importlib.abc.MetaPathFinder):
    def find_spec(self, name, *_):
        if name == held:
            print("held", flush=True)
            time.sleep(60)
held = sys.argv.pop(1)
sys.meta_path.insert(0, Hold())
from invoke_cli.__main__ import main
main()
"""


def test_an_ignored_hangup_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert signals.ending_signals() == [signal.SIGINT, signal.SIGTERM]
        with signals.ending_signals_handled(lambda *_: None):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_handlers_are_those_of_before_afterwards() -> None:
    before = [signal.getsignal(each) for each in SIGNALS]
    with signals.ending_signals_handled(lambda *_: None):
        assert [signal.getsignal(each) for each in SIGNALS] != before
    assert [signal.getsignal(each) for each in SIGNALS] == before


def held_in(module: str, folder: Path, model: Path, **options: object) -> subprocess.Popen[str]:
    """Start a generation that stops in the import of a module; return when it has stopped there."""
    configs = folder / "root" / "configs"
    configs.mkdir(parents=True)
    (configs / "models.yaml").write_text(f"tiny:\n  path: {model}\n  default: true\n", encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-c", HELD, module, "--root", str(folder / "root"), "a cat", "-s2"],
        cwd=folder, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options,
    )  # type: ignore[call-overload]  # fmt: skip
    assert process.stdout.readline() == "held\n"
    return process  # type: ignore[no-any-return]


@pytest.mark.slow
@pytest.mark.feature("signals")
@pytest.mark.parametrize("module", ["invoke_cli.cli", "invoke_cli.one_shot", "torch"])
@pytest.mark.parametrize("sign", SIGNALS)
def test_a_signal_during_the_start_ends_with_130(
    sign: signal.Signals, module: str, tmp_path: Path, tiny_model: Path
) -> None:
    with held_in(module, tmp_path, tiny_model) as process:
        process.send_signal(sign)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "stopped"


@pytest.mark.slow
def test_nohup_keeps_the_program_alive_without_its_terminal(tmp_path: Path, tiny_model: Path) -> None:
    with held_in(
        "invoke_cli.one_shot", tmp_path, tiny_model, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)
    ) as process:
        process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        assert process.poll() is None
        process.terminate()
        assert process.wait(10) == 130


def is_ready(shown: bytes) -> bool:
    """Return whether the prompt is shown."""
    return b"invoke>" in shown


class Terminal:
    """The prompt on a terminal of its own."""

    def __init__(self, folder: Path, model: Path) -> None:
        configs = folder / "root" / "configs"
        configs.mkdir(parents=True)
        (configs / "models.yaml").write_text(f"tiny:\n  path: {model}\n  default: true\n", encoding="utf-8")
        self.handle, other = pty.openpty()
        termios.tcsetwinsize(other, (24, 80))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "invoke_cli", "--root", str(folder / "root")],
            cwd=folder, stdin=other, stdout=other, stderr=other, start_new_session=True,
            env={**os.environ, "TERM": "xterm"},
        )  # fmt: skip
        os.close(other)
        self.shown = b""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        if self.handle >= 0:
            os.close(self.handle)

    def wait_for(self, is_met: Callable[[bytes], bool], seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        os.set_blocking(self.handle, False)
        while not is_met(self.shown):
            assert time.monotonic() < deadline, self.shown
            with contextlib.suppress(BlockingIOError, OSError):
                self.shown += os.read(self.handle, 65536)
            time.sleep(0.02)

    def status(self, seconds: float) -> int:
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < deadline, "the process still runs"
            with contextlib.suppress(BlockingIOError, OSError):
                self.shown += os.read(self.handle, 65536)
            time.sleep(0.02)
        return self.process.returncode


@pytest.mark.slow
@pytest.mark.feature("signals")
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_prompt_while_its_engine_starts(
    sign: signal.Signals, tmp_path: Path, tiny_model: Path
) -> None:
    with Terminal(tmp_path, tiny_model) as terminal:
        terminal.wait_for(is_ready)
        terminal.process.send_signal(sign)
        assert terminal.status(5) == 130


@pytest.mark.slow
def test_a_terminal_that_is_closed_ends_the_prompt(tmp_path: Path, tiny_model: Path) -> None:
    with Terminal(tmp_path, tiny_model) as terminal:
        terminal.wait_for(is_ready)
        os.close(terminal.handle)
        terminal.handle = -1
        assert terminal.process.wait(10) is not None, "it does not go on without its terminal"


@pytest.mark.slow
def test_ctrl_c_at_the_prompt_ends_nothing(tmp_path: Path, tiny_model: Path) -> None:
    with Terminal(tmp_path, tiny_model) as terminal:
        terminal.wait_for(is_ready)
        terminal.process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        assert terminal.process.poll() is None
        os.write(terminal.handle, b"q\r")
        assert terminal.status(20) == 0
