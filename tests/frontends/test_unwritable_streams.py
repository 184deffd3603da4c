"""Standard streams that cannot be written: progress is dropped, a lost result is an error."""

from __future__ import annotations

import shlex
import subprocess
import sys
from io import TextIOWrapper
from pathlib import Path

import pytest
from PIL import Image

from invoke_cli.console.standard_streams import BestEffortStream, ClosedStream

FULL = Path("/dev/full")
pytestmark = pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")


def run(line: str, tmp_path: Path, *, full: str) -> int:
    """Run the program with one of its streams on a full device; return the exit status."""
    with FULL.open("w", encoding="utf-8") as device:
        out, err = (device if full == name else subprocess.DEVNULL for name in ("stdout", "stderr"))
        command = [sys.executable, "-m", "invoke_cli", "--root", str(tmp_path / "root"), line]
        return subprocess.run(
            command, cwd=tmp_path, check=False, stdin=subprocess.DEVNULL, stdout=out, stderr=err
        ).returncode


def test_progress_that_cannot_be_written_changes_no_exit_status(tmp_path: Path) -> None:
    assert run("!models", tmp_path, full="stderr") == 0
    assert run("a cat --nonsense", tmp_path, full="stderr") == 2


def test_results_that_cannot_be_written_are_an_error(tmp_path: Path) -> None:
    assert run("!models", tmp_path, full="stdout") == 1


def test_a_best_effort_stream_drops_what_fails_and_continues() -> None:
    binary = FULL.open("wb", buffering=0)
    stream = BestEffortStream(binary, "utf-8", write_through=True)
    assert isinstance(stream, TextIOWrapper)
    for _ in range(3):
        assert stream.write("step 1") == 6
        stream.flush()
    stream.close()


@pytest.mark.slow
@pytest.mark.parametrize("redirection", [">&-", "> /dev/full"])
def test_an_image_whose_result_line_cannot_be_written_is_kept(
    redirection: str, tmp_path: Path, tiny_model: Path
) -> None:
    configs = tmp_path / "root" / "configs"
    configs.mkdir(parents=True)
    (configs / "models.yaml").write_text(f"tiny:\n  path: {tiny_model}\n  default: true\n", encoding="utf-8")
    command = shlex.join([sys.executable, "-m", "invoke_cli", "--root", str(tmp_path / "root"), "a cat", "-s2", "-S7"])
    done = subprocess.run(
        f"{command} {redirection}", shell=True, cwd=tmp_path, check=False, stdin=subprocess.DEVNULL, capture_output=True
    )
    assert done.returncode == 1 and b"error: cannot write to standard output" in done.stderr
    with Image.open(tmp_path / "outputs" / "000001.7.png") as image:
        image.load()


def test_a_closed_standard_output_is_an_error_and_no_other_file_gets_its_number(tmp_path: Path) -> None:
    command = shlex.join([sys.executable, "-m", "invoke_cli", "--root", str(tmp_path / "root"), "!models"])
    done = subprocess.run(
        f"{command} >&-", shell=True, cwd=tmp_path, check=False, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert done.returncode == 1 and b"cannot write to standard output" in done.stderr


def test_a_closed_stream_fails_in_text_and_in_bytes() -> None:
    stream = ClosedStream()
    with pytest.raises(OSError, match="closed"):
        stream.write("17")
    with pytest.raises(OSError, match="closed"):
        stream.buffer.write(b"17")
    stream.flush()
