"""The history database: queries, query plans, migration, two processes at once."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from invoke_cli.errors import CommandError, OutputError
from invoke_cli.language.grammar.history_query import FIELDS, Condition, parse_query, parse_time
from invoke_cli.language.switches.table import SWITCHES
from invoke_cli.output.database import Database
from invoke_cli.output.entries import Entry
from invoke_cli.output.folder import OutputFolder
from invoke_cli.output.history import History
from invoke_cli.output.search import build_statement
from invoke_cli.output.typed_lines import LEGACY_HISTORY, TypedLines

NOW = datetime(2026, 3, 10, 15, 30, tzinfo=timezone(timedelta(hours=2)))


@pytest.fixture
def history(tmp_path: Path) -> History:
    history = OutputFolder(tmp_path).history
    lines = [
        "a red fox -s 20 -S 7 -f 0.3 -m sd15 -I x.png",
        "a red boat -s 30 -S 8 -f 0.7 -m sdxl-base -I x.png",
        "a blue boat -s 30 -S 9 -C 12 -m sdxl-base --seamless",
        "a castle -s 10 -S 1 | snow -s 40 -S 2 -f 0.6 -m sd15",
    ]
    for number, line in enumerate(lines, start=1):
        created = datetime(2026, 3, 6 + number, 12, tzinfo=UTC).isoformat(timespec="seconds")
        history.add(Entry(number=number, path=f"{number}.png", line=line, seed=number, created=created))
    return history


def found(history: History, query: str) -> list[int]:
    """Return the numbers of the images that match a query."""
    return [entry.number for entry in history.find(parse_query(query.split(), NOW), 100)]


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("BOAT", [2, 3]),
        ("red boat", [2]),
        ("ed bo", [2]),
        ("strength>0.5", [2, 4]),
        ("f<=0.3", [1]),
        ("-f", [1, 2, 4]),
        ("s>=30", [2, 3, 4]),
        ("S=9", [3]),
        ("seed:8", [2]),
        ("model:XL", [2, 3]),
        ("m:sd15 snow", [4]),
        ("strength:balanced", []),
        ("seamless:yes", [3]),
        ("prompt:fox", [1]),
        ("C>10 boat", [3]),
        ("since:yesterday", [3, 4]),
        ("since:today", [4]),
        ("since:2d", [3, 4]),
        ("before:2026-03-08", [1]),
        ("since:2026-03-08 before:2026-03-09", [2]),
        ("since:2026", [1, 2, 3, 4]),
        ("%", []),
        ("10:30", []),
    ],
)
def test_queries_find_images(history: History, query: str, numbers: list[int]) -> None:
    assert found(history, query) == numbers


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ("strenth>0.5", "strength"),
        ("strength>much", "strength"),
        ("model>3", "model"),
        ("steps>", "value"),
        ("since:whenever", "time"),
        ("rating>good", "rating"),
    ],
)
def test_the_error_of_a_bad_query_names_the_nearest_term(query: str, part: str) -> None:
    with pytest.raises(CommandError) as caught:
        parse_query([query], NOW)
    assert part in caught.value.message + caught.value.hint


def test_every_recorded_switch_can_be_queried() -> None:
    for row in SWITCHES:
        if row.field in FIELDS and not row.is_flag and row.example:
            value = (
                row.example.split(row.flags[0], 1)[1].lstrip(" =").split(" ")[0] if row.flags[0] in row.example else "1"
            )
            parsed = parse_query([f"{row.name[2:]}:{value}"], NOW)
            assert [condition.field for condition in parsed.conditions] == [row.field], row.name


def test_times_are_in_the_local_time_zone() -> None:
    assert parse_time("yesterday", NOW) == datetime(2026, 3, 8, 22, tzinfo=UTC)
    assert parse_query(["since:2026-03-10"], NOW).conditions == (
        Condition(field="created", comparison=">=", value="2026-03-09T22:00:00+00:00"),
    )


def test_images_are_found_by_tag_and_rating(history: History) -> None:
    history.tag(2, "good", on=True)
    history.tag(3, "good", on=True)
    history.rate(3, 5)
    assert found(history, "tag:good") == [2, 3] and found(history, "tag:good rating>=4") == [3]
    assert found(history, "tag:good fox") == [] and found(history, "boat tag:GOOD S=8") == [2]
    assert history.annotations([1, 2, 3]) == {2: ("good",), 3: ("rated 5", "good")}
    again = history.get(3)
    assert again is not None
    history.add(again)
    assert found(history, "rating=5 boat") == [3]
    history.tag(2, "good", on=False)
    history.mark_removed(3)
    assert found(history, "tag:good") == [] and found(history, "boat") == [2]


def test_a_full_disk_is_not_mistaken_for_a_damaged_history(tmp_path: Path) -> None:
    database = Database(tmp_path / "history.sqlite3")
    with pytest.raises(OutputError, match="disk is full") as full, database.transaction() as connection:
        connection.execute("PRAGMA max_page_count = 1")
        connection.execute("CREATE TABLE more AS SELECT zeroblob(1000000)")
    assert "free space" in full.value.hint and "away" not in full.value.hint
    (tmp_path / "bad.sqlite3").write_bytes(b"no database" * 1000)
    with pytest.raises(OutputError, match="not a database") as damaged, Database(tmp_path / "bad.sqlite3").connection():
        pass
    assert "move bad.sqlite3 away" in damaged.value.hint


def test_an_old_database_is_migrated(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite3"
    with sqlite3.connect(path) as old:
        old.execute(
            "CREATE TABLE images (number INTEGER PRIMARY KEY, path TEXT NOT NULL, line TEXT NOT NULL, "
            "seed INTEGER NOT NULL, created TEXT NOT NULL, pixel_sha256 TEXT NOT NULL, parents TEXT NOT NULL, "
            "removed INTEGER NOT NULL DEFAULT 0)"
        )
        old.execute("INSERT INTO images VALUES (1, '1.png', 'a red fox -f 0.7', 5, '', '', '[\"x.png\"]', 0)")
        old.execute("INSERT INTO images VALUES (2, '2.png', 'a red cat', 5, '', '', '[]', 1)")
    old.close()
    history = History(path)
    assert found(history, "fox f>.5") == [1] and found(history, "red") == [1]
    (entry,) = history.find(parse_query(["fox"], NOW), 5)
    assert entry.parents[0].name == "x.png"
    history.add(entry)
    assert found(history, "fox") == [1]


def test_queries_walk_indexes_from_the_newest_without_sorting(history: History) -> None:
    for query in (
        "fox",
        "fox boat strength>0.5",
        "strength>0.5",
        "tag:good",
        "tag:good fox since:today",
        "a",
        "model:x",
    ):
        parsed = build_statement(parse_query(query.split(), NOW), 10)
        with history.connection() as database:
            plan = [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {parsed.text}", parsed.values)]
        assert not any("TEMP B-TREE" in step for step in plan), (query, plan)
        assert not any(step.startswith("SCAN i") for step in plan), (query, plan)
    for query in ("fox", "boat strength>0.5"):
        parsed = build_statement(parse_query(query.split(), NOW), 10)
        with history.connection() as database:
            plan = [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {parsed.text}", parsed.values)]
        assert "VIRTUAL TABLE" in plan[0]


WRITER = """
import sys
from pathlib import Path
from invoke_cli.output.entries import Entry
from invoke_cli.output.folder import OutputFolder
folder = OutputFolder(Path(sys.argv[1]))
for _ in range(60):
    with folder.reserve_number() as number:
        line = f"a fox {sys.argv[2]} -S {number}"
        folder.add_entry(Entry(number=number, path=f"{number}.png", line=line, seed=number, created=""))
    folder.history.tag(number, sys.argv[2], on=True)
    assert folder.history.recent(3)
