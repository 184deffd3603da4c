"""Access to the engine server: only its own user, and only the engine's own calls."""

from __future__ import annotations

import os
import socket
import stat
import sys
import threading
from pathlib import Path

import pytest

from invoke_cli.engine import Hooks
from invoke_cli.server.connection import MAX_LINE, Connection, ConnectionLost
from invoke_cli.server.handles import Handles
from invoke_cli.server.serialization import Packer, SerializationError, Unpacker
from invoke_cli.server.sockets import compatibility_key, connections, is_own, socket_folder
from tests.fake_engine import FakeEngine
from tests.frontends.open_session import SessionOpener, program_settings
from tests.frontends.program import Program


def test_a_stale_socket_is_removed_and_sockets_are_private(
    program: Program, runtime: Path, open_session: SessionOpener
) -> None:
    session = open_session(FakeEngine(program_settings()))
    (path,) = (runtime / "invoke").iterdir()
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700 and stat.S_IMODE(path.stat().st_mode) == 0o600
    stale = path.with_name(f"{compatibility_key(session.settings)}-1")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(stale))
    listener.close()
    os.utime(path, (0, 0))
    assert program("a cat -s2").status == 0 and program.engine is None
    assert not stale.exists() and path.exists()
    session.server.close()
    assert not path.exists()
    assert program("a cat -s2").status == 0 and program.engine is not None


def test_a_socket_folder_open_to_others_is_not_used(program: Program, runtime: Path) -> None:
    (runtime / "invoke").mkdir(mode=0o755)
    assert socket_folder() is None
    (runtime / "invoke").rmdir()
    (runtime / "elsewhere").mkdir(mode=0o700)
    (runtime / "invoke").symlink_to(runtime / "elsewhere")
    assert socket_folder() is None and program("a cat -s2").status == 0


def test_connections_of_another_user_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    one_end, other_end = socket.socketpair()
    with one_end, other_end:
        assert is_own(one_end)
        user = os.getuid()
        monkeypatch.setattr(os, "getuid", lambda: user + 1)
        assert not is_own(one_end)


@pytest.mark.parametrize(
    "data",
    [
        b"hello\n", b"[]\n", b"{}\n", b'{"kind": 1}\n', b'{"kind": "hello", "values": {}, "blobs": [-1]}\n',
        b'{"kind": "hello", "values": {}, "blobs": [99999999999]}\n', b"[" * 100_000 + b"\n", b"x" * (MAX_LINE + 1),
        b'{"kind": "call", "values": {"a": {"$": "Popen", "args": "id"}}, "blobs": []}\n',
        b'{"kind": "call", "values": {"a": {"$": "image", "mode": "RGB", "size": [9, 9], "blob": 0}}, "blobs": [1]}\nx',
        b'{"kind": "hello", "values": {"program": "other"}, "blobs": []}\n',
    ],
)  # fmt: skip
def test_malformed_data_ends_only_its_own_connection(
    program: Program, open_session: SessionOpener, data: bytes
) -> None:
    session = open_session(FakeEngine(program_settings()))
    (connection,) = connections(compatibility_key(session.settings))
    with connection:
        threading.Thread(target=_push, args=[connection, data], daemon=True).start()
        connection.settimeout(10)
        received = b""
        while piece := _pull(connection):
            received += piece
        assert b"welcome" not in received
    assert program("a cat -s2").status == 0 and program.engine is None


def _push(connection: socket.socket, data: bytes) -> None:
    try:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def _pull(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except ConnectionError:
        return b""


def test_only_calls_of_the_engine_protocol_are_served(program: Program, open_session: SessionOpener) -> None:
    session = open_session(FakeEngine(program_settings()))
    (connection,) = connections(compatibility_key(session.settings))
    link = Connection(connection, Handles())
    link.send("hello", program=compatibility_key(session.settings))
    assert [link.receive().kind, link.receive().kind] == ["welcome", "turn"]
    link.send("call", name="unpickle", arguments=(Path("a"), Path("b")), keep=())
    with pytest.raises(ConnectionLost):
        link.receive()
    link.close()
    assert program("a cat -s2").status == 0 and program.engine is None


def test_only_plain_values_are_serialized() -> None:
    for value in (object(), lambda: None, Hooks(emit=print), sys, {1: object()}):
        with pytest.raises(SerializationError):
            Packer(states=Handles()).pack(value)
    for data in ({"$": "object"}, {"$": "Session"}, {"$": "Path", "text": "x"}, {"$": None}, {"a": 1}):
        with pytest.raises(SerializationError):
            Unpacker(states=Handles()).unpack(data)
