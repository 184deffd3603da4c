"""Messages over a socket: a line of JSON, then the blobs whose lengths it lists. Both are limited in size."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from invoke_cli.server.serialization import Packer, SerializationError, States, Unpacker

MAX_LINE = 8_000_000
MAX_BLOBS = 1_000_000_000
STALL_SECONDS = 30.0
POLL_SECONDS = 0.05
# What unpacking an invalid message can raise.
INVALID = (ValueError, KeyError, TypeError, AttributeError, RecursionError, SerializationError)
_CHUNK = 1 << 20

# Returns whether to keep waiting for the other side after this many seconds.
KeepWaiting = Callable[[float], bool]


class ConnectionLost(Exception):
    """The other side closed the connection or violated the protocol."""


class NotSendable(ConnectionLost):
    """A message cannot be sent, for example because it is too large. Nothing was sent; the connection stays usable."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """A message: its kind and its values."""

    kind: str
    values: dict[str, Any]

    def value(self, name: str) -> Any:
        """Return a value; raise ConnectionLost if it is missing."""
        if name not in self.values:
            raise ConnectionLost(f"the message has no {name}")
        return self.values[name]


class Channel(Protocol):
    """One side of an exchange of messages, whatever carries them."""

    def send(self, kind: str, **values: object) -> None:
        """Send a message. Raises ConnectionLost if the other side is gone, NotSendable if it cannot be sent."""

    def is_readable(self, seconds: float = 0.0) -> bool:
        """Return whether a message, or the end of the connection, arrives within this many seconds."""

    def receive(self) -> Message:
        """Return the next message. Raises ConnectionLost if the other side is gone or the message invalid."""

    def close(self) -> None:
        """Close this side."""


def pack_message(packer: Packer, kind: str, values: Mapping[str, object]) -> str:
    """Return the head of a message as JSON; its blobs are in the packer. Raises NotSendable."""
    try:
        body = {name: packer.pack(value) for name, value in values.items()}
    except SerializationError as error:
        raise NotSendable(str(error)) from None
    line = json.dumps({"kind": kind, "values": body, "blobs": [len(blob) for blob in packer.blobs]})
    if len(line) >= MAX_LINE or sum(map(len, packer.blobs)) > MAX_BLOBS:
        raise NotSendable("too large to send")
    return line


def unpack_message(unpacker: Unpacker, head: Mapping[str, Any]) -> Message:
    """Return a message from its head. Raises SerializationError, or another of INVALID, if it is invalid."""
    values = {str(name): unpacker.unpack(value) for name, value in head["values"].items()}
    return Message(kind=str(head["kind"]), values=values)


def _not_stalled(seconds: float) -> bool:
    return seconds < STALL_SECONDS


class Connection:
    """One side of a connection, for use by one thread.

    `keep_waiting` is called repeatedly while the other side stalls in the middle of a message.
    """

    def __init__(self, connection: socket.socket, states: States, keep_waiting: KeepWaiting = _not_stalled) -> None:
        self._socket = connection
        self._states = states
        self._keep_waiting = keep_waiting
        self._buffer = bytearray()
        connection.setblocking(False)

    def send(self, kind: str, **values: object) -> None:
        """Send a message.

        Raises:
            ConnectionLost: The other side does not receive it.
            NotSendable: It cannot be serialized or is too large.
        """
        packer = Packer(states=self._states)
        line = pack_message(packer, kind, values)
        data = memoryview(b"".join([line.encode("ascii"), b"\n", *packer.blobs]))
        try:
            while data:
                self._wait_until_ready(sending=True)
                data = data[self._socket.send(data) :]
        except OSError as error:
            raise ConnectionLost(str(error)) from None

    def fileno(self) -> int:
        """Return the descriptor of the socket; -1 if it is closed."""
        return self._socket.fileno()

    def has_line(self, limit: int) -> bool:
        """Read what has arrived, without waiting, and return whether it contains the first line of a message.

        Raises:
            ConnectionLost: The other side has closed the connection, or the line is longer than the limit.
        """
        with contextlib.suppress(BlockingIOError):
            try:
                chunk = self._socket.recv(limit + 1)
            except ConnectionError as error:
                raise ConnectionLost(str(error)) from None
            self._buffer += chunk
            if not chunk or (b"\n" not in self._buffer and len(self._buffer) > limit):
                raise ConnectionLost("closed, or the line is too long")
        return b"\n" in self._buffer

    def is_open(self) -> bool:
        """Return whether neither side has closed the connection."""
        try:
            return bool(self._socket.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def is_readable(self, seconds: float = 0.0) -> bool:
        """Return whether a message, or the end of the connection, arrives within this many seconds."""
        return bool(self._buffer) or bool(select.select([self._socket], [], [], seconds)[0])

    def receive(self) -> Message:
        """Return the next message; raise ConnectionLost if the connection is closed or the message invalid."""
        try:
            head = json.loads(self._read_line())
            blobs = [self._read_exactly(size) for size in self._check_sizes(head["blobs"])]
            return unpack_message(Unpacker(states=self._states, blobs=blobs), head)
        except (OSError, *INVALID) as error:
            raise ConnectionLost(str(error)) from None

    def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _wait_until_ready(self, *, sending: bool) -> None:
        """Wait until data can be sent or received; raise ConnectionLost after too long."""
        began = time.monotonic()
        sockets, seconds = [self._socket], 0.0
        while not any(select.select(() if sending else sockets, sockets if sending else (), (), seconds)):
            if not self._keep_waiting(time.monotonic() - began):
                raise ConnectionLost("the other side does not answer")
            seconds = POLL_SECONDS

    # -- reading ----------------------------------------------------------------------------------------------------

    @staticmethod
    def _check_sizes(sizes: list[int]) -> list[int]:
        if any(not isinstance(size, int) or size < 0 for size in sizes) or sum(sizes) > MAX_BLOBS:
            raise SerializationError("the message is too large")
        return sizes

    def _read_line(self) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) >= MAX_LINE:
                raise SerializationError("the line is too long")
            self._read_more()
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def _read_exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._read_more()
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def _read_more(self) -> None:
        self._wait_until_ready(sending=False)
        chunk = self._socket.recv(_CHUNK)
        if not chunk:
            raise ConnectionLost("closed")
        self._buffer += chunk


def seconds_from_now(seconds: float) -> float:
    """Return the monotonic time this many seconds from now."""
    return time.monotonic() + seconds


def has_passed(moment: float) -> bool:
    """Return whether a monotonic time has passed."""
    return time.monotonic() >= moment
