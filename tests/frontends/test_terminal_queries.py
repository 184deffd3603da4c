"""Terminal queries: pseudo-terminals that answer as kitty, as one with sixels, through tmux, or not at all."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from invoke_cli.console.terminal import Answers, Tmux, Window, detect_terminal, kind_for
from invoke_cli.console.terminal_queries import TerminalQuery, detect_tmux, may_query, query_tty

XTERM = {"TERM": "xterm-256color"}
QUERIES, CELL, ATTRIBUTES, GRAPHICS = b"\x1b[>q", b"\x1b[16t", b"\x1b[c", b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\"
KITTY_QUERY = {
    QUERIES: b"\x1bP>|kitty(0.35.2)\x1b\\", CELL: b"\x1b[6;20;10t", ATTRIBUTES: b"\x1b[?62;c",
    GRAPHICS: b"\x1b_Gi=31;OK\x1b\\",
}  # fmt: skip
SIXEL = {QUERIES: b"\x1bP>|XTerm(390)\x1b\\", CELL: b"\x1b[6;18;9t", ATTRIBUTES: b"\x1b[?64;1;2;4;22c"}
_QUERIES = re.compile(b"|".join(map(re.escape, (QUERIES, CELL, ATTRIBUTES, GRAPHICS))))


@contextmanager
def terminal(
    answers: Mapping[bytes, bytes], typed: bytes = b"", slices: int = 1000
) -> Iterator[tuple[int, list[bytes]]]:
    """Yield a pseudo-terminal whose far end types something and answers, in pieces of `slices` bytes.

    Yields the near end and what arrived at the far one.
    """
    far, near = pty.openpty()
    received: list[bytes] = []
    ended = threading.Event()

    def answer() -> None:
        while not ended.is_set():
            if not select.select([far], [], [], 0.02)[0]:
                continue
            received.append(os.read(far, 4096))
            reply = typed + b"".join(answers.get(query, b"") for query in _QUERIES.findall(received[-1]))
            for start in range(0, len(reply), slices):
                os.write(far, reply[start : start + slices])
                time.sleep(0.002)

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield near, received
    finally:
        ended.set()
        thread.join()
        os.close(near)
        os.close(far)


def waiting_on(fd: int) -> bytes:
    """Return the keys that a program would read now."""
    before = termios.tcgetattr(fd)
    raw = termios.tcgetattr(fd)
    raw[3] &= ~(termios.ICANON | termios.ECHO)
    raw[6][termios.VMIN], raw[6][termios.VTIME] = 0, 0
    termios.tcsetattr(fd, termios.TCSANOW, raw)
    found = os.read(fd, 1024)
    termios.tcsetattr(fd, termios.TCSANOW, before)
    return found


def chosen(answers: Answers, environment: Mapping[str, str] = XTERM) -> str | None:
    """Return the graphics protocol that these answers lead to."""
    return kind_for("auto", detect_terminal(environment, answers, Window()), environment)


@pytest.mark.parametrize("slices", [1000, 3])
@pytest.mark.parametrize(("answers", "kind", "cell"), [(KITTY_QUERY, "kitty", (10, 20)), (SIXEL, "sixel", (9, 18))])
def test_answers_determine_protocol_and_cell_size(
    answers: Mapping[bytes, bytes], kind: str, cell: tuple[int, int], slices: int
) -> None:
    with terminal(answers, slices=slices) as (fd, _):
        before = termios.tcgetattr(fd)
        began = time.monotonic()
        found_answers = query_tty(fd, XTERM, 5.0)
        assert time.monotonic() - began < 4  # the last answer ends it, not the timeout
        assert termios.tcgetattr(fd) == before
    assert chosen(found_answers) == kind and found_answers.cell == cell


def test_a_silent_terminal_is_given_up_after_the_timeout() -> None:
    with terminal({}) as (fd, received):
        before = termios.tcgetattr(fd)
        began = time.monotonic()
        found_answers = query_tty(fd, XTERM, 0.2)
        assert 0.15 < time.monotonic() - began < 1.5
        assert termios.tcgetattr(fd) == before and b"".join(received).endswith(ATTRIBUTES)
    assert found_answers == Answers() and chosen(found_answers) == "blocks"


def test_graphics_are_queried_only_where_they_may_be_supported() -> None:
    with terminal(SIXEL) as (fd, received):
        query_tty(fd, XTERM, 5.0)
        assert b"\x1b_G" not in b"".join(received)
    with terminal(SIXEL) as (fd, received):
        assert query_tty(fd, {"TERM": "linux"}, 5.0) == Answers()
        assert received == []


@pytest.mark.parametrize("answers", [KITTY_QUERY, {}])
def test_no_key_is_lost_on_a_controlling_terminal(answers: Mapping[bytes, bytes]) -> None:
    """Only in a session that the pseudo-terminal controls, as under a shell, can keys be put back."""
    script = """
