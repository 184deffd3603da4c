"""One-shot calls that use the engine of an open session: the same results and streams, and none of its state."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from invoke_cli.engine import Engine, Hooks, ImageResult, Job
from invoke_cli.sharing.doors import connections, is_own, kind_of, open_door, own_folder
from invoke_cli.sharing.guests import GuestEngine
from invoke_cli.sharing.link import MAX_LINE, Gone, Link
from invoke_cli.sharing.states import Handles
from invoke_cli.sharing.wire import Packer, Unpacker, WireError
from invoke_cli.workshop.options import SessionOptions
from invoke_cli.workshop.settings import Settings
from tests.conftest import drawing
from tests.doors.open_session import OpenSession
from tests.doors.program import Program
from tests.fake import FakeEngine
from tests.house import House

OpenIt = Callable[..., OpenSession]


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A runtime directory whose name is short enough for sockets."""
    folder = Path(tempfile.mkdtemp())
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def open_session(runtime: Path) -> Iterator[OpenIt]:
    """Opens sessions, and closes them in the end."""
    opened: list[OpenSession] = []

    def open_it(engine: Engine, options: SessionOptions | None = None) -> OpenSession:
        opened.append(OpenSession(engine, options))
        return opened[-1]

    yield open_it
    for session in opened:
        session.close()


# -- the same as without a session -------------------------------------------------------------------------------------

LINES = (
    "a cat -s3 -S1 -n2 -W 64 -H 64",
    "a cat -I sketch.png -f .6 -s4 -S3 --strip --save_latents --save_intermediates 2",
    "a {red|blue} fox -s3 -S4 -V 9:.3 --perlin .1",
    "a castle -s4 -S5 | oil painting -f .5 | (red)1.3 sky [rain] -f .3 -U2",
    "a hill -I sketch.png -c right 32 -s3 -S6 -A ddim",
    "a boat -I sketch.png -M mask.png -f 0 -S7",
    "-I outputs/000001.1.png -f .5,.4 -s4 -S8",
)


def draw_all(house: House, folder: Path) -> dict[str, bytes]:
    """Every picture and every file of latents that the lines leave, by name."""
    os.chdir(folder)
    drawing().save("sketch.png")
    Image.new("L", (96, 64), 255).save("mask.png")
    for line in LINES:
        house.draw(line)
    files = [path for path in sorted(Path("outputs").rglob("*")) if path.suffix in (".png", ".safetensors")]
    return {str(path): path.read_bytes() for path in files}


def test_what_a_visit_makes_is_what_an_own_engine_makes_byte_for_byte(
    tmp_path: Path, tiny_model: Path, real_engine: Engine, open_session: OpenIt, monkeypatch: pytest.MonkeyPatch
) -> None:
    from invoke_cli import session as module
    from invoke_cli.workshop.workshop import Streams

    monkeypatch.chdir(tmp_path)
    for name in ("alone", "warm", "elsewhere"):
        (tmp_path / name).mkdir()
    alone = House(tmp_path, tiny_model, lambda _: real_engine)
    wanted = draw_all(alone, tmp_path / "alone")
    os.chdir(tmp_path / "elsewhere")
    options = SessionOptions(root=str(tmp_path / "root"))
    lent = open_session(real_engine, options)
    monkeypatch.setattr(module, "open_engine", _forbidden)
    warm = House(tmp_path, tiny_model, _forbidden)
    warm.session = module.Session.as_guest(options, emit=warm.events.append, streams=Streams())
    with warm.session:
        assert draw_all(warm, tmp_path / "warm") == wanted
    assert len(wanted) > 15 and not list((tmp_path / "elsewhere").iterdir())
    wait_until(lambda: lent.done == ["visit"])
    assert not lent.events


def _forbidden(_: Any) -> Engine:
    raise AssertionError("an engine was opened beside the session's")


def test_a_caller_imports_no_torch_and_loads_no_weights(
    program: Program, real_engine: Engine, open_session: OpenIt
) -> None:
    session = open_session(real_engine)
    session.session.warm_up()
    assert session.session.workshop.engine.loaded()
    session.events.clear()
    code = "import sys\nfrom invoke_cli.cli import run\nstatus = run(['a cat', '-s8', '-S1'])\n"
    code += "print({'torch', 'diffusers', 'transformers', 'safetensors', 'scipy'} & set(sys.modules), status)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.stdout.splitlines()[1:] == ["set() 0"], done.stderr
    assert done.stdout.startswith("[1] outputs/000001.1.png: a cat -s 8 -S 1") and "loading" not in done.stderr
    assert not session.loadings and len(program.images) == 1


