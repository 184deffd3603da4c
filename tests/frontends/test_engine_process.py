"""The engine in a process of its own: the same images, a session that survives it, and no process left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from invoke_cli.context.context import Streams
from invoke_cli.context.outcome import Outcome
from invoke_cli.engine import EngineSettings, Hooks
from invoke_cli.errors import ConfigError, Interrupted
from invoke_cli.events import Step
from invoke_cli.metadata.containers.text_chunks import read_chunks
from invoke_cli.server.connection import NotSendable
from invoke_cli.server.handles import Handles
from invoke_cli.server.process_engine import LocalProcess, ProcessEngine, open_process_engine
from tests.sample_images import drawing
from tests.session_harness import SessionHarness, image_facts, pixels

SILENT = Hooks(emit=lambda _: None)
SLOW = "a cat -s 100 -S1 -W 512 -H 512 -A ddim"


class _Viewer:
    def shows(self, kind: str) -> bool:
        return kind != "off"

    def wants(self, kind: str) -> bool:
        return kind != "off"


@pytest.fixture(scope="module")
def process_engine() -> Iterator[ProcessEngine]:
    """One engine for the module; starting it takes seconds."""
    engine = open_process_engine(EngineSettings(device="cpu"), SILENT, lambda: SILENT)
    assert isinstance(engine, ProcessEngine)
    yield engine
    engine.unload()


@pytest.fixture
def process_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_model: Path, process_engine: ProcessEngine
) -> Iterator[SessionHarness]:
    monkeypatch.chdir(tmp_path)
    drawing(64, 64).save("sketch.png")
    harness = SessionHarness(tmp_path, tiny_model, lambda _: process_engine, streams=Streams(viewer=_Viewer()))
    process_engine._line_hooks = harness.session.context.hooks
    yield harness
    harness.session.context.writer.close()


def process_id(harness: SessionHarness) -> int:
    process = cast(ProcessEngine, harness.session.context.engine)._process
    assert isinstance(process, LocalProcess)
    return process._process.pid


def exists(pid: int) -> bool:
    """Return whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(
    "line",
    [
        "a (red)1.4 cat -s3 -S1 -n2",
        "a cat -s3 -S1 -I sketch.png -f .6",
        "a cat -s3 -S1 | oil -f .5 -S2 | ink -f .4 -S3",
        "a cat -s3 -S1 -A k_euler_a --save_intermediates 1 --trace",
        "a cat -s2 -S1 -W 96 -H 64 -U2 --preview auto",
    ],
)
def test_files_equal_those_of_an_engine_in_the_same_process(
    process_session: SessionHarness, real_session: SessionHarness, line: str
) -> None:
    ours = process_session.draw(line)
    found = [(pixels(path), read_chunks(path)["Dream"], image_facts(path)) for path in ours]
    traces, steps = [text for text in process_session.traces if "step" in text], len(process_session.of(Step))
    drawing(64, 64).save("sketch.png")
    theirs = real_session.draw(line)
    assert found == [(pixels(path), read_chunks(path)["Dream"], image_facts(path)) for path in theirs] and steps
    assert traces == [text for text in real_session.traces if "step" in text]


def test_steps_carry_previews_and_earlier_steps_can_be_resumed(process_session: SessionHarness) -> None:
    process_session.draw("a cat -s6 -S1 --save_latents --preview auto")
    assert any(step.preview is not None for step in process_session.of(Step))
    (resumed,) = process_session.draw("a dog -s6 -I @last:4 -S1")
    assert process_session.run(f"!verify {resumed}") is Outcome.OK, process_session.errors


def test_commands_that_use_the_engine_work(process_session: SessionHarness, tmp_path: Path) -> None:
    process_session.draw("a cat -s2 -S1")
    for line in ("!mem", "!check a cat -s2", "a cat -s2 -S1 -t", f"!convert_model tiny {tmp_path / 'copy'}"):
        process_session.run(line)
    assert process_session.run("!mem") is Outcome.OK and "loaded: tiny" in process_session.messages


def test_an_error_in_the_engine_is_one_sentence_with_a_log(process_session: SessionHarness) -> None:
    engine = cast(ProcessEngine, process_session.session.context.engine)
    with pytest.raises(Exception, match="AttributeError") as caught:
        engine._request("estimate", None, None)
    assert "Traceback" in caught.value.__notes__[0] and "diffusers_engine.py" in caught.value.__notes__[0]
    process_session.draw("a cat -s2 -S1")


@pytest.mark.slow
def test_settings_that_cannot_be_had_are_reported() -> None:
    with pytest.raises(ConfigError):
        open_process_engine(EngineSettings(device="nonsense"), SILENT, lambda: SILENT)


