"""Asking a terminal what it is. Its answers come mixed with what is typed: they are sieved out, and no key is lost."""

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

# XTVERSION, the pixels of a cell and of the window, and what every terminal answers: its attributes (DA1).
WHO = "\x1b[>q\x1b[16t\x1b[14t\x1b[c"
# Not for all ears: a terminal that has never heard of such sequences may print them.
KITTY = "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\"
PATIENCE = 2.0
_PUTTING_BACK = "/proc/sys/dev/tty/legacy_tiocsti"

_ANSWER = re.compile(
    r"\x1b\[\?(?P<attributes>[\d;]*)c|\x1bP>\|(?P<version>[^\x1b]{0,100})\x1b\\|\x1b_Gi=31[^\x1b;]{0,20};(?P<kitty>[^\x1b]{0,100})\x1b\\"
    r"|\x1b\[(?P<what>[46]);(?P<height>\d{1,5});(?P<width>\d{1,5})t"
)
_BEGUN = re.compile(
    r"\x1b(\[(\?[\d;]{0,60}|[46](;\d{0,5}){0,2})?|P(>(\|[^\x1b]{0,100}\x1b?)?)?|_(G[^\x1b]{0,120}\x1b?)?)?\Z"
)


def through_tmux(text: str) -> str:
    """Text in the envelope that tmux hands on to the terminal it runs in."""
    return "\x1bPtmux;" + text.replace("\x1b", "\x1b\x1b") + "\x1b\\"


class Inquiry:
    """One asking: `send` writes to the terminal, `feed` takes what comes from it and gives the keys back."""

    def __init__(
        self,
        send: Callable[[str], None],
        environment: Mapping[str, str],
        tmux: Tmux | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.answers = Answers(tmux=tmux)
        self._send, self._clock = send, clock
        self._silent = environment.get("TERM", "") in ("", "dumb", "linux")
        self._held = ""
        self._until = 0.0
        self._asked, self._open = 0, False

    @property
    def waiting(self) -> bool:
        """Whether an answer may still come."""
        return self._open and self._clock() < self._until

    def begin(self, patience: float = PATIENCE) -> None:
        """Ask; a terminal that is known to be simple is left in peace."""
        if self._silent:
            return
        self._until = self._clock() + patience
        self._asked, self._open = 1, True
        tmux = self.answers.tmux or Tmux()
        graphical = tmux.passthrough and tmux.version.lower().startswith(WITH_PLACEHOLDERS)
        self._send((through_tmux(KITTY) if graphical else "") + WHO)

    def feed(self, text: str) -> str:
        """What the user typed, without the answers; the beginning of an answer is held while one is expected."""
        text, self._held = self._held + text, ""
        keys = _ANSWER.sub(self._take, text)
        begun = _BEGUN.search(keys) if self.waiting else None
        if begun is not None:
            keys, self._held = keys[: begun.start()], begun[0]
        return keys

    def release(self) -> str:
        """What was held, when nothing follows any more."""
        held, self._held = self._held, ""
        return held

    def _take(self, match: re.Match[str]) -> str:
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
            self._next_question()
        return ""

    def _next_question(self) -> None:
        """Once it is known who answers: whether it shows kitty's graphics. DA1 ends that question, too."""
        named = self.answers.tmux is None and self.answers.version.lower().startswith(WITH_PLACEHOLDERS)
        if named and self._asked == 1:
            self._asked, self._open = 2, True
            self._send(f"{KITTY}\x1b[c")
        else:
            self._open = False


def tmux_around(environment: Mapping[str, str]) -> Tmux | None:
    """The terminal behind tmux, when the program runs in one; it tells what it knows of it."""
    if not environment.get("TMUX"):
        return None
    import subprocess

    pane = environment.get("TMUX_PANE", "")
    words = [
        "tmux",
        "display-message",
        "-p",
        *(["-t", pane] if pane else []),
        "#{client_termtype}\n#{allow-passthrough}",
    ]
    try:
        said = subprocess.run(words, capture_output=True, text=True, timeout=0.5, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return Tmux()
    version, allowed, *_ = *said.splitlines(), "", ""
    return Tmux(version=version, passthrough=allowed not in ("", "0", "off"))


def ask_on_tty(fd: int, environment: Mapping[str, str], patience: float) -> Answers:
    """Ask on a terminal that nobody reads from just now, within `patience` seconds; what was typed is put back.

    Nothing is asked in the background, where keys wait already, or where the system lets nobody put keys back.
    """
    import termios

    def send(text: str) -> None:
        os.write(fd, text.encode())

    inquiry = Inquiry(send, environment, tmux_around(environment))
    before = termios.tcgetattr(fd)
    raw = termios.tcgetattr(fd)
    raw[3] &= ~(termios.ICANON | termios.ECHO)
    raw[6][termios.VMIN], raw[6][termios.VTIME] = 0, 0
    termios.tcsetattr(fd, termios.TCSANOW, raw)
    keys = ""
    try:
        if not _readable(fd, 0.0):
            inquiry.begin(patience)
            while inquiry.waiting:
                if _readable(fd, 0.02):
                    keys += inquiry.feed(os.read(fd, 1024).decode(errors="surrogateescape"))
    finally:
        termios.tcsetattr(fd, termios.TCSANOW, before)
        _put_back(fd, keys + inquiry.release())
    return inquiry.answers


def may_ask(fd: int) -> bool:
    """Whether this process is the one that the terminal's keys go to, and could put keys back."""
    try:
        owns = os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:
        return False
    try:
        allowed = Path(_PUTTING_BACK).read_text(encoding="ascii").strip() != "0"
    except OSError:
        allowed = True  # a system without such a setting
    return owns and (allowed or os.geteuid() == 0)


def _readable(fd: int, seconds: float) -> bool:
    return bool(select.select([fd], [], [], seconds)[0])


def _put_back(fd: int, keys: str) -> None:
    """As if they were typed again."""
    import fcntl
    import termios

    with contextlib.suppress(OSError):
        for byte in keys.encode(errors="surrogateescape"):
            fcntl.ioctl(fd, termios.TIOCSTI, bytes([byte]))
