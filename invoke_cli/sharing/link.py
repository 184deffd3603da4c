"""Messages over a socket: a line of JSON, then the blobs whose lengths it names; both have a largest size."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import time
from dataclasses import dataclass
from typing import Any

from invoke_cli.sharing.wire import Packer, States, Unpacker, WireError

MAX_LINE = 8_000_000
MAX_BLOBS = 1_000_000_000
STALLED_SECONDS = 30.0
_PIECE = 1 << 20


class Gone(Exception):
    """The other side has closed the connection, or it does not keep to what was agreed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """What kind of message it is, and the values that it brings."""

    kind: str
    said: dict[str, Any]


class Link:
    """One side of a connection. One thread uses it."""

    def __init__(self, connection: socket.socket, states: States) -> None:
        self._socket = connection
        self._states = states
        self._read = bytearray()
        connection.settimeout(STALLED_SECONDS)

    def send(self, kind: str, **said: object) -> None:
        """Send a message; Gone when nobody takes it."""
        packer = Packer(states=self._states)
        body = {name: packer.pack(value) for name, value in said.items()}
        line = json.dumps({"kind": kind, "said": body, "blobs": [len(blob) for blob in packer.blobs]})
        if len(line) >= MAX_LINE or sum(map(len, packer.blobs)) > MAX_BLOBS:
            raise WireError("too large to be sent")
        try:
            self._socket.sendall(b"".join([line.encode("ascii"), b"\n", *packer.blobs]))
        except OSError as error:
            raise Gone(str(error)) from None

    def waits(self, seconds: float = 0.0) -> bool:
        """Whether a message, or the end, is there within so many seconds."""
        return bool(self._read) or bool(select.select([self._socket], [], [], seconds)[0])

    def receive(self) -> Message:
        """The next message; Gone when there is none any more, or it makes no sense."""
        try:
            head = json.loads(self._line())
            blobs = [self._exactly(size) for size in self._sizes(head["blobs"])]
            unpacker = Unpacker(states=self._states, blobs=blobs)
            said = {str(name): unpacker.unpack(value) for name, value in head["said"].items()}
            return Message(kind=str(head["kind"]), said=said)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, WireError) as error:
            raise Gone(str(error)) from None

    def close(self) -> None:
        """End the connection."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    # -- reading ----------------------------------------------------------------------------------------------------

    @staticmethod
    def _sizes(sizes: list[int]) -> list[int]:
        if any(not isinstance(size, int) or size < 0 for size in sizes) or sum(sizes) > MAX_BLOBS:
            raise WireError("more is announced than is taken")
        return sizes

    def _line(self) -> bytes:
        while (end := self._read.find(b"\n")) < 0:
            if len(self._read) >= MAX_LINE:
                raise WireError("a line without an end")
            self._more()
        line = bytes(self._read[:end])
        del self._read[: end + 1]
        return line

    def _exactly(self, count: int) -> bytes:
        while len(self._read) < count:
            self._more()
        data = bytes(self._read[:count])
        del self._read[:count]
        return data

    def _more(self) -> None:
        piece = self._socket.recv(_PIECE)
        if not piece:
            raise Gone("closed")
        self._read += piece


def soon(seconds: float) -> float:
    """The moment so many seconds from now, on the clock that `late` reads."""
    return time.monotonic() + seconds


def late(moment: float) -> bool:
    """Whether a moment has passed."""
    return time.monotonic() >= moment
