"""Convert history queries to SQL. Every query reads from the newest image back, so that a full page ends it early."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from invoke_cli.errors import CommandError
from invoke_cli.language.grammar.history_query import FIELDS, Condition, Query
from invoke_cli.output.entries import COLUMNS

_MIN_INDEXED_LENGTH = 3  # characters; the index consists of trigrams
_OPERATORS = ("<", "<=", ">", ">=", "=", "!=")
_COMPARABLE = frozenset(FIELDS) | {"created", "kind", "rating"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """An SQL query and the values of its placeholders."""

    text: str
    values: tuple[object, ...]


def build_statement(query: Query, count: int, *, words: bool = True) -> Statement:
    """Return the SQL for the last `count` images that match a query, newest first. `words`: there is a word index."""
    indexed = [word for word in query.words if len(word) >= _MIN_INDEXED_LENGTH] if words else []
    if indexed:
        source, number = "words CROSS JOIN facts f ON f.number = words.rowid", "words.rowid"
        first: list[tuple[str, object]] = [("words MATCH ?", " AND ".join(_quote(word) for word in indexed))]
        tags = query.tags
    elif query.tags:
        source, number = "tags t CROSS JOIN facts f ON f.number = t.number", "t.number"
        first, tags = [("t.tag = ?", query.tags[0])], query.tags[1:]
    else:
        source, number, first, tags = "facts f", "f.number", [], query.tags
    clauses = [*first, *map(_clause, query.conditions)]
    clauses += [("EXISTS (SELECT 1 FROM tags WHERE tag = ? AND number = f.number)", tag) for tag in tags]
    clauses += list(_scan_clauses(query, indexed))
    where = "".join(f" AND {text}" for text, _ in clauses)
    return Statement(
        text=f"SELECT {COLUMNS} FROM {source} CROSS JOIN images i ON i.number = f.number "
        f"WHERE i.removed = 0{where} ORDER BY {number} DESC LIMIT ?",
        values=(*(value for _, value in clauses), count),
    )


def _clause(condition: Condition) -> tuple[str, object]:
    if condition.field not in _COMPARABLE:
        raise CommandError(f"images have no setting {condition.field}", hint="!help search")
    if condition.comparison == "has":
        return f"f.{condition.field} LIKE ? ESCAPE '\\'", f"%{escape_like(str(condition.value))}%"
    assert condition.comparison in _OPERATORS
    return f"f.{condition.field} {condition.comparison} ?", condition.value


def _scan_clauses(query: Query, indexed: list[str]) -> Iterator[tuple[str, object]]:
    """Yield clauses that scan the lines for words that are too short for the index."""
    for word in query.words:
        if word not in indexed:
            yield "i.line LIKE ? ESCAPE '\\'", f"%{escape_like(word)}%"


def _quote(word: str) -> str:
    escaped = word.replace('"', '""')
    return f'"{escaped}"'


def escape_like(word: str) -> str:
    """Escape a word for a LIKE pattern."""
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
