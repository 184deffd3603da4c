"""Admission to the engine server: slow, silent, idle, countless and foreign clients delay nobody."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from invoke_cli.server.admission import MAX_CLIENTS, MAX_GREETINGS, Admission
from invoke_cli.server.client_request import ClientRequest
from invoke_cli.server.connection import Connection, ConnectionLost
from invoke_cli.server.handles import Handles
from invoke_cli.server.sockets import compatibility_key, connections
from tests.fake_engine import FakeEngine
from tests.frontends.open_session import OpenSession, SessionOpener, program_settings, wait_until

KIND = "key"
NOBODY = 65534
GREETING_SECONDS, SHORT_IDLE_SECONDS = 0.6, 0.4


class Door:
    """An admission on a socket, and the clients that it admitted."""

    def __init__(self, path: Path) -> None:
        self.path, self.admitted = path, list[ClientRequest]()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(path))
        listener.listen(256)
        self.admission = Admission(listener, KIND, self.admitted.append)
        self.thread = threading.Thread(target=self.admission.run)
        self.thread.start()

    def connect(self, data: bytes = b"") -> socket.socket:
        """Connect and send something."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(30)
        connection.connect(str(self.path))
        connection.sendall(data)
        return connection

    def close(self) -> None:
        """Close it and wait for its thread."""
        self.admission.close()
        self.thread.join(10)
        assert not self.thread.is_alive()
        for client in self.admitted:
            client.disconnect()


@pytest.fixture(autouse=True)
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the times that the tests wait for."""
    monkeypatch.setattr("invoke_cli.server.admission.GREETING_SECONDS", GREETING_SECONDS)
    monkeypatch.setattr("invoke_cli.server.client_request.SHORT_IDLE_SECONDS", SHORT_IDLE_SECONDS)


@pytest.fixture
def door(runtime: Path) -> Iterator[Door]:
    with closing(Door(runtime / "door")) as opened:
        yield opened


def greeting(program: str = KIND) -> bytes:
    """Return a complete greeting."""
    return json.dumps({"kind": "hello", "values": {"program": program}, "blobs": []}).encode() + b"\n"


def reply(connection: socket.socket) -> str:
    """Return the kind of the server's next message; empty at the end of the connection."""
    line = connection.makefile().readline()
    return str(json.loads(line)["kind"]) if line else ""


@pytest.mark.feature("one-shot")
def test_a_guest_is_admitted_at_once_beside_a_hundred_silent_connections(door: Door) -> None:
    with ExitStack() as stack:
        others = [stack.enter_context(door.connect(b'{"kind": "hel'[: number % 14])) for number in range(100)]
        began = time.monotonic()
        assert reply(stack.enter_context(door.connect(greeting()))) == "welcome"
        assert time.monotonic() - began < GREETING_SECONDS
        assert [reply(other) for other in others] == [""] * 100  # the oldest first, the last ones after their time
        assert time.monotonic() - began < GREETING_SECONDS * 5
    assert len(door.admitted) == 1 and MAX_GREETINGS < 100


@pytest.mark.parametrize(
    "data",
    [
        b'{"kind": "hello", "values": {"program": "key"}, "blobs": [1000000]}\n',  # with a blob that never comes
        b"x" * 100_000, greeting("other"), greeting() [:-2] + b"\n", b"\n", b"\xff\xfe\n",
        b'{"kind": "call", "values": {"program": "key"}, "blobs": []}\n',
    ],
)  # fmt: skip
def test_invalid_greetings_are_refused_without_waiting(door: Door, data: bytes) -> None:
    began = time.monotonic()
    with door.connect() as connection:
        try:
            connection.sendall(data)
            assert reply(connection) in ("refused", "")
        except ConnectionError:
            pass  # it was closed while it still sent
    assert time.monotonic() - began < GREETING_SECONDS and not door.admitted


def test_a_greeting_in_parts_is_read_while_others_are_admitted(door: Door) -> None:
    with door.connect(greeting()[:10]) as slow, door.connect(greeting()) as other:
        assert reply(other) == "welcome"
        slow.sendall(greeting()[10:])
        assert reply(slow) == "welcome"


def test_clients_beyond_the_limit_are_refused_until_others_leave(door: Door) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(door.connect(greeting())) for _ in range(MAX_CLIENTS)]
        assert [reply(client) for client in clients] == ["welcome"] * MAX_CLIENTS
        with door.connect(greeting()) as late:
            assert reply(late) == "refused"
        clients[3].close()
        assert reply(stack.enter_context(door.connect(greeting()))) == "welcome"


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can act as another user")
def test_a_connection_of_another_user_is_refused(door: Door, runtime: Path) -> None:
    runtime.chmod(0o777)
    door.path.chmod(0o777)
    script = (
        "import os, socket, sys; os.setuid(int(sys.argv[2]))\n"
        "c = socket.socket(socket.AF_UNIX); c.settimeout(10); c.connect(sys.argv[1])\n"
        "try: c.sendall(sys.stdin.buffer.read()); print(c.recv(100))\n"
        "except ConnectionError: print(b'')"
    )
    for user, expected in ((NOBODY, "b''"), (0, "welcome")):
        done = subprocess.run(
            [sys.executable, "-c", script, str(door.path), str(user)], input=greeting(), capture_output=True, check=True
        )
        assert expected in done.stdout.decode()


def _guest(session: OpenSession) -> Connection:
    (connection,) = connections(compatibility_key(session.settings))
    link = Connection(connection, Handles())
    link.send("hello", program=compatibility_key(session.settings))
    return link


def _until_dropped(link: Connection) -> float:
    began = time.monotonic()
    with pytest.raises(ConnectionLost):
        while link.receive():
            pass
    link.close()
    return time.monotonic() - began


def test_an_idle_visitor_gives_up_its_turn(
    open_session: SessionOpener, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(runtime)
    session = open_session(FakeEngine(program_settings()))
    assert _until_dropped(_guest(session)) < SHORT_IDLE_SECONDS + 2
    busy = _guest(session)
    busy.send("call", name="memory", arguments=(), keep=())
    assert [busy.receive().kind for _ in range(3)] == ["welcome", "turn", "end"]
    session.worker.submit("a dog -s2 -o own")
    wait_until(lambda: "a dog -s2 -o own" in session.done, SHORT_IDLE_SECONDS + 5)
    assert _until_dropped(busy) < 1
