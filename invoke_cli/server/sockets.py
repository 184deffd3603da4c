"""The Unix sockets of sessions, in the user's private runtime directory."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import stat
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path

from invoke_cli.context.paths import PACKAGE
from invoke_cli.context.settings import Settings
from invoke_cli.version import __version__

# The environment variables that influence the results, besides the options.
ENVIRONMENT = ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
AVAILABLE = hasattr(socket, "AF_UNIX") and hasattr(os, "getuid")
_PEER = struct.Struct("3i")  # Linux's struct ucred: process, user, group
_MAC_PEER = struct.Struct("2I")  # the head of macOS's struct xucred: version, user


def compatibility_key(settings: Settings) -> str:
    """Hash what a session and a client must share: version, root, models.yaml, device, precision and environment."""
    options = settings.options
    parts = [
        __version__, PACKAGE, settings.paths.root.resolve(), _config(settings), settings.offline,
        settings.launch_value("device", options.device), settings.launch_value("precision", options.precision),
        *(os.environ.get(name) for name in ENVIRONMENT),
    ]  # fmt: skip
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _config(settings: Settings) -> Path | None:
    config = settings.paths.config
    return config.resolve() if config is not None else None


def socket_folder() -> Path | None:
    """Return the folder of the sockets, created if missing; None if other users could access it."""
    if not AVAILABLE:
        return None
    import platformdirs

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns when it falls back to another directory
            folder = Path(platformdirs.user_runtime_dir("invoke", appauthor=False))
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found, above = folder.lstat(), folder.parent.stat()
    except OSError:
        return None
    private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
    return folder if private and above.st_uid in (0, os.getuid()) else None


def listen(kind: str) -> tuple[socket.socket, Path] | None:
    """Create a listening socket for clients with this key. Return it with its path; None where this is not possible."""
    folder = socket_folder()
    if folder is None:
        return None
    for path in _socket_paths(folder, kind):
        _remove_stale_socket(path)
    path = folder / f"{kind}-{os.getpid()}"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen()
    except OSError:  # for example a path that is too long for a socket
        listener.close()
        return None
    return listener, path


def connections(kind: str) -> Iterator[socket.socket]:
    """Yield a connection to each session with this key, the newest first. Stale sockets are removed."""
    folder = socket_folder()
    for path in _socket_paths(folder, kind) if folder is not None else ():
        connection = _connect(path)
        if connection is not None:
            yield connection


def is_own(connection: socket.socket) -> bool:
    """Return whether the process at the other end belongs to the same user."""
    if hasattr(socket, "SO_PEERCRED"):
        _, user, _ = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
        return bool(user == os.getuid())
    if hasattr(socket, "LOCAL_PEERCRED"):
        _, user = _MAC_PEER.unpack(connection.getsockopt(0, socket.LOCAL_PEERCRED, _MAC_PEER.size))
        return bool(user == os.getuid())
    return False


def _socket_paths(folder: Path, kind: str) -> list[Path]:
    found: list[tuple[int, Path]] = []
    for path in folder.glob(f"{kind}-*"):
        with contextlib.suppress(OSError):
            status = path.lstat()
            if stat.S_ISSOCK(status.st_mode) and status.st_uid == os.getuid():
                found.append((status.st_mtime_ns, path))
    return [path for _, path in sorted(found, reverse=True)]


def _connect(path: Path) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(2)
        connection.connect(str(path))
        if is_own(connection):
            return connection
    except ConnectionRefusedError:
        with contextlib.suppress(OSError):
            path.unlink()
    except OSError:
        pass
    connection.close()
    return None


def _remove_stale_socket(path: Path) -> None:
    connection = _connect(path)
    if connection is not None:
        connection.close()
