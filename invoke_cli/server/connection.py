"""Messages over a socket: a line of JSON, then the blobs whose lengths it names; both have a largest size."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from invoke_cli.server.serialization import Packer, SerializationError, States, Unpacker

MAX_LINE = 8_000_000
MAX_BLOBS = 1_000_000_000
STALLED_SECONDS = 30.0
LOOK_SECONDS = 0.05
_PIECE = 1 << 20

# Whether to wait for the other side for longer than so many seconds.
Patience = Callable[[float], bool]


class Gone(Exception):
    """The other side has closed the connection, or it does not keep to what was agreed."""


class Unsendable(Gone):
    """A message cannot travel, mostly being too large; nothing of it was sent, and the connection is as it was."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """What kind of message it is, and the values that it brings."""

    kind: str
    said: dict[str, Any]

    def value(self, name: str) -> Any:
        """One of its values; Gone when it does not bring it."""
        if name not in self.said:
            raise Gone(f"a message without {name}")
        return self.said[name]


def _not_stalled(seconds: float) -> bool:
    return seconds < STALLED_SECONDS


class Connection:
    """One side of a connection. One thread uses it. `patience` is asked again and again while the other side takes or
    sends nothing in the middle of a message.
    """

    def __init__(self, connection: socket.socket, states: States, patience: Patience = _not_stalled) -> None:
        self._socket = connection
        self._states = states
        self._patience = patience
        self._read = bytearray()
        connection.setblocking(False)

    def send(self, kind: str, **said: object) -> None:
        """Send a message; Gone when nobody takes it, Unsendable when it cannot travel."""
        packer = Packer(states=self._states)
        try:
            body = {name: packer.pack(value) for name, value in said.items()}
        except SerializationError as error:
            raise Unsendable(str(error)) from None
        line = json.dumps({"kind": kind, "said": body, "blobs": [len(blob) for blob in packer.blobs]})
        if len(line) >= MAX_LINE or sum(map(len, packer.blobs)) > MAX_BLOBS:
            raise Unsendable("too large to be sent")
        data = memoryview(b"".join([line.encode("ascii"), b"\n", *packer.blobs]))
        try:
            while data:
                self._ready(sending=True)
                data = data[self._socket.send(data) :]
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
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, SerializationError) as error:
            raise Gone(str(error)) from None

    def close(self) -> None:
        """End the connection."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _ready(self, *, sending: bool) -> None:
        """Wait until the other side takes something, or sends it; Gone when the patience is over."""
        began = time.monotonic()
        ends = [self._socket]
        while not any(select.select(() if sending else ends, ends if sending else (), (), LOOK_SECONDS)):
            if not self._patience(time.monotonic() - began):
                raise Gone("the other side does not answer")

    # -- reading ----------------------------------------------------------------------------------------------------

    @staticmethod
    def _sizes(sizes: list[int]) -> list[int]:
        if any(not isinstance(size, int) or size < 0 for size in sizes) or sum(sizes) > MAX_BLOBS:
            raise SerializationError("more is announced than is taken")
        return sizes

    def _line(self) -> bytes:
        while (end := self._read.find(b"\n")) < 0:
            if len(self._read) >= MAX_LINE:
                raise SerializationError("a line without an end")
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
        self._ready(sending=False)
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
