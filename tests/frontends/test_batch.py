"""Lines from a file or a pipe: an error does not stop the batch and names the number of its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.frontends.program import Program


@pytest.mark.feature("line-files")
def test_a_batch_continues_after_a_bad_line_and_names_its_number(program: Program) -> None:
    text = "# comment\n\na cat -s2 -S1\na cat -s 0\n// another\na dog -s2 -S2\n!history\n\xff bad\na fox -s2 -S3\n"
    result = program(stdin=text.encode("latin-1"))
    assert result.status == 1
    assert [path.name for path in program.images] == ["000001.1.png", "000002.2.png", "000003.3.png"]
    assert "error: line 4: -s takes" in result.err
    assert "error: line 8: the line is not UTF-8" in result.err
    assert sum(line.startswith("[1] 000001.1.png") for line in result.lines) == 1


def test_a_batch_ends_at_quit(program: Program) -> None:
    result = program(stdin=b"a cat -s2\nquit\na dog -s2\n")
    assert result.status == 0 and len(program.images) == 1


def test_switches_at_launch_are_session_defaults(program: Program) -> None:
    result = program("-s7", "-C", "3", stdin=b"a cat -S1\na dog -S2 -s4\n")
    assert ["-s 7" in line and "-C 3" in line for line in result.lines] == [True, False]
    assert "-s 4" in result.lines[1]


def test_a_file_with_a_byte_order_mark_and_crlf_is_read(program: Program, tmp_path: Path) -> None:
    (tmp_path / "w.txt").write_bytes(b"\xef\xbb\xbfa cat -s2 -S1\r\na dog -s2 -S2\r\n")
    result = program("--from_file", "w.txt")
    assert result.status == 0
    assert [line.split(": ", 1)[1].split(" -")[0] for line in result.lines] == ["a cat", "a dog"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_file_in_utf_16_is_one_error(program: Program, encoding: str) -> None:
    result = program(stdin="a cat -s2\na dog -s2\n".encode(encoding))
    assert result.status == 1 and not program.images
    assert result.err == "error: line 1: the file is UTF-16 text, not UTF-8\n  try: save the file as UTF-8\n"


def test_hostile_lines_each_give_one_error_or_an_image(program: Program) -> None:
    lines = [
        'a "cat', "a cat -f 1.2", "a cat -f -1", "a cat -s 0", "a cat -W 7", "a cat -S 4294967296", "a cat -S -5",
        "a\x00b", "a\x1b[31mb", "\u202eright to left\u202c", "שלום", "🦊" * 50, "word " * 20_000 + "-s2",
        "((((", "a cat -n 99999999", "a cat -W 999999", "a cat -I /dev/zero", "a cat -I /etc/passwd",
        "a cat -o /proc/x", "-" * 5000, '"' * 3, "!", "!!", "| a", "a | b", "a cat --fnformat {x}", "a cat -V 1",
        "a cat -m nothing",
        "a cat -A", "\\", "a cat -t -s2", "[" * 2000, "a cat -v 2", "--prompt", '""',
    ]  # fmt: skip
    result = program(stdin="\n".join([*lines, "a last cat -s2 -S9"]).encode())
    assert result.status == 1
    assert "Traceback" not in result.err and "internal error" not in result.err
    assert "a last cat" in result.lines[-1]
    errors = re.findall(r"^error: line (\d+): (.*)$", result.err, re.MULTILINE)
    assert len(errors) == len({number for number, _ in errors})
    assert result.err.count("  try: ") == len(errors)


def test_a_log_that_grows_while_it_is_run_ends(program: Program) -> None:
    program(stdin=b"a cat -s2 -S1\n")
    result = program("--from_file", "outputs/invoke_log.txt")
    assert result.status == 0 and len(result.lines) == 1
    assert result.lines[0].split(": ", 1)[1].startswith("a cat -s 2 -S 1")