"""


def test_two_processes_can_write_at_once(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), name], stderr=subprocess.PIPE, text=True)
        for name in ("one", "two")
    ]
    errors = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    history = OutputFolder(tmp_path).history
    assert found(history, "fox")[-1] == 120 and len(history.find(parse_query(["fox"], NOW), 1000)) == 120
    assert len(history.find(parse_query(["tag:one"], NOW), 1000)) == 60
    assert len(history.find(parse_query(["fox", "two"], NOW), 1000)) == 60


@pytest.mark.parametrize("first", ["", "_HiStOrY_V2_\n"])
def test_the_lines_of_2x_are_adopted_once(tmp_path: Path, first: str) -> None:
    path = tmp_path / LEGACY_HISTORY
    path.write_text(f"{first}a\\040cat -s20\n\na dog -S -1\n", encoding="utf-8")
    lines = TypedLines(tmp_path / "history.sqlite3")
    lines.adopt(path)
    assert lines.recent(9) == ["a dog -S -1", "a cat -s20"]
    path.write_text("a bird\n", encoding="utf-8")
    lines.adopt(path)
    assert "a bird" not in lines.recent(9)


def test_a_damaged_history_of_2x_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / LEGACY_HISTORY
    path.write_bytes(b"\xff\xfe\0" + b"x" * 9000 + b"\na cat\n")
    lines = TypedLines(tmp_path / "history.sqlite3")
    lines.adopt(path)
    lines.adopt(tmp_path)
    assert lines.recent(1) == ["a cat"]