import os, sys
from invoke_cli.console.terminal_queries import query_tty, may_query
from tests.frontends.test_terminal_queries import XTERM, waiting_on
assert may_query(0)
query_tty(0, XTERM, 0.5)
print(repr(waiting_on(0)), flush=True)
"""
    far, near = pty.openpty()
    child = subprocess.Popen(
        ["/bin/sh", "-c", 'exec "$0" -c "$1"', sys.executable, script],
        stdin=near, stdout=subprocess.PIPE, stderr=near, start_new_session=True, text=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(near)
    queries = b""
    while ATTRIBUTES not in queries:
        assert select.select([far], [], [], 60)[0]
        queries += os.read(far, 4096)
    os.write(far, b"ls \xc3\xa9" + b"".join(answers.get(query, b"") for query in _QUERIES.findall(queries)) + b"x")
    out, _ = child.communicate(timeout=60)
    os.close(far)
    assert out.strip() == repr(b"ls \xc3\xa9x")


def test_input_typed_before_the_query_is_kept() -> None:
    far, near = pty.openpty()
    os.write(far, b"half a line")
    time.sleep(0.05)
    assert query_tty(near, XTERM, 5.0) == Answers()
    assert waiting_on(near) == b"half a line"
    os.close(near)
    os.close(far)


def test_a_terminal_of_another_session_is_not_queried() -> None:
    far, near = pty.openpty()
    assert not may_query(near)
    os.close(near)
    os.close(far)


# -- at the prompt, where keys are passed on ---------------------------------------------------------------------------


class Sent(list[str]):
    """The texts that an inquiry wrote."""

    def __call__(self, text: str) -> None:
        self.append(text)


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
def test_answers_are_separated_from_keys_in_pieces_of_any_size(size: int) -> None:
    sent = Sent()
    query = TerminalQuery(sent, XTERM)
    query.begin()
    stream = (
        "a \x1b[A"
        + KITTY_QUERY[QUERIES].decode()
        + "cat"
        + KITTY_QUERY[CELL].decode()
        + "\x1b[4;480;800t"
        + "é"
        + "\x1b[?62;c"
    )
    stream += "s" + KITTY_QUERY[GRAPHICS].decode() + "\x1b[?62;c" + "\x1b[200~pasted\x1b[201~\x1bOP"
    keys = "".join(query.feed(stream[start : start + size]) for start in range(0, len(stream), size))
    assert keys + query.release() == "a \x1b[Acatés\x1b[200~pasted\x1b[201~\x1bOP"
    assert query.answers == Answers(version="kitty(0.35.2)", kitty=True, cell=(10, 20), window=(800, 480))
    assert len(sent) == 2 and sent[1].startswith(GRAPHICS.decode())


def test_a_late_answer_never_enters_the_line() -> None:
    now = [0.0]
    query = TerminalQuery(Sent(), XTERM, clock=lambda: now[0])
    query.begin(1.0)
    now[0] = 60.0
    assert query.feed("a\x1b[?62;4cb") == "ab" and query.answers.sixel
    assert query.feed("\x1b") == "\x1b"  # no answer is expected, so that Escape is passed on at once


def test_keys_that_resemble_answers_are_keys() -> None:
    query = TerminalQuery(Sent(), XTERM)
    query.begin()
    for keys in ("\x1b[1;5C", "\x1b[15~", "\x1b[5~", "\x1b[12;40R", "\x1b[<0;3;4M", "\x1bb", "\x1b[Z"):
        assert query.feed(keys) + query.release() == keys


def test_the_graphics_query_is_wrapped_in_tmux_s_passthrough() -> None:
    sent = Sent()
    query = TerminalQuery(sent, XTERM, Tmux(version="kitty(0.35.2)", passthrough=True))
    query.begin()
    assert sent[0].startswith("\x1bPtmux;" + GRAPHICS.decode().replace("\x1b", "\x1b\x1b") + "\x1b\\")
    query.feed("\x1b_Gi=31;OK\x1b\\\x1bP>|tmux 3.4\x1b\\\x1b[?1;2c")
    assert chosen(query.answers, {**XTERM, "TMUX": "x"}) == "kitty" and len(sent) == 1
    for tmux in (Tmux(version="kitty(0.35.2)"), Tmux(version="XTerm(390)", passthrough=True)):
        quiet = Sent()
        TerminalQuery(quiet, XTERM, tmux).begin()
        assert "Gi=31" not in quiet[0]


def test_tmux_reports_its_outer_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "tmux"
    tool.write_text('#!/bin/sh\necho "$@" >&2\nprintf "kitty(0.35.2)\\n1\\n"\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert detect_tmux({}) is None
    assert detect_tmux({"TMUX": "x", "TMUX_PANE": "%3"}) == Tmux(version="kitty(0.35.2)", passthrough=True)
    tool.write_text("#!/bin/sh\nprintf '\\n0\\n'\n")
    assert detect_tmux({"TMUX": "x"}) == Tmux()
    tool.write_text("#!/bin/sh\nsleep 5\n")
    began = time.monotonic()
    assert detect_tmux({"TMUX": "x"}) == Tmux() and time.monotonic() - began < 3
