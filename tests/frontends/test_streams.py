"""The standard streams: results on one, messages on the other, images through both, and closed streams."""

from __future__ import annotations

import errno
import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from invoke_cli.cli import run
from tests.frontends.program import Program
from tests.sample_images import drawing

if TYPE_CHECKING:
    from typing_extensions import Buffer


@pytest.mark.feature("progress")
def test_without_a_terminal_all_output_is_plain_text(program: Program) -> None:
    result = program(stdin=b"a cat -s3 --preview blocks --trace\nbad -s0\n!help\n!models\n")
    assert b"\x1b" not in result.out and "\x1b" not in result.err and "\r" not in result.err


def test_quiet_keeps_results_and_errors(program: Program) -> None:
    result = program("--quiet", stdin=b"a cat -s2 -S1 -W 100\nbad -s0\n")
    assert len(result.lines) == 1
    assert [line for line in result.err.splitlines() if not line.startswith(" ")] == [
        "error: line 2: -s takes a whole number from 1 to 1000, not 0"
    ]


def test_an_image_is_read_and_written_on_the_standard_streams(program: Program) -> None:
    drawing().save("sketch.png")
    result = program("oil painting", "-I", "-", "-o", "-", "-s4", stdin=Path("sketch.png").read_bytes())
    assert result.status == 0, result.err
    assert result.out.startswith(b"\x89PNG") and result.out.endswith(b"IEND\xaeB`\x82")
    assert "oil painting -s 4" in result.err
    assert not program.images


def test_extra_files_are_rejected_with_standard_output(program: Program) -> None:
    result = program("a cat", "-o", "-", "--strip", "-s2")
    assert result.status == 1 and "--strip cannot write to standard output" in result.err and result.out == b""


class FullDisk(io.BytesIO):
    """A disk without free space, until `full` is reset."""

    full = True

    def write(self, data: Buffer) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)


@pytest.mark.parametrize("line", ["--version", "--json a_cat -s2", "a_cat -s2", "a_cat -s2 -o -"])
def test_a_full_standard_output_is_one_error(program: Program, line: str) -> None:
    disk = FullDisk()
    result = program(*line.split(" "), stdout=disk)
    disk.full = False
    assert result.status == 1
    assert result.err.count(f"error: cannot write to standard output: {os.strerror(errno.ENOSPC)}") == 1
    assert "Traceback" not in result.err and "errors.log" not in result.err


def test_an_image_is_generated_without_standard_output(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert run(["a cat", "-s2"]) == 1 and len(program.images) == 1, "the image is kept, its result line is lost"
    for stream in (sys.stdout, sys.stderr):
        stream.close()
