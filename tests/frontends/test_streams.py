"""The standard streams: results on one, words on the other, pictures through both, and what if there are none."""

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


def test_nothing_but_plain_text_leaves_where_there_is_no_terminal(program: Program) -> None:
    result = program(stdin=b"a cat -s3 --preview blocks --trace\nbad -s0\n!help\n!models\n")
    assert b"\x1b" not in result.out and "\x1b" not in result.err and "\r" not in result.err


def test_quiet_keeps_results_and_errors(program: Program) -> None:
    result = program("--quiet", stdin=b"a cat -s2 -S1 -W 100\nbad -s0\n")
    assert len(result.lines) == 1
    assert [line for line in result.err.splitlines() if not line.startswith(" ")] == [
        "error: line 2: -s takes a whole number from 1 to 1000, not 0"
    ]


def test_an_image_travels_on_the_standard_streams(program: Program) -> None:
    drawing().save("sketch.png")
    result = program("oil painting", "-I", "-", "-o", "-", "-s4", stdin=Path("sketch.png").read_bytes())
    assert result.status == 0, result.err
    assert result.out.startswith(b"\x89PNG") and result.out.endswith(b"IEND\xaeB`\x82")
    assert "oil painting -s 4" in result.err
    assert not program.images


def test_what_has_no_place_on_standard_output_is_refused(program: Program) -> None:
    result = program("a cat", "-o", "-", "--strip", "-s2")
    assert result.status == 1 and "--strip cannot write to standard output" in result.err and result.out == b""


class Full(io.BytesIO):
    """A disk without room, until there is some."""

    full = True

    def write(self, data: Buffer) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)


@pytest.mark.parametrize("line", ["--version", "--json a_cat -s2", "a_cat -s2", "a_cat -s2 -o -"])
def test_results_that_go_nowhere_are_one_sentence(program: Program, line: str) -> None:
    disk = Full()
    result = program(*line.split(" "), stdout=disk)
    disk.full = False
    assert result.status == 1
    assert result.err.count(f"error: standard output cannot be written: {os.strerror(errno.ENOSPC)}") == 1
    assert "Traceback" not in result.err and "errors.log" not in result.err


def test_a_picture_is_drawn_without_standard_output(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert run(["a cat", "-s2"]) == 0 and len(program.images) == 1
    for stream in (sys.stdout, sys.stderr):
        stream.close()
