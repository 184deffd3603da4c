"""The progress of an unfinished sweep, a JSON Lines file in the output folder.

The first record contains the seed and the recent results that the line refers to; one record for each finished cell
follows, with the numbers of its images.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from invoke_cli.documents import parse_json
from invoke_cli.input_files import STATE, read_input_text
from invoke_cli.output.entries import Entry
from invoke_cli.output.files import append_line
from invoke_cli.output.folder import OutputFolder


class SweepProgress:
    """The finished cells of a sweep, without unreadable records and cells with missing images.

    Attributes:
        folder: The output folder.
        seed: The seed of the interrupted run; None if there is none.
        recalls: What its references to recent results refer to.
        entries: The images of each finished cell, by its identity.
    """

    def __init__(self, folder: OutputFolder, key: str) -> None:
        self.folder = folder
        self.seed: int | None = None
        self.recalls: Mapping[str, str] = {}
        self.entries: dict[str, tuple[Entry, ...]] = {}
        self._path: Path = folder.state_folder / "sweeps" / f"{key[:32]}.jsonl"
        for record in self._records():
            self._read(record)

    def _records(self) -> Iterator[dict[str, Any]]:
        try:
            texts = read_input_text(self._path, STATE).splitlines()
        except (OSError, UnicodeDecodeError):
            return
        for text in texts:
            try:
                record = parse_json(text)
            except (ValueError, RecursionError):
                continue
            if isinstance(record, dict):
                yield record

    def _read(self, record: Mapping[str, Any]) -> None:
        seed, recalls, cell, numbers = (record.get(name) for name in ("seed", "recalls", "cell", "numbers"))
        if isinstance(seed, int) and isinstance(recalls, dict):
            self.seed = seed
            self.recalls = {str(reference): str(name) for reference, name in recalls.items()}
        elif isinstance(cell, str) and isinstance(numbers, list):
            self._add_images(cell, [number for number in numbers if isinstance(number, int)])

    def _add_images(self, cell: str, numbers: Sequence[int]) -> None:
        entries = [entry for number in numbers if (entry := self.folder.history.get(number)) is not None]
        if entries and len(entries) == len(numbers) and all(self.folder.path_of(each).is_file() for each in entries):
            self.entries[cell] = tuple(entries)

    def begin(self, seed: int, recalls: Mapping[str, str]) -> None:
        """Record the seed and the references, so that cells generated later use the same."""
        if self.seed is None:
            append_line(self._path, f"{json.dumps({'seed': seed, 'recalls': recalls})}\n")

    def add(self, cell: str, numbers: Sequence[int]) -> None:
        """Record a finished cell."""
        append_line(self._path, f"{json.dumps({'cell': cell, 'numbers': numbers})}\n")
        self._add_images(cell, numbers)

    def delete(self) -> None:
        """Delete the record of a finished sweep."""
        self._path.unlink(missing_ok=True)
