"""Where sessions can be reached: sockets in the user's own runtime directory, which nobody else may enter."""

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

# What shapes the work of a process besides its options.
ENVIRONMENT = ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
AVAILABLE = hasattr(socket, "AF_UNIX") and hasattr(os, "getuid")
_PEER = struct.Struct("3i")  # Linux's struct ucred: process, user, group
_MAC_PEER = struct.Struct("2I")  # the head of macOS's struct xucred: version, user


def kind_of(settings: Settings) -> str:
    """What a session and a caller must have in common: program, root, models.yaml, device, precision, environment."""
    options = settings.options
    said = [
        __version__, PACKAGE, settings.paths.root.resolve(), _config(settings), settings.offline,
        settings.launch_value("device", options.device), settings.launch_value("precision", options.precision),
        *(os.environ.get(name) for name in ENVIRONMENT),
    ]  # fmt: skip
    return hashlib.sha256(repr(said).encode()).hexdigest()[:16]


def _config(settings: Settings) -> Path | None:
    config = settings.paths.config
    return config.resolve() if config is not None else None


def own_folder() -> Path | None:
    """The folder of the sockets, made when it is missing; None where it could be entered by others."""
    if not AVAILABLE:
        return None
    import platformdirs

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that there is no runtime directory is nothing to tell: there is another
            folder = Path(platformdirs.user_runtime_dir("invoke", appauthor=False))
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found, above = folder.lstat(), folder.parent.stat()
    except OSError:
        return None
    private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
    return folder if private and above.st_uid in (0, os.getuid()) else None


def open_door(kind: str) -> tuple[socket.socket, Path] | None:
    """A socket that callers of this kind find, and its path; None where there can be none."""
    folder = own_folder()
    if folder is None:
        return None
    for path in _doors(folder, kind):
        _remove_if_stale(path)
    path = folder / f"{kind}-{os.getpid()}"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen()
    except OSError:  # a path that is too long for a socket, for one
        listener.close()
        return None
    return listener, path


def connections(kind: str) -> Iterator[socket.socket]:
    """A connection to each session of this kind, the youngest first; doors without a session behind are removed."""
    folder = own_folder()
    for path in _doors(folder, kind) if folder is not None else ():
        connection = _connected(path)
        if connection is not None:
            yield connection


def is_own(connection: socket.socket) -> bool:
    """Whether the process at the other end belongs to the same user."""
    if hasattr(socket, "SO_PEERCRED"):
        _, user, _ = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
        return bool(user == os.getuid())
    if hasattr(socket, "LOCAL_PEERCRED"):
        _, user = _MAC_PEER.unpack(connection.getsockopt(0, socket.LOCAL_PEERCRED, _MAC_PEER.size))
        return bool(user == os.getuid())
    return False


def _doors(folder: Path, kind: str) -> list[Path]:
    found: list[tuple[int, Path]] = []
    for path in folder.glob(f"{kind}-*"):
        with contextlib.suppress(OSError):
            about = path.lstat()
            if stat.S_ISSOCK(about.st_mode) and about.st_uid == os.getuid():
                found.append((about.st_mtime_ns, path))
    return [path for _, path in sorted(found, reverse=True)]


def _connected(path: Path) -> socket.socket | None:
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


def _remove_if_stale(path: Path) -> None:
    connection = _connected(path)
    if connection is not None:
        connection.close()
