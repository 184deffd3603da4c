"""The lines that all sessions typed in a folder, the latest last; and what they and the images' lines offer."""

from __future__ import annotations

from invoke_cli.output.database import Database
from invoke_cli.output.search import like

MOST_KEPT = 200_000


class TypedLines(Database):
    """The typed lines of one database. A line that is typed again counts as typed now."""

    def remember(self, *lines: str) -> None:
        """Keep lines, the oldest first."""
        with self.writing() as database:
            database.executemany("INSERT OR REPLACE INTO lines (line) VALUES (?)", [(line,) for line in lines])
            last = "(SELECT MAX(rowid) FROM lines)"
            database.execute(f"DELETE FROM lines WHERE rowid <= {last} - ?", (MOST_KEPT,))

    def forget(self) -> None:
        """Drop all typed lines."""
        with self.writing() as database:
            database.execute("DELETE FROM lines")

    def recent(self, count: int) -> list[str]:
        """The lines typed last, the newest first."""
        return [str(line) for (line,) in self.rows("SELECT line FROM lines ORDER BY rowid DESC LIMIT ?", (count,))]

    def beginning_with(self, start: str) -> str | None:
        """The line typed last that goes on from `start`; else the newest image's line that does."""
        begins = "substr(line, 1, ?) = ? AND length(line) > ?"
        values = (len(start), start, len(start))
        typed = self.rows(f"SELECT line FROM lines WHERE {begins} ORDER BY rowid DESC LIMIT 1", values)
        drawn = "SELECT line FROM images WHERE removed = 0 AND kind = '' AND"
        found = typed or self.rows(f"{drawn} {begins} ORDER BY number DESC LIMIT 1", values)
        return str(found[0][0]) if found else None

    def holding(self, words: str, count: int) -> list[tuple[str, int | None]]:
        """Lines that hold all words in any order and case, typed ones first, then those of images with their number;
        the newest of each first.
        """
        wanted = [f"%{like(word)}%" for word in words.split()]
        clause = " AND ".join(["1", *["line LIKE ? ESCAPE '\\'"] * len(wanted)])
        query = f"SELECT line FROM lines WHERE {clause} ORDER BY rowid DESC LIMIT ?"
        typed: dict[str, int | None] = dict.fromkeys(str(line) for (line,) in self.rows(query, (*wanted, count)))
        drawn = f"SELECT line, number FROM images WHERE removed = 0 AND kind = '' AND {clause}"
        for line, number in self.rows(f"{drawn} ORDER BY number DESC LIMIT ?", (*wanted, count)):
            typed.setdefault(str(line), int(number))
        return list(typed.items())[:count]
