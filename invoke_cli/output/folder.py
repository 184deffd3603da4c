"""An output folder: numbers, history, logs, kept inputs and the names of earlier images."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from invoke_cli.errors import OutputError
from invoke_cli.input_files import STATE, read_input_text
from invoke_cli.language.limits import MAX_NUMBER
from invoke_cli.output.entries import Entry
from invoke_cli.output.entry_reader import entry_from_file
from invoke_cli.output.files import append_line, is_stale, make_folder, output_errors, write_atomically
from invoke_cli.output.folder_lock import FolderLock
from invoke_cli.output.folder_names import partial_files, read_folder_names
from invoke_cli.output.history import History

_MAX_RECOVERED = 200
_STATE_FILES = ("lock", "next_number", "history.sqlite3", "inputs")
_WITHOUT_LOCKS = (
    "its file system cannot lock files; numbers are claimed one by one, and images of interrupted sessions enter the "
    "history an hour later"
)


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
        self._lock = FolderLock(self.state_folder)
        self._identity: int | None = None
        self._log_errors: dict[str, bool] = {}  # messages, and whether each was reported
        self._notices: dict[str, bool] = {}

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
        number = self._lock.claim(max(_read_counter(self._counter), self._highest_used() + 1), count)
        if number + count - 1 > MAX_NUMBER:
            raise self._no_more_numbers()
        write_atomically(self._counter, f"{number + count}\n".encode(), durable=False)
        self._highest = number + count - 1  # counted on in a new folder, if this one is renamed meanwhile
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
        """Return the highest number that is known to be used: in the folder and its history at the session's start,
        and by this session since.
        """
        if self._highest is None:
            self._note_used(read_folder_names(self.path).numbered, self.history.numbers())
        return self._highest or 0

    def _note_used(self, *used: Collection[int]) -> None:
        highest = max((max(numbers, default=0) for numbers in used), default=0)
        if highest > MAX_NUMBER:  # a foreign number
            highest = max((each for numbers in used for each in numbers if each <= MAX_NUMBER), default=0)
        self._highest = highest

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the folder against other threads and, where its file system can lock files, other processes.

        Raises:
            OutputError: Another session holds the lock for too long.
        """
        with self._lock.hold():
            if not self._lock.is_available:
                self.history.is_unlockable = True
                self._notices.setdefault(f"{self.path}: {_WITHOUT_LOCKS}", False)
            self._check_moved()
            yield

    def _check_moved(self) -> None:
        """Note that the folder was renamed or removed since it was last used, so that this is a new one."""
        with output_errors(self.state_folder):
            identity = self.state_folder.stat().st_ino
        if self._identity not in (None, identity):
            text = f"{self.path} was renamed or removed; what follows is written to a new folder of this name"
            self._notices[text] = False
        self._identity = identity

    def check_writable(self) -> None:
        """Raise OutputError, before anything is generated, if results cannot be written into the folder."""
        for path in (self.path, self.state_folder, *(self.state_folder / name for name in _STATE_FILES)):
            if path.exists() and not os.access(path, os.W_OK):
                _raise_not_writable(path)
        if max(_read_counter(self._counter), (self._highest or 0) + 1) > MAX_NUMBER:
            raise self._no_more_numbers()
        with self.lock(), self.history.connection():  # both create what is missing
            pass

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
        return _take_unreported(self._log_errors)

    def take_notice(self) -> str:
        """Return what the user should know about the folder, once; empty if there is nothing new."""
        return _take_unreported(self._notices)

    def recover(self) -> int:
        """Add images that a killed session wrote but did not add to the history. Return their count."""
        with self.lock():
            self.history.set_aside_if_damaged()
            names = read_folder_names(self.path)
            self._remove_stale_parts(names.others)
            pending = {number: self.path / path for number, path in self.history.pending().items()}
            known = self.history.numbers()
            self._note_used(names.numbered, known)
            unnumbered = sorted(names.numbered.keys() - known)[-_MAX_RECOVERED:]
            unknown = {number: self.path / names.numbered[number] for number in unnumbered} | pending
            entries = [
                entry
                for number, path in unknown.items()
                if not self._may_be_unfinished(path) and (entry := self._entry_of_file(path, number))
            ]
            logged = self._read_log() if entries else ""
            for entry in entries:
                self.add_entry(entry, log=f"{entry.path}: " not in logged)
            for number in pending.keys() - {entry.number for entry in entries}:
                self._finish_pending(number, pending[number])
        return len(entries)

    def _finish_pending(self, number: int, path: Path) -> None:
        """Remove the mark of an image that was never written, or that was being moved to the trash."""
        if not self._may_be_unfinished(path):
            if not path.exists():
                self.history.mark_removed(number)
            self.history.unmark_pending(number)

    def _entry_of_file(self, path: Path, number: int) -> Entry | None:
        """Return the entry of a file: the recorded one if the session was killed just after recording it."""
        recorded = self.history.get(number) if path.exists() else None
        return recorded or entry_from_file(path, number, self.relative_name(path))

    def _may_be_unfinished(self, path: Path) -> bool:
        """Return whether another session may be about to write an image: without locks, until it is old enough."""
        return not self._lock.is_available and (not path.exists() or not is_stale(path))

    def _remove_stale_parts(self, others: Sequence[str]) -> None:
        """Remove what killed sessions left, once it is too old to belong to a running one: partial files and claims."""
        for part in partial_files(self.path, others):
            with contextlib.suppress(OSError):
                if is_stale(part):
                    part.unlink()
        self._lock.remove_old_claims(_read_counter(self._counter))

    def _read_log(self) -> str:
        try:
            return read_input_text(self.path / "invoke_log.txt", STATE, errors="replace")
        except OSError:
            return ""

    def remove(self, entry: Entry, extras: Sequence[Path]) -> Iterator[tuple[Path, Path]]:
        """Move an image and the files beside it, as far as they exist, to the trash. Yield each old and new path.

        The image is last: a session that is killed before has removed nothing, one that is killed later all of it.
        """
        path = self.path_of(entry)
        self.history.mark_pending(entry.number, entry.path)
        for file in (*extras, path):
            if file.exists():
                yield file, self.move_to_trash(file)
        self.history.mark_removed(entry.number)
        self.history.unmark_pending(entry.number)

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
        names = [name for name in os.listdir(self.path) if name.startswith(start)] if self.path.is_dir() else []  # noqa: PTH208
        return sorted(self.path / each for each in names if each.endswith(".png") and not each.endswith(".steps.png"))


def _take_unreported(messages: dict[str, bool]) -> str:
    """Return the first message that was not reported, and mark it as reported."""
    for message, is_reported in messages.items():
        if not is_reported:
            messages[message] = True
            return message
    return ""


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
