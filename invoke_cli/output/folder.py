"""An output folder: numbers, history, logs, kept inputs and the names of earlier images."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from invoke_cli.errors import OutputError
from invoke_cli.input_files import STATE, read_input_text
from invoke_cli.language.limits import MAX_NUMBER
from invoke_cli.output.entries import Entry
from invoke_cli.output.entry_reader import entry_from_file
from invoke_cli.output.files import append_line, granted_mode, make_folder, output_errors, write_atomically
from invoke_cli.output.history import History

_NUMBERED = re.compile(r"(\d{6,9})\..*\.png$")
_LOCK_SECONDS = 60
_MAX_RECOVERED = 200
_STALE_SECONDS = 3600
_STATE_FILES = ("lock", "next_number", "history.sqlite3", "inputs")


class OutputFolder:
    """A folder of results. Its history and kept inputs are stored in `.invoke/`.

    Attributes:
        unlisted: The results of this session in files named by -o since the last numbered one, oldest first.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state_folder = path / ".invoke"
        self.inputs = self.state_folder / "inputs"
        self.history = History(self.state_folder / "history.sqlite3")
        self.unlisted: list[Entry] = []
        self._highest: int | None = None
        self._thread_lock = threading.Lock()
        self._log_errors: dict[str, bool] = {}  # messages, and whether each was reported

    # -- numbers ----------------------------------------------------------------------------------------------------

    @contextmanager
    def reserve_number(self, reserved: int | None = None) -> Iterator[int]:
        """Reserve a number that no other session gets. The folder stays locked during the block.

        Args:
            reserved: A number that was reserved before; None for the next one.
        """
        with self.lock():
            yield self._take_numbers(1) if reserved is None else self._use_number(reserved)

    def reserve_numbers(self, count: int) -> range:
        """Reserve several numbers, one after the other, that no other session gets."""
        with self.lock():
            first = self._take_numbers(count)
        return range(first, first + count)

    def _take_numbers(self, count: int) -> int:
        """Return the first of the next `count` numbers, and count on after them."""
        number = max(_read_counter(self._counter), self._highest_used() + 1)
        if number + count - 1 > MAX_NUMBER:
            raise self._no_more_numbers()
        write_atomically(self._counter, f"{number + count}\n".encode(), durable=False)
        return number

    def _use_number(self, number: int) -> int:
        """Count on after a number that was reserved or chosen before."""
        if number > MAX_NUMBER:
            raise self._no_more_numbers()
        if _read_counter(self._counter) <= number:
            write_atomically(self._counter, f"{number + 1}\n".encode(), durable=False)
        return number

    @property
    def _counter(self) -> Path:
        return self.state_folder / "next_number"

    def _highest_used(self) -> int:
        """Return the highest number in the folder and its history when this session first needed one."""
        if self._highest is None:
            used = (*self._numbered_files(), *self.history.numbers())
            self._highest = max((each for each in used if each <= MAX_NUMBER), default=0)
        return self._highest

    def _numbered_files(self) -> dict[int, Path]:
        """Return the numbered images in the folder by number."""
        paths = sorted(self.path.glob("*.png"), reverse=True)  # of one line's images, the first has the number
        return {int(match[1]): path for path in paths if (match := _NUMBERED.match(path.name))}

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the folder against other threads and processes.

        Raises:
            OutputError: Another session holds the lock for too long.
        """
        with output_errors(self.state_folder):
            make_folder(self.state_folder)
            mode = granted_mode(self.state_folder, 0o644)
        with self._thread_lock, self._file_lock(mode):
            yield

    @contextmanager
    def _file_lock(self, mode: int) -> Iterator[None]:
        """Lock the folder against other processes; a thread would wait for another one by polling."""
        lock = FileLock(self.state_folder / "lock", timeout=_LOCK_SECONDS, mode=mode)
        with output_errors(self.state_folder / "lock"):
            try:
                lock.acquire()
            except Timeout:
                hint = f"if no other session runs, remove {self.state_folder / 'lock'}"
                raise OutputError(f"{self.path} is locked by another session", hint=hint) from None
        try:
            yield
        finally:
            lock.release()

    def check_writable(self) -> None:
        """Raise OutputError, before anything is generated, if results cannot be written into the folder."""
        for path in (self.path, self.state_folder, *(self.state_folder / name for name in _STATE_FILES)):
            if path.exists() and not os.access(path, os.W_OK):
                _raise_not_writable(path)
        if max(_read_counter(self._counter), (self._highest or 0) + 1) > MAX_NUMBER:
            raise self._no_more_numbers()
        with self.lock(), self.history.connection():  # both create what is missing
            pass

    def check_space(self, needed: int) -> None:
        """Raise OutputError, before anything is generated, if results of so many bytes do not fit on the disk."""
        with output_errors(self.path):
            free = shutil.disk_usage(self.path).free
        if needed > free:
            message = (
                f"the results need about {needed / 1e6:.0f} MB, but only {free / 1e6:.0f} MB are free in {self.path}"
            )
            raise OutputError(message, hint="free some space, or choose another folder with -o", field="outdir")

    def _no_more_numbers(self) -> OutputError:
        hint = f"choose another folder with -o; if no image has such a number, remove {self._counter}"
        return OutputError(f"{self.path} has no more numbers (at most {MAX_NUMBER})", hint=hint, field="outdir")

    def intermediates(self, path: Path) -> Path:
        """Return the folder for the steps of an image. For a file elsewhere it is beside it."""
        folder = self.path if path.is_relative_to(self.path) else path.parent
        return folder / "intermediates" / path.stem

    def relative_name(self, path: Path) -> str:
        """Return the path of a file as the history stores it: relative to the folder, else absolute."""
        return str(path.relative_to(self.path) if path.is_relative_to(self.path) else path.absolute())

    # -- history ----------------------------------------------------------------------------------------------------

    def last(self, back: int = 1) -> Entry | None:
        """Return the last result (1), the one before it (2), and so on. Sheets do not count."""
        unlisted = list(self.unlisted)
        return unlisted[-back] if back <= len(unlisted) else self.history.last(back - len(unlisted))

    def add_entry(self, entry: Entry, *, log: bool = True) -> None:
        """Add an image to the history and, by default, to the logs."""
        self.history.add(entry)
        if not entry.kind:
            self.unlisted.clear()
        if log:
            self.append_to_logs(entry)
        self.history.unmark_pending(entry.number)

    def append_to_logs(self, entry: Entry) -> None:
        """Append an image to the logs. What cannot be written is reported by `take_log_error`."""
        shown = f"{self.path.name}/{entry.path}" if not Path(entry.path).is_absolute() else entry.path
        try:
            append_line(self.path / "invoke_log.txt", f"{shown}: {entry.line}\n")
            append_line(self.path / "invoke_log.md", f"## {entry.path}\n![]({entry.path})\n\n    {entry.line}\n\n")
        except OutputError as error:
            self._log_errors.setdefault(error.message, False)

    def take_log_error(self) -> str:
        """Return why the logs cannot be written, once; empty if they can, or if it was reported before."""
        for message, is_reported in self._log_errors.items():
            if not is_reported:
                self._log_errors[message] = True
                return message
        return ""

    def recover(self) -> int:
        """Add images that a killed session wrote but did not add to the history. Return their count."""
        with self.lock():
            self.history.set_aside_if_damaged()
            self._remove_stale_parts()
            pending = {number: self.path / path for number, path in self.history.pending().items()}
            names, known = self._numbered_files(), self.history.numbers()
            unnumbered = {number: path for number, path in names.items() if number not in known}
            unknown = dict(sorted(unnumbered.items())[-_MAX_RECOVERED:]) | pending
            entries = [
                entry
                for number, path in unknown.items()
                if (entry := entry_from_file(path, number, self.relative_name(path)))
            ]
            logged = self._read_log() if entries else ""
            for entry in entries:
                self.add_entry(entry, log=f"{entry.path}: " not in logged)
            for number in pending.keys() - {entry.number for entry in entries}:
                self.history.unmark_pending(number)
        return len(entries)

    def _remove_stale_parts(self) -> None:
        """Remove the partial files of killed sessions, once they are too old to belong to a running one."""
        for part in self._parts():
            with contextlib.suppress(OSError):
                if time.time() - part.stat().st_mtime > _STALE_SECONDS:
                    part.unlink()

    def _parts(self) -> Iterator[Path]:
        """Yield the partial files in every folder that results are written into: also those of prompts and steps."""
        for folder in (self.path, self.state_folder, self.inputs):
            yield from folder.glob(".*.part")
        for folder in self.path.glob("[!.]*/"):
            yield from folder.glob(".*.part")
        for depth in ("*", "*/*"):  # the steps of an image, and those of each stage of a chain
            yield from (self.path / "intermediates").glob(f"{depth}/.*.part")

    def _read_log(self) -> str:
        try:
            return read_input_text(self.path / "invoke_log.txt", STATE, errors="replace")
        except OSError:
            return ""

    def move_to_trash(self, path: Path) -> Path:
        """Move a file to the trash folder. Return its new path."""
        trash = self.state_folder / "trash"
        with output_errors(trash):
            make_folder(trash)
            target = trash / path.name
            count = 1
            while target.exists():
                count += 1
                target = trash / f"{path.stem}-{count}{path.suffix}"
            shutil.move(path, target)
        return target

    # -- inputs -----------------------------------------------------------------------------------------------------

    def keep_input(self, data: bytes, sha256: str, name: str, source: str = "") -> Path:
        """Store an input under the hash of its content. Return its path. The same content is stored once.

        It is found again by its name and by its `source`, the address that it was downloaded from.
        """
        suffix = Path(name).suffix.lower()
        suffix = suffix if re.fullmatch(r"\.[a-z0-9]{1,11}", suffix) else ".png"
        path = self.inputs / f"{sha256}{suffix}"
        if not path.exists():
            write_atomically(path, data)
        for each in filter(None, (name, source)):
            self.history.add_input(each, sha256, suffix)
        return path

    def find_input(self, sha256: str) -> Path | None:
        """Return the stored input with this hash, if any."""
        return next(self.inputs.glob(f"{sha256}.*"), None) if sha256 else None

    def find_input_by_name(self, name: str) -> Path | None:
        """Return the stored input that was last used under this name or address, if any."""
        file = self.history.find_input_by_name(name)
        path = self.inputs / file if file else None
        return path if path is not None and path.exists() else None

    # -- names ------------------------------------------------------------------------------------------------------

    def path_of(self, entry: Entry) -> Path:
        """Return the path of an image of the history."""
        return self.path / entry.path

    def entry_of(self, path: Path) -> Entry | None:
        """Return the image of the history whose file is at `path`."""
        inside = path.resolve().is_relative_to(self.path.resolve())
        name = path.resolve().relative_to(self.path.resolve()) if inside else path.absolute()
        return self.history.by_path(str(name))

    def starting_with(self, start: str) -> list[Path]:
        """Return the images whose name begins with `start`, sorted, without step strips."""
        names = (path for path in self.path.glob("*.png") if not path.name.endswith(".steps.png"))
        return sorted(path for path in names if path.name.startswith(start))


def _read_counter(counter: Path) -> int:
    try:
        number = int(read_input_text(counter, STATE))
    except (OSError, ValueError):
        return 1
    return number if 0 < number <= MAX_NUMBER + 1 else 1


def _raise_not_writable(path: Path) -> None:
    """Raise OutputError for a file or folder that cannot be written, with the reason."""
    with output_errors(path):
        read_only = os.statvfs(path).f_flag & os.ST_RDONLY if hasattr(os, "statvfs") else 0
        number = errno.EROFS if read_only else errno.EACCES
        raise OSError(number, os.strerror(number))