def test_streams_json_and_trace_are_the_callers(program: Program, open_session: OpenIt, sketch: Path) -> None:
    plain = program("a cat -s2 -S1 --no_session")
    assert program.engine is not None
    program.engine = None
    open_session(FakeEngine(program_settings()))
    warm = program("a cat -s2 -S1")
    assert program.engine is None, "the session was not used"
    assert warm.lines == [plain.lines[0].replace("[1]", "[2]").replace("000001", "000002")]
    piped = program("a cat", "-I", "-", "-o", "-", "-s4", "-S1", stdin=sketch.read_bytes())
    assert piped.status == 0 and piped.out[:4] == b"\x89PNG" and program.engine is None
    events = program("a cat -s2 -S1", "--json").events
    assert [event["event"] for event in events] == ["start", "plan", "step", "step", "step", "image", "done"]
    assert "trace: encodes=0" in program("a cat -s2 -S1 --trace").err
    assert program("a cat -s0").status == 2 and program.engine is None


def program_settings() -> Any:
    from invoke_cli.engine import EngineSettings

    return EngineSettings()


# -- whose defaults, whose session -------------------------------------------------------------------------------------


def test_the_callers_defaults_count_and_never_what_the_session_has_set(program: Program, open_session: OpenIt) -> None:
    session = open_session(FakeEngine(program_settings()))
    session.session.run("!set -s 3 -W 128")
    assert " -s 30 " in program("a cat -S1").lines[0]
    (program.folder / "root" / "configs" / "invoke.init").write_text("-s 7\n")
    assert " -s 7 " in program("a cat -S1").lines[0] and " -W 64 " in program("a cat -S1").lines[0]


def test_a_caller_that_wants_something_else_starts_cold(program: Program, open_session: OpenIt) -> None:
    open_session(FakeEngine(program_settings()))
    other = program.folder / "other" / "configs"
    shutil.copytree(program.folder / "root" / "configs", other)
    for words in (
        ["--device", "cpu"],
        ["--precision", "float32"],
        ["--root", "other"],
        ["--config", "other/configs/models.yaml"],
        ["--offline"],
        ["--no_session"],
    ):
        program.engine = None
        assert program("a cat -s2", *words).status == 0
        assert program.engine is not None, words
    program.engine = None
    assert program("a cat -s2").status == 0 and program.engine is None


def test_no_session_counts_behind_a_command(program: Program, open_session: OpenIt) -> None:
    session = open_session(FakeEngine(program_settings()))
    assert program("!dream a cat -s2 --no_session").status == 0
    assert program.engine is not None and not session.done


def test_commands_without_a_picture_and_errors_ask_no_session(program: Program, open_session: OpenIt) -> None:
    session = open_session(FakeEngine(program_settings()))
    assert program("!models").status == 0 and program("a cat --fitt").status == 2
    assert program("a cat -s5 --dry_run").status == 0
    assert not session.done


# -- queues, ends and accidents ----------------------------------------------------------------------------------------


def test_callers_queue_with_each_other_and_with_the_sessions_own_lines(program: Program, open_session: OpenIt) -> None:
    session = open_session(FakeEngine(program_settings()))
    session.gate.clear()
    session.worker.submit("a dog -s2 -o own")
    command = [sys.executable, "-m", "invoke_cli", "a cat", "-s2"]
    callers = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in "ab"]
    wait_until(lambda: len(session.worker.waiting) == 2)
    session.worker.submit("a fox -s2 -o own")
    time.sleep(1.2)
    session.gate.set()
    ends = [caller.communicate(timeout=120) for caller in callers]
    assert [caller.returncode for caller in callers] == [0, 0]
    assert all("waiting for the open session" in err for _, err in ends)
    wait_until(lambda: len(session.done) == 4)
    assert session.done == ["a dog -s2 -o own", "visit", "visit", "a fox -s2 -o own"] and len(program.images) == 2


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Slow(FakeEngine):
    """An engine that takes its time over each image, until it is stopped."""

    ended = ""
    pause = 0.05

    def generate(self, job: Job, hooks: Hooks) -> Iterator[ImageResult]:
        try:
            for result in super().generate(job, hooks):
                time.sleep(self.pause)
                yield result
            self.ended = "done"
        except BaseException as error:
            self.ended = type(error).__name__
            raise


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_a_caller_that_is_stopped_or_killed_ends_its_own_line_alone(
    program: Program, open_session: OpenIt, sign: signal.Signals
) -> None:
    engine = Slow(program_settings())
    session = open_session(engine)
    command = [sys.executable, "-m", "invoke_cli", "a cat", "-s2", "-n2000"]
    caller = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: len(program.images) > 1)
    session.worker.submit("a dog -s2 -o own")
    caller.send_signal(sign)
    _, err = caller.communicate(timeout=30)
    wait_until(lambda: session.done == ["visit", "a dog -s2 -o own"], 30)
    if sign == signal.SIGINT:
        assert caller.returncode == 130 and "stopped; what was finished is kept" in err
    assert len(program.images) < 2000 and len(list(Path("own").glob("*.png"))) == 1


