"""What a run of a file of lines has generated, so that an interrupted run can be continued.

The journal is a file in the output folder, named after the hash of the file of lines, with one JSON object per line.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from invoke_cli.documents import InvalidDocument, parse_json
from invoke_cli.input_files import STATE, read_input_text
from invoke_cli.output.files import append_line
from invoke_cli.output.folder import OutputFolder
from invoke_cli.output.numbering import Numbering

BATCHES = "batches"


class BatchJournal:
    """The journal of a file of lines.

    Args:
        folder: The output folder.
        sha256: The hash of the file of lines.

    Attributes:
        base_seed: The recorded base seed; None if there is none.
        complete: The numbers of the lines that are complete.
        numbers: The numbers that were reserved for the images of each line, by folder and line.
    """

    def __init__(self, folder: OutputFolder, sha256: str) -> None:
        self.path = folder.state_folder / BATCHES / f"{sha256}.jsonl"
        self.base_seed: int | None = None
        self.complete: set[int] = set()
        self.numbers: dict[tuple[str, int], list[int]] = {}
        self._lock = threading.Lock()

    def read(self) -> None:
        """Read what earlier runs have recorded; a damaged line is left out, as after a crash."""
        try:
            text = read_input_text(self.path, STATE, errors="replace")
        except OSError:
            return
        for line in text.splitlines():
            try:
                self._take(parse_json(line))
            except (InvalidDocument, KeyError, TypeError, ValueError):
                continue

    def begin(self, base_seed: int) -> None:
        """Begin a new journal."""
        self.path.unlink(missing_ok=True)
        self.base_seed = base_seed
        self._append({"base_seed": base_seed})

    def reserve(self, folder: Path, line: int, numbers: Sequence[int]) -> None:
        """Record the numbers that were reserved for images of a line."""
        self._append({"line": line, "folder": str(folder), "first": numbers[0], "count": len(numbers)})

    def finish(self, line: int) -> None:
        """Record that a line is complete."""
        self._append({"line": line, "complete": True})

    def _append(self, record: Mapping[str, object]) -> None:
        with self._lock:
            append_line(self.path, json.dumps(record) + "\n")

    def _take(self, record: Any) -> None:
        if "base_seed" in record:
            self.base_seed = int(record["base_seed"])
        elif record.get("complete"):
            self.complete.add(int(record["line"]))
        else:
            first, count = int(record["first"]), int(record["count"])
            if not 0 < count < 10**6:
                return
            self.numbers.setdefault((str(record["folder"]), int(record["line"])), []).extend(
                range(first, first + count)
            )


class JournalledNumbers:
    """Reserves numbers for one line: those of an earlier run, or new ones, which it records.

    Args:
        journal: The journal.
        line: The number of the line.
        following: Reserves new numbers.
    """

    def __init__(self, journal: BatchJournal, line: int, following: Numbering) -> None:
        self._journal, self._line, self._following = journal, line, following

    def reserve(self, folder: OutputFolder, count: int) -> Sequence[int]:
        """Return numbers that no other run gets."""
        recorded = self._journal.numbers.get((str(folder.path), self._line), [])
        if len(recorded) >= count:
            taken, recorded[:count] = recorded[:count], []
            return taken
        numbers = self._following.reserve(folder, count)
        self._journal.reserve(folder.path, self._line, numbers)
        return numbers
