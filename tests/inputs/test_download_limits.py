"""Downloads from servers that never finish, at any point, and redirects into the local network."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from invoke_cli.errors import ImageError, Interrupted
from invoke_cli.inputs import connections
from invoke_cli.inputs.url import Limits, fetch

LIMITS = Limits(silence=5, seconds=0.6)
Answer = Callable[[socket.socket], None]


def drip(start: bytes, part: bytes) -> Answer:
    """Return an answer that begins at once and continues with a part every 50 ms."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(start)
        for _ in range(90):
            time.sleep(0.05)
            connection.sendall(part)

    return answer


def stay_silent(connection: socket.socket) -> None:
    """Answer nothing."""
    connection.settimeout(5)
    connection.recv(1)


def redirect_slowly(connection: socket.socket) -> None:
    """Redirect to another address of the same server, each time."""
    time.sleep(0.2)
    connection.sendall(f"HTTP/1.1 302 Found\r\nLocation: /{time.monotonic_ns()}\r\nContent-Length: 0\r\n\r\n".encode())


ANSWERS: dict[str, Answer] = {
    "no answer": stay_silent,
    "status line": drip(b"HTTP/1.1 200", b" "),
    "headers": drip(b"HTTP/1.1 200 OK\r\n", b"X-More: 1\r\n"),
    "body": drip(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", b"0"),
    "redirects": redirect_slowly,
}


class Server:
    """A server at an address of the loopback interface that gives every connection the same answer."""

    def __init__(self, answer: Answer, host: str = "127.0.0.1") -> None:
        self.answer = answer
        self.connections = 0
        self.received = b""
        self.socket = socket.create_server((host, 0))
        self.url = f"http://{host}:{self.socket.getsockname()[1]}/a.png"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                self.connections += 1
                threading.Thread(target=self._handle, args=(connection,), daemon=True).start()

    def _handle(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            self.received += connection.recv(4096)
            self.answer(connection)


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Start servers; they are closed after the test."""
    servers: list[Server] = []

    def start(answer: Answer, host: str = "127.0.0.1") -> Server:
        servers.append(Server(answer, host))
        return servers[-1]

    yield start
    for server in servers:
        server.socket.close()


def nothing() -> None:
    """Stop nothing."""


@pytest.mark.parametrize("point", ANSWERS)
def test_the_deadline_covers_every_point_of_a_download(serve: Callable[..., Server], point: str) -> None:
    started = time.monotonic()
    with pytest.raises(ImageError, match="took too long"):
        fetch(serve(ANSWERS[point]).url, nothing, LIMITS)
    assert time.monotonic() - started < 4  # the server goes on for longer


@pytest.mark.parametrize("point", ANSWERS)
def test_a_download_can_be_stopped_at_every_point(serve: Callable[..., Server], point: str) -> None:
    started = time.monotonic()

    def stop() -> None:
        if time.monotonic() > started + 0.2:
            raise Interrupted("stopped")

    with pytest.raises(Interrupted):
        fetch(serve(ANSWERS[point]).url, stop, Limits(silence=5, seconds=5))
    assert time.monotonic() - started < 3


def redirect_to(url: str) -> Answer:
    """Return an answer that redirects."""
    return lambda connection: connection.sendall(
        f"HTTP/1.1 302 Found\r\nLocation: {url}\r\nContent-Length: 0\r\n\r\n".encode()
    )


def image(connection: socket.socket) -> None:
    """Answer with three bytes."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")


def test_a_public_server_may_not_redirect_into_the_local_network(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = serve(image, "127.0.0.2")
    outer = serve(redirect_to(inner.url))
    assert fetch(outer.url, nothing) == b"abc", "the typed address was a local one itself"
    monkeypatch.setattr(connections, "is_public", lambda address: address == "127.0.0.1")
    inner.received = b""
    with pytest.raises(ImageError, match=r"redirects to 127\.0\.0\.2"):
        fetch(outer.url, nothing)
    assert inner.received == b"", "nothing was asked there"
    assert fetch(serve(redirect_to(serve(image).url)).url, nothing) == b"abc"


@pytest.mark.parametrize(
    ("address", "expected"),
    [("8.8.8.8", True), ("10.0.0.1", False), ("127.0.0.1", False), ("169.254.169.254", False), ("::1", False),
     ("::ffff:192.168.1.1", False), ("fe80::1%eth0", False), ("2606:4700::1111", True), ("100.64.0.1", False)],
)  # fmt: skip
def test_which_addresses_are_public(address: str, expected: bool) -> None:
    assert connections.is_public(address) is expected
