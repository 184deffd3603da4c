"""The lock of an output folder against other threads and processes, and numbers where no file can be locked."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from invoke_cli.errors import OutputError
from invoke_cli.output.files import create_private, granted_mode, is_stale, make_folder, output_errors

_LOCK_SECONDS = 60
_HELD_BY_ANOTHER = (errno.EACCES, errno.EAGAIN)


class FolderLock:
    """The lock of the folder whose state is stored in `state_folder`.

    Attributes:
        is_available: Whether its file system can lock files; None before the first use. Some network drives cannot.
    """

    def __init__(self, state_folder: Path) -> None:
        self.path = state_folder / "lock"
        self.is_available: bool | None = None
        self._claims = state_folder / "claims"
        self._thread_lock = threading.Lock()

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Lock out other threads and, where files can be locked, other processes.

        Raises:
            OutputError: Another session holds the lock for too long.
        """
        with output_errors(self.path.parent):
            make_folder(self.path.parent)
            mode = granted_mode(self.path.parent, 0o644)
        with self._thread_lock:  # a thread would wait for another one's file lock by polling
            if self.is_available is None:
                with output_errors(self.path):
                    self.is_available = _can_lock(self.path)
            with self._hold_file(mode) if self.is_available else contextlib.nullcontext():
                yield

    @contextmanager
    def _hold_file(self, mode: int) -> Iterator[None]:
        lock = FileLock(self.path, timeout=_LOCK_SECONDS, mode=mode)
        with output_errors(self.path):
            try:
                lock.acquire()
            except Timeout:
                hint = f"if no other session runs, remove {self.path}"
                raise OutputError(f"{self.path.parent.parent} is locked by another session", hint=hint) from None
        try:
            yield
        finally:
            lock.release()

    def claim(self, first: int, count: int) -> int:
        """Return the first of `count` successive numbers, from `first` on, that no other session has claimed.

        Where files cannot be locked, a file that is created exclusively stands for each number. It stays until it is
        certain that no session takes the number again. All sessions observe such files.
        """
        if self.is_available and not self._claims.exists():
            return first
        with output_errors(self._claims):
            make_folder(self._claims)
            start, number = first, first
            while number < start + count:
                if not self._create_claim(number):
                    start = number + 1
                number += 1
        return start

    def _create_claim(self, number: int) -> bool:
        try:
            os.close(os.open(self._claims / str(number), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            return False
        return True

    def remove_old_claims(self, next_number: int) -> None:
        """Remove the claims of numbers that are counted as used, once no session can still be about to count them."""
        for claim in self._claims.glob("*"):
            with contextlib.suppress(OSError, ValueError):
                if int(claim.name) < next_number and is_stale(claim):
                    claim.unlink()


def _can_lock(path: Path) -> bool:
    """Return whether the file system of a file, which is created if it is missing, can lock files."""
    if sys.platform == "win32":
        return True
    import fcntl

    create_private(path)
    handle = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in _HELD_BY_ANOTHER
    else:
        return True
    finally:
        os.close(handle)
