"""One output folder: who may take which number, where its books are, and what earlier images are called."""

from __future__ import annotations

import contextlib
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from invoke_cli.errors import OutputError
from invoke_cli.output.entries import Entry
from invoke_cli.output.entry_reader import entry_from_file
from invoke_cli.output.files import append_line, output_errors, write_whole
from invoke_cli.output.history import History

_NUMBERED = re.compile(r"(\d{6,})\..*\.png$")
_LOCK_SECONDS = 60
_RECOVERED_AT_MOST = 200
_STALE_SECONDS = 3600


class OutputFolder:
    """A folder of results and its hidden books under `.invoke/`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state_folder = path / ".invoke"
        self.inputs = self.state_folder / "inputs"
        self.history = History(self.state_folder / "history.sqlite3")
        self._highest: int | None = None

    # -- numbers ----------------------------------------------------------------------------------------------------

    @contextmanager
    def numbered(self) -> Iterator[int]:
        """A number that nobody else has or gets, in this process or another; the folder is held meanwhile."""
        with self.locked():
            counter = self.state_folder / "next_number"
            if self._highest is None:
                self._highest = max([*self._names(), *self.history.numbers()], default=0)
            number = max(_counted(counter), self._highest + 1)
            write_whole(counter, f"{number + 1}\n".encode(), durable=False)
            yield number

    def _names(self) -> dict[int, Path]:
        """The numbered images in the folder."""
        return {int(match[1]): path for path in self.path.glob("*.png") if (match := _NUMBERED.match(path.name))}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder against other processes."""
        with output_errors(self.state_folder):
            self.state_folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.state_folder / "lock", timeout=_LOCK_SECONDS):
                yield
        except Timeout:
            hint = f"if no other session runs, remove {self.state_folder / 'lock'}"
            raise OutputError(f"{self.path} is locked by another session", hint=hint) from None

    def intermediates(self, path: Path, number: int, seed: int) -> Path:
        """Where the steps of an image lie; of a file outside the folder, by its number and seed."""
        return self.path / "intermediates" / (path.stem if path.is_relative_to(self.path) else f"{number:06d}.{seed}")

    def inside(self, path: Path) -> str:
        """How the books name a file: relative to the folder, absolute when it lies elsewhere."""
        return str(path.relative_to(self.path) if path.is_relative_to(self.path) else path.absolute())

    # -- books ------------------------------------------------------------------------------------------------------

    def enter(self, entry: Entry, *, log: bool = True) -> None:
        """Write an image into the history and, mostly, the logs."""
        self.history.add(entry)
        if log:
            shown = f"{self.path.name}/{entry.path}" if not Path(entry.path).is_absolute() else entry.path
            append_line(self.path / "invoke_log.txt", f"{shown}: {entry.line}\n")
            append_line(self.path / "invoke_log.md", f"## {entry.path}\n![]({entry.path})\n\n    {entry.line}\n\n")
        self.history.ended(entry.number)

    def recover(self) -> int:
        """Enter images that a killed session finished but did not enter; returns how many there were."""
        with self.locked():
            self.history.set_aside_when_damaged()
            self._sweep_parts()
            begun = {number: self.path / path for number, path in self.history.begun().items()}
            names, known = self._names(), self.history.numbers()
            unnumbered = {number: path for number, path in names.items() if number not in known}
            unknown = dict(sorted(unnumbered.items())[-_RECOVERED_AT_MOST:]) | begun
            entries = [
                entry for number, path in unknown.items() if (entry := entry_from_file(path, number, self.inside(path)))
            ]
            logged = self._logged() if entries else ""
            for entry in entries:
                self.enter(entry, log=f"{entry.path}: " not in logged)
            for number in begun.keys() - {entry.number for entry in entries}:
                self.history.ended(number)
        return len(entries)

    def _sweep_parts(self) -> None:
        """Remove what a killed session had begun to write, once it is too old to belong to a living one."""
        for part in self.path.glob(".*.part"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - part.stat().st_mtime > _STALE_SECONDS:
                    part.unlink()

    def _logged(self) -> str:
        try:
            return (self.path / "invoke_log.txt").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def to_trash(self, path: Path) -> Path:
        """Move a file into the folder's trash; returns where it lies now."""
        trash = self.state_folder / "trash"
        with output_errors(trash):
            trash.mkdir(parents=True, exist_ok=True)
            kept = trash / path.name
            count = 1
            while kept.exists():
                count += 1
                kept = trash / f"{path.stem}-{count}{path.suffix}"
            shutil.move(path, kept)
        return kept

    # -- inputs -----------------------------------------------------------------------------------------------------

    def keep_input(self, data: bytes, sha256: str, name: str) -> Path:
        """Keep an input by its content; returns where. The same content is kept once."""
        suffix = Path(name).suffix.lower()
        suffix = suffix if re.fullmatch(r"\.[a-z0-9]{1,11}", suffix) else ".png"
        path = self.inputs / f"{sha256}{suffix}"
        if not path.exists():
            write_whole(path, data)
        self.history.add_input(name, sha256, suffix)
        return path

    def find_input(self, sha256: str) -> Path | None:
        """The kept input of this content."""
        return next(self.inputs.glob(f"{sha256}.*"), None) if sha256 else None

    def input_named(self, name: str) -> Path | None:
        """The kept input that was last used under this name."""
        file = self.history.input_named(name)
        path = self.inputs / file if file else None
        return path if path is not None and path.exists() else None

    # -- names ------------------------------------------------------------------------------------------------------

    def path_of(self, entry: Entry) -> Path:
        """Where an image of the history lies."""
        return self.path / entry.path

    def starting_with(self, start: str) -> list[Path]:
        """The images whose name begins so, sorted; the strips beside them do not count."""
        names = (path for path in self.path.glob("*.png") if not path.name.endswith(".steps.png"))
        return sorted(path for path in names if path.name.startswith(start))


def _counted(counter: Path) -> int:
    try:
        return max(1, int(counter.read_text()))
    except (OSError, ValueError):
        return 1
