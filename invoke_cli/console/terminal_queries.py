"""Query a terminal for its capabilities. Its answers are filtered out of the typed keys; no key is lost."""

from __future__ import annotations

import contextlib
import os
import re
import select
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from invoke_cli.console.terminal import WITH_PLACEHOLDERS, Answers, Tmux
from invoke_cli.input_files import SYSTEM, read_input_text

# XTVERSION, the size of a cell and of the window in pixels, and DA1, which every terminal answers.
QUERIES = "\x1b[>q\x1b[16t\x1b[14t\x1b[c"
# Sent only to terminals known to support it: others may print it.
KITTY_QUERY = "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\"
TIMEOUT = 2.0
_TIOCSTI_SETTING = "/proc/sys/dev/tty/legacy_tiocsti"

_ANSWER = re.compile(
    r"\x1b\[\?(?P<attributes>[\d;]*)c|\x1bP>\|(?P<version>[^\x1b]{0,100})\x1b\\|\x1b_Gi=31[^\x1b;]{0,20};(?P<kitty>[^\x1b]{0,100})\x1b\\"
    r"|\x1b\[(?P<what>[46]);(?P<height>\d{1,5});(?P<width>\d{1,5})t"
)
_PARTIAL_ANSWER = re.compile(
    r"\x1b(\[(\?[\d;]{0,60}|[46](;\d{0,5}){0,2})?|P(>(\|[^\x1b]{0,100}\x1b?)?)?|_(G[^\x1b]{0,120}\x1b?)?)?\Z"
)


def wrap_for_tmux(text: str) -> str:
    """Wrap text so that tmux passes it through to the terminal it runs in."""
    return "\x1bPtmux;" + text.replace("\x1b", "\x1b\x1b") + "\x1b\\"


class TerminalQuery:
    """A query of a terminal: `begin` sends it, `feed` filters the answers from the input.

    Args:
        send: Writes to the terminal.
        environment: The environment variables.
        tmux: The terminal that tmux runs in, if any.
        clock: Returns the time in seconds.
    """

    def __init__(
        self,
        send: Callable[[str], None],
        environment: Mapping[str, str],
        tmux: Tmux | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.answers = Answers(tmux=tmux)
        self._send, self._clock = send, clock
        self._is_unsupported = environment.get("TERM", "") in ("", "dumb", "linux")
        self._pending = ""
        self._deadline = 0.0
        self._queries_sent, self._is_open = 0, False

    @property
    def is_waiting(self) -> bool:
        """Return whether an answer may still arrive."""
        return self._is_open and self._clock() < self._deadline

    def begin(self, timeout: float = TIMEOUT) -> None:
        """Send the queries, except to a terminal that is known not to support them."""
        if self._is_unsupported:
            return
        self._deadline = self._clock() + timeout
        self._queries_sent, self._is_open = 1, True
        tmux = self.answers.tmux or Tmux()
        supports_kitty = tmux.passthrough and tmux.version.lower().startswith(WITH_PLACEHOLDERS)
        self._send((wrap_for_tmux(KITTY_QUERY) if supports_kitty else "") + QUERIES)

    def feed(self, text: str) -> str:
        """Return the typed keys without the answers. The beginning of an answer is held back while one is expected."""
        text, self._pending = self._pending + text, ""
        keys = _ANSWER.sub(self._record_answer, text)
        partial = _PARTIAL_ANSWER.search(keys) if self.is_waiting else None
        if partial is not None:
            keys, self._pending = keys[: partial.start()], partial[0]
        return keys

    def release(self) -> str:
        """Return what was held back, at the end of the input."""
        pending, self._pending = self._pending, ""
        return pending

    def _record_answer(self, match: re.Match[str]) -> str:
        found, answers = match.groupdict(), self.answers
        if found["attributes"] is not None:
            answers = replace(answers, sixel="4" in found["attributes"].split(";")[1:])
        elif found["version"] is not None:
            answers = replace(answers, version=found["version"])
        elif found["kitty"] is not None:
            answers = replace(answers, kitty=found["kitty"] == "OK")
        else:
            size = (int(found["width"]), int(found["height"]))
            cell = found["what"] == "6"
            answers = replace(answers, cell=size) if cell else replace(answers, window=size)
        self.answers = answers
        if found["attributes"] is not None:
            self._send_next()
        return ""

    def _send_next(self) -> None:
        """Query a terminal with placeholders for kitty's graphics protocol. DA1 marks the end of this query too."""
        shows_placeholders = self.answers.tmux is None and self.answers.version.lower().startswith(WITH_PLACEHOLDERS)
        if shows_placeholders and self._queries_sent == 1:
            self._queries_sent, self._is_open = 2, True
            self._send(f"{KITTY_QUERY}\x1b[c")
        else:
            self._is_open = False


def detect_tmux(environment: Mapping[str, str]) -> Tmux | None:
    """Ask tmux for the terminal that it runs in; None outside tmux."""
    if not environment.get("TMUX"):
        return None
    import subprocess

    pane = environment.get("TMUX_PANE", "")
    command = [
        "tmux",
        "display-message",
        "-p",
        *(["-t", pane] if pane else []),
        "#{client_termtype}\n#{allow-passthrough}",
    ]
    try:
        output = subprocess.run(command, capture_output=True, text=True, timeout=0.5, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return Tmux()
    version, allowed, *_ = *output.splitlines(), "", ""
    return Tmux(version=version, passthrough=allowed not in ("", "0", "off"))


def query_tty(fd: int, environment: Mapping[str, str], timeout: float) -> Answers:
    """Query a terminal that nothing else reads from at the moment. Typed keys are pushed back.

    Nothing is sent if there are unread keys.

    Args:
        fd: The terminal.
        environment: The environment variables.
        timeout: Seconds to wait for the answers.
    """
    import termios

    def send(text: str) -> None:
        os.write(fd, text.encode())

    query = TerminalQuery(send, environment, detect_tmux(environment))
    before = termios.tcgetattr(fd)
    raw = termios.tcgetattr(fd)
    raw[3] &= ~(termios.ICANON | termios.ECHO)
    raw[6][termios.VMIN], raw[6][termios.VTIME] = 0, 0
    termios.tcsetattr(fd, termios.TCSANOW, raw)
    keys = ""
    try:
        if not _is_readable(fd, 0.0):
            query.begin(timeout)
            while query.is_waiting:
                if _is_readable(fd, 0.02):
                    keys += query.feed(os.read(fd, 1024).decode(errors="surrogateescape"))
    finally:
        termios.tcsetattr(fd, termios.TCSANOW, before)
        _push_back(fd, keys + query.release())
    return query.answers


def may_query(fd: int) -> bool:
    """Return whether this process is in the foreground of the terminal and may push keys back."""
    try:
        owns = os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:
        return False
    try:
        allowed = read_input_text(Path(_TIOCSTI_SETTING), SYSTEM).strip() != "0"
    except OSError:
        allowed = True  # a system without such a setting
    return owns and (allowed or os.geteuid() == 0)


def _is_readable(fd: int, seconds: float) -> bool:
    return bool(select.select([fd], [], [], seconds)[0])


def _push_back(fd: int, keys: str) -> None:
    """Push keys back into the input of the terminal."""
    import fcntl
    import termios

    with contextlib.suppress(OSError):
        for byte in keys.encode(errors="surrogateescape"):
            fcntl.ioctl(fd, termios.TIOCSTI, bytes([byte]))