def test_a_killed_engine_costs_the_running_line_only(process_session: SessionHarness) -> None:
    (before,) = process_session.draw("a cat -s2 -S1")
    pid = process_id(process_session)

    def kill() -> None:
        wait_until(lambda: len(process_session.of(Step)) > 3)
        os.kill(pid, signal.SIGKILL)

    process_session.events.clear()
    killer = threading.Thread(target=kill)
    killer.start()
    assert process_session.run(SLOW) is Outcome.FAILED
    killer.join()
    (message,) = process_session.errors
    assert message.startswith("the engine's process has ended: it was killed (SIGKILL)")
    (after,) = process_session.draw("a cat -s2 -S1")
    assert pixels(after) == pixels(before) and process_id(process_session) != pid


@pytest.mark.slow
def test_an_engine_killed_while_idle_costs_nothing(process_session: SessionHarness) -> None:
    process_session.draw("a cat -s2 -S1")
    process = cast(ProcessEngine, process_session.session.context.engine)._process
    assert process is not None
    os.kill(process_id(process_session), signal.SIGKILL)
    wait_until(lambda: process.has_ended)
    process_session.draw("a cat -s2 -S1")
    assert any("killed (SIGKILL)" in text for text in process_session.notices)


@pytest.mark.feature("engine-process")
def test_a_stopped_line_ends_within_a_second_and_the_next_one_runs(process_session: SessionHarness) -> None:
    process_session.draw("a cat -s2 -S1")
    stopped: list[float] = []

    def stop() -> None:
        wait_until(lambda: len(process_session.of(Step)) > 2)
        stopped.append(time.monotonic())
        process_session.session.stop()

    process_session.events.clear()
    stopper = threading.Thread(target=stop)
    stopper.start()
    assert process_session.run(SLOW) is Outcome.INTERRUPTED
    assert time.monotonic() - stopped[0] < 1.0
    stopper.join()
    pid = process_id(process_session)
    process_session.draw("a cat -s2 -S1")
    assert process_id(process_session) == pid


def test_a_state_of_an_earlier_process_is_never_taken_for_another() -> None:
    earlier, present = Handles(), Handles()
    old, new = earlier.state_of(1), present.state_of(1)
    assert earlier.number_of(old) == present.number_of(new) == 1
    with pytest.raises(NotSendable, match="in one that has ended"):
        present.number_of(old)


@pytest.mark.slow
def test_waiting_for_the_libraries_can_be_stopped() -> None:
    began = time.monotonic()
    hooks = Hooks(emit=lambda _: None, stopped=lambda: time.monotonic() - began > 0.3)
    with pytest.raises(Interrupted):
        open_process_engine(EngineSettings(device="cpu"), hooks, lambda: SILENT)
    assert time.monotonic() - began < 3.5


SCRIPT = """
import sys, time
from pathlib import Path
from invoke_cli.context.context import Streams
from invoke_cli.context.options import SessionOptions
from invoke_cli.context.settings import Settings
from invoke_cli.session import Session
session = Session.with_process_engine(Settings(SessionOptions(root="root")), emit=lambda _: None, streams=Streams())
session.load_in_background()
outcome = session.run("a cat -s2 -S1 -W 64 -H 64")
heavy = [name for name in ("torch", "transformers", "diffusers") if name in sys.modules]
print(outcome.name, heavy, session.context.engine._process._process.pid, flush=True)
if sys.argv[1] == "stay":
    time.sleep(600)
session.close()
"""


@pytest.mark.parametrize("ending", ["closed", pytest.param("stay", marks=pytest.mark.slow)])
def test_the_sessions_process_never_imports_torch_and_leaves_no_process(
    tmp_path: Path, tiny_model: Path, ending: str
) -> None:
    (tmp_path / "root/configs").mkdir(parents=True)
    (tmp_path / "root/configs/models.yaml").write_text(f"tiny:\n  path: {tiny_model}\n  default: true\n")
    command = [sys.executable, "-c", SCRIPT, ending]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as session:
        assert session.stdout is not None
        answer = session.stdout.readline()
        pid = int(answer.split()[-1])
        if ending == "stay":
            assert exists(pid)
            session.kill()
    assert answer == f"OK [] {pid}\n"
    wait_until(lambda: not exists(pid), 5)


@pytest.mark.slow
def test_modules_of_the_current_folder_are_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("torch.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    engine = open_process_engine(EngineSettings(device="cpu"), SILENT, lambda: SILENT)
    engine.unload()
    assert not (tmp_path / "ran").exists()
