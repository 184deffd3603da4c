"""The opener of input files: which files it reads, and its limits."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from invoke_cli.batch import numbered_lines
from invoke_cli.context.outcome import Outcome
from invoke_cli.errors import ConfigError, InvokeError, LineError
from invoke_cli.input_files import (
    INPUT_KINDS,
    MAX_LINE,
    InputKind,
    UnsuitableFile,
    open_input,
    read_input,
    read_input_text,
)
from invoke_cli.models.files.folder import read_json
from invoke_cli.models.files.gguf import read_gguf
from tests.session_harness import SessionHarness

SMALL = InputKind(name="note", max_bytes=100, seconds=5)


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "waiting.png"
    os.mkfifo(path)
    return path


@pytest.fixture
def device_link(tmp_path: Path) -> Path:
    path = tmp_path / "endless.png"
    path.symlink_to("/dev/zero")
    return path


@pytest.fixture(params=["fifo", "device_link"])
def unsuitable(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file that is not read, and whose opening would not return or whose content does not end."""
    yield request.getfixturevalue(request.param)


@pytest.mark.feature("input-limits")
@pytest.mark.parametrize("kind", INPUT_KINDS, ids=lambda kind: kind.name)
def test_no_kind_reads_devices_and_named_pipes(kind: InputKind, unsuitable: Path) -> None:
    with pytest.raises(UnsuitableFile, match="not a regular file"):
        read_input(unsuitable, kind)


def test_limits_of_size_and_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    path.write_bytes(b"x" * 101)
    with pytest.raises(UnsuitableFile, match="larger than"):
        read_input(path, SMALL)
    path.write_bytes(b"a\r\nb\rc\n")
    assert read_input_text(path, SMALL) == "a\nb\nc\n"
    with pytest.raises(IsADirectoryError):
        open_input(tmp_path, SMALL)


def test_a_file_without_a_size_is_bounded_by_what_it_returns(tmp_path: Path) -> None:
    described = Path("/proc/self/smaps")
    assert stat.S_ISREG(described.stat().st_mode) and described.stat().st_size == 0
    with pytest.raises(UnsuitableFile, match="larger than"):
        read_input(described, SMALL)


def test_reading_a_silent_pipe_can_be_stopped() -> None:
    read, write = os.pipe()
    stopped = threading.Event()
    threading.Timer(0.3, stopped.set).start()

    def check() -> None:
        if stopped.is_set():
            raise LineError("stopped")

    started = time.monotonic()
    with pytest.raises(LineError, match="stopped"):
        read_input(Path(f"/dev/fd/{read}"), INPUT_KINDS[0], check)
    assert time.monotonic() - started < 30
    os.close(read)
    os.close(write)


COMMANDS = ("!replay {}", "!info {}", "!verify {}", "!fetch {}", "!show {}", "!strip {}", "!fix {} -U2",
            "a cat -I {}", "a cat -I sketch.png -M {}", "!compare {} {}")  # fmt: skip


@pytest.mark.usefixtures("sketch")
@pytest.mark.parametrize("command", COMMANDS)
def test_commands_report_files_that_cannot_be_read(
    fake_session: SessionHarness, command: str, unsuitable: Path
) -> None:
    for path in (unsuitable, Path("/proc/self/mem"), Path("/dev/tty")):
        assert fake_session.run(command.replace("{}", str(path))) is not Outcome.OK
        assert fake_session.errors and not [error for error in fake_session.errors if "internal" in error]


def test_a_batch_reads_no_device_and_no_endless_line(tmp_path: Path, unsuitable: Path) -> None:
    with pytest.raises(ConfigError, match="not a regular file"):
        list(numbered_lines(str(unsuitable)))
    path = tmp_path / "lines.txt"
    path.write_text(f"a cat\n{'x' * (2 * MAX_LINE)}\na dog\n", encoding="utf-8")
    (_, first), (number, second) = numbered_lines(str(path))
    assert (first, number) == ("a cat", 2)
    assert isinstance(second, LineError) and "too long" in second.message


def test_a_batch_waits_for_the_lines_of_a_pipe() -> None:
    read, write = os.pipe()

    def send() -> None:
        for part in (b"a cat\na ", b"dog\n"):
            time.sleep(0.2)
            os.write(write, part)
        os.close(write)

    sender = threading.Thread(target=send)
    sender.start()
    assert [line for _, line in numbered_lines(f"/dev/fd/{read}")] == ["a cat", "a dog"]
    sender.join()
    os.close(read)


def test_readers_of_models_and_configurations_use_it(fake_session: SessionHarness, unsuitable: Path) -> None:
    with pytest.raises(InvokeError):
        read_json(unsuitable, "download it again")
    assert read_gguf(unsuitable) is None
    lists = fake_session.session.context.settings.paths.root / "wildcards"
    lists.mkdir()
    (lists / "animals.txt").symlink_to(unsuitable)
    assert fake_session.run("a {__animals__} -s1") is not Outcome.OK
    assert "internal" not in fake_session.errors[-1]
