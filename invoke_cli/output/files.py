"""Files that appear whole or not at all: a temporary name beside the target, flushed to disk, then renamed."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from invoke_cli.errors import OutputError


def write_whole(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Put `data` at `path`, replacing what is there; OutputError when the disk refuses.

    `durable` waits until it is on the disk, so that it outlives a loss of power too.
    """
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{secrets.token_hex(8)}.part")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def append_line(path: Path, text: str) -> None:
    """Append `text` in one write, so that two processes never mix their lines."""
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(text.encode("utf-8"))


@contextlib.contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Turn the system's errors about `path` into OutputError."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        hint = "check the folder, its permissions and the free space, or choose another with -o"
        raise OutputError(f"{path} cannot be written: {reason}", hint=hint, field="outdir") from None