def test_results_that_nobody_takes_are_no_answer_to_the_next_call(
    program: Program, open_session: OpenIt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("invoke_cli.sharing.link.STALLED_SECONDS", 0.1)  # less than an image takes
    engine = Stubborn(program_settings())
    session = open_session(engine)
    guest = GuestEngine(lambda: FakeEngine(program_settings()), kind_of(session.settings))
    hooks = Hooks(emit=lambda _: None)
    assert program("a cat -s2 -n3").status == 0 and guest.find_session(hooks)
    results = iter(guest.generate(engine.jobs[0], hooks))
    next(results)
    results.close()  # type: ignore[attr-defined]  # as when the first one could not be written
    assert guest.loaded() == engine.loaded() and guest.memory() == engine.memory()
    guest.unload()


class Stubborn(FakeEngine):
    """An engine that makes its images one after the other without a look at the wish to stop."""

    def generate(self, job: Job, hooks: Hooks) -> Iterator[ImageResult]:
        for result in super().generate(job, replace(hooks, stopped=lambda: False)):
            time.sleep(0.3)
            yield result


class Dying(FakeEngine):
    """An engine whose process is gone after so many images."""

    alive = 0
    session: OpenSession

    def generate(self, job: Job, hooks: Hooks) -> Iterator[ImageResult]:
        for number, result in enumerate(super().generate(job, hooks)):
            if number == self.alive:
                raise Gone("as if it had been killed")
            yield result


@pytest.mark.parametrize("made", [0, 2])
def test_a_session_that_is_killed_is_replaced_or_told_of_in_one_sentence(
    program: Program, open_session: OpenIt, made: int
) -> None:
    engine = Dying(program_settings())
    engine.alive = made
    open_session(engine)
    result = program("a cat -s2 -S1 -n3")
    if made:
        assert result.status == 1 and "was closed before it was finished" in result.err
        assert len(program.images) == made and program.engine is None
    else:
        assert result.status == 0 and "the open session has gone" in result.err
        assert len(program.images) == 3 and program.engine is not None


def test_what_is_too_large_for_a_message_is_drawn_cold_or_told_of(
    program: Program, open_session: OpenIt, sketch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = open_session(FakeEngine(program_settings()))
    monkeypatch.setattr("invoke_cli.sharing.link.MAX_BLOBS", 5000)  # less than the sketch
    asked = program(f"a cat -s2 -S1 -I {sketch} -f .5")
    assert asked.status == 0 and "cannot be asked for this (too large to be sent)" in asked.err
    assert len(program.images) == 1 and program.engine is not None
    answered = program("a cat -s2 -S1")
    assert answered.status == 1 and "cannot hand its result over: too large" in answered.err
    assert "--no_session" in answered.err and not session.errors


@pytest.mark.parametrize("kind", ["end", "failed", "result", "event"])
def test_an_answer_that_makes_no_sense_is_as_none(program: Program, runtime: Path, kind: str) -> None:
    opened = open_door(kind_of(Settings(SessionOptions())))
    assert opened is not None
    listener = opened[0]

    def answer() -> None:
        connection, _ = listener.accept()
        listener.close()
        link = Link(connection, Handles())
        for kinds in (("welcome", "turn"), (kind,)):
            link.receive()
            for each in kinds:
                link.send(each, tally=("a", None), error=7)
        link.close()

    liar = threading.Thread(target=answer)
    liar.start()
    assert program("a cat -s2").status == 0 and len(program.images) == 1 and program.engine is not None
    liar.join()


def test_a_caller_that_sleeps_is_told_of_and_can_be_let_go(
    program: Program, open_session: OpenIt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("invoke_cli.sharing.visits.SILENT_SECONDS", 0.2)
    monkeypatch.setattr("invoke_cli.sharing.visits.STOPPED_SECONDS", 0.1)
    engine = Slow(program_settings())
    engine.pause = 0.5  # so that the caller is not stopped while it writes
    session = open_session(engine)
    command = [sys.executable, "-m", "invoke_cli", "a cat", "-s2", "-n2000", "-W", "512"]
    caller = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: len(program.images) > 1)
    caller.send_signal(signal.SIGSTOP)
    session.worker.submit("a dog -s2 -o own")
    wait_until(lambda: any("Ctrl-C here lets it go" in str(event) for event in session.events))
    assert session.done == []
    session.visits[0].stop()
    wait_until(lambda: session.done[:1] == ["visit"], 5)
    caller.send_signal(signal.SIGCONT)
    wait_until(lambda: session.done[1:] == ["a dog -s2 -o own"])
    _, err = caller.communicate(timeout=30)
    assert caller.returncode == 1 and "was closed before it was finished" in err


def test_an_error_of_the_engine_is_the_callers_error(program: Program, open_session: OpenIt) -> None:
    from invoke_cli.errors import OutOfMemory

    engine = FakeEngine(program_settings())
    engine.fail_with = OutOfMemory("no room for it", hint="make it smaller", field="width")
    session = open_session(engine)
    result = program("a cat -s2 -W 512")
    assert result.status == 1 and "no room for it" in result.err and "make it smaller" in result.err
    engine.fail_with = RuntimeError("a bug")
    assert program("a cat -s2").status == 0 and program.engine is None, "the session did not live on"
    assert len(session.errors) == 1


# -- who gets in -------------------------------------------------------------------------------------------------------


def test_a_stale_socket_is_removed_and_a_living_one_is_the_users_own(
    program: Program, runtime: Path, open_session: OpenIt
) -> None:
    session = open_session(FakeEngine(program_settings()))
    (path,) = (runtime / "invoke").iterdir()
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700 and stat.S_IMODE(path.stat().st_mode) == 0o600
    stale = path.with_name(f"{kind_of(session.settings)}-1")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(stale))
    listener.close()
    os.utime(path, (0, 0))
    assert program("a cat -s2").status == 0 and program.engine is None
    assert not stale.exists() and path.exists()
    session.door.close()
    assert not path.exists()
    assert program("a cat -s2").status == 0 and program.engine is not None


def test_a_folder_that_others_may_enter_is_not_used(program: Program, runtime: Path) -> None:
    (runtime / "invoke").mkdir(mode=0o755)
    assert own_folder() is None
    (runtime / "invoke").rmdir()
    (runtime / "elsewhere").mkdir(mode=0o700)
    (runtime / "invoke").symlink_to(runtime / "elsewhere")
    assert own_folder() is None and program("a cat -s2").status == 0


def test_another_user_is_not_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert is_own(ours)
        user = os.getuid()
        monkeypatch.setattr(os, "getuid", lambda: user + 1)
        assert not is_own(ours)


@pytest.mark.parametrize(
    "data",
    [
        b"hello\n", b"[]\n", b"{}\n", b'{"kind": 1}\n', b'{"kind": "hello", "said": {}, "blobs": [-1]}\n',
        b'{"kind": "hello", "said": {}, "blobs": [99999999999]}\n', b"[" * 100_000 + b"\n", b"x" * (MAX_LINE + 1),
        b'{"kind": "call", "said": {"a": {"$": "Popen", "args": "id"}}, "blobs": []}\n',
        b'{"kind": "call", "said": {"a": {"$": "image", "mode": "RGB", "size": [9, 9], "blob": 0}}, "blobs": [1]}\nx',
        b'{"kind": "hello", "said": {"program": "other"}, "blobs": []}\n',
    ],
)  # fmt: skip
def test_nonsense_at_the_door_ends_the_visit_and_nothing_else(
    program: Program, open_session: OpenIt, data: bytes
) -> None:
    session = open_session(FakeEngine(program_settings()))
    (connection,) = connections(kind_of(session.settings))
    with connection:
        threading.Thread(target=_push, args=[connection, data], daemon=True).start()
        connection.settimeout(10)
        said = b""
        while piece := _pull(connection):
            said += piece
        assert b"welcome" not in said
    assert program("a cat -s2").status == 0 and program.engine is None


def _push(connection: socket.socket, data: bytes) -> None:
    try:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def _pull(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except ConnectionError:
        return b""


def test_nothing_but_the_engines_own_calls_can_be_asked_for(program: Program, open_session: OpenIt) -> None:
    session = open_session(FakeEngine(program_settings()))
    (connection,) = connections(kind_of(session.settings))
    link = Link(connection, Handles())
    link.send("hello", program=kind_of(session.settings))
    assert [link.receive().kind, link.receive().kind] == ["welcome", "turn"]
    link.send("call", name="unpickle", arguments=(Path("a"), Path("b")), keep=())
    with pytest.raises(Gone):
        link.receive()
    link.close()
    assert program("a cat -s2").status == 0 and program.engine is None


def test_what_is_no_plain_value_does_not_travel() -> None:
    for value in (object(), lambda: None, Hooks(emit=print), sys, {1: object()}):
        with pytest.raises(WireError):
            Packer(states=Handles()).pack(value)
    for data in ({"$": "object"}, {"$": "Session"}, {"$": "Path", "text": "x"}, {"$": None}, {"a": 1}):
        with pytest.raises(WireError):
            Unpacker(states=Handles()).unpack(data)
