"""The lines typed in all sessions of a folder, and the search through them and the lines of images."""

from __future__ import annotations

import contextlib
from pathlib import Path

from invoke_cli.input_files import LINES, read_input_text
from invoke_cli.language.addresses import mask_secrets
from invoke_cli.output.database import Database
from invoke_cli.output.search import escape_like

MAX_LINES = 200_000
MAX_ADOPTED = 1000  # the length of a history of InvokeAI 2.x
LEGACY_HISTORY = ".invoke_history"
_EDITLINE = "_HiStOrY_V2_"  # the first line of a history that macOS wrote, with \\040 for blanks


class TypedLines(Database):
    """The typed lines of one database. A line that is typed again moves to the end."""

    def remember(self, *lines: str) -> None:
        """Add lines, oldest first, without passwords and tokens."""
        with self.transaction() as database:
            database.executemany(
                "INSERT OR REPLACE INTO lines (line) VALUES (?)", [(mask_secrets(line),) for line in lines]
            )
            last = "(SELECT MAX(rowid) FROM lines)"
            database.execute(f"DELETE FROM lines WHERE rowid <= {last} - ?", (MAX_LINES,))

    def adopt(self, path: Path) -> None:
        """Add the lines of a history of InvokeAI 2.x, unless lines were typed before."""
        if self.recent(1) or not path.is_file():
            return
        with contextlib.suppress(OSError, ValueError):
            lines = read_input_text(path, LINES, "replace").splitlines()[-MAX_ADOPTED:]
            self.remember(*(line.replace("\\040", " ") for line in lines if line.strip() and line != _EDITLINE))

    def forget(self) -> None:
        """Delete all typed lines."""
        with self.transaction() as database:
            database.execute("DELETE FROM lines")

    def recent(self, count: int) -> list[str]:
        """Return the last typed lines, newest first."""
        return [str(line) for (line,) in self.rows("SELECT line FROM lines ORDER BY rowid DESC LIMIT ?", (count,))]

    def numbered(self, words: str, count: int) -> list[tuple[int, str]]:
        """Return the last lines that contain all words, in any order and case, with their numbers; oldest first."""
        patterns = [f"%{escape_like(word)}%" for word in words.split()]
        clause = " AND ".join(["1", *["line LIKE ? ESCAPE '\\'"] * len(patterns)])
        query = f"SELECT rowid, line FROM lines WHERE {clause} ORDER BY rowid DESC LIMIT ?"
        return [(int(number), str(line)) for number, line in reversed(self.rows(query, (*patterns, count)))]

    def line(self, number: int) -> str | None:
        """Return the line with this number."""
        found = self.rows("SELECT line FROM lines WHERE rowid = ?", (number,))
        return str(found[0][0]) if found else None

    def find_by_start(self, start: str) -> str | None:
        """Return the last typed line that begins with `start` and is longer, else that of the newest image."""
        begins = "substr(line, 1, ?) = ? AND length(line) > ?"
        values = (len(start), start, len(start))
        typed = self.rows(f"SELECT line FROM lines WHERE {begins} ORDER BY rowid DESC LIMIT 1", values)
        generated = "SELECT line FROM images WHERE removed = 0 AND kind = '' AND"
        found = typed or self.rows(f"{generated} {begins} ORDER BY number DESC LIMIT 1", values)
        return str(found[0][0]) if found else None

    def find_containing(self, words: str, count: int) -> list[tuple[str, int | None]]:
        """Return lines that contain all words, in any order and case.

        Returns:
            Typed lines first, then lines of images with their number; each newest first.
        """
        patterns = [f"%{escape_like(word)}%" for word in words.split()]
        clause = " AND ".join(["1", *["line LIKE ? ESCAPE '\\'"] * len(patterns)])
        query = f"SELECT line FROM lines WHERE {clause} ORDER BY rowid DESC LIMIT ?"
        typed: dict[str, int | None] = dict.fromkeys(str(line) for (line,) in self.rows(query, (*patterns, count)))
        generated = f"SELECT line, number FROM images WHERE removed = 0 AND kind = '' AND {clause}"
        for line, number in self.rows(f"{generated} ORDER BY number DESC LIMIT ?", (*patterns, count)):
            typed.setdefault(str(line), int(number))
        return list(typed.items())[:count]
