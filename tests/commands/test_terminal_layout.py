"""What `!history`, `!search` and `!info` show on a terminal: what fits its window. Pipes get everything."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from wcwidth import wcswidth

from invoke_cli.commands.history.listing import Listing
from invoke_cli.console.console import Console, ConsoleStyle
from invoke_cli.context.context import Streams
from invoke_cli.events import Message
from invoke_cli.language.cells import cell_width, clipped
from invoke_cli.output.entries import Entry
from tests.fake_engine import FakeEngine
from tests.session_harness import SessionHarness

NOW = datetime(2026, 8, 5, 18, 0, tzinfo=UTC)


class _Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def session(
    tmp_path: Path, tiny_model: Path, fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> SessionHarness:
    """A session whose window has 80 columns."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return SessionHarness(tmp_path, tiny_model, lambda _: fake_engine, streams=Streams(width=lambda: 80))


def shown(message: Message, *, terminal: bool = True, verbose: bool = False) -> list[str]:
    """Return the lines that a console prints."""
    out = _Screen() if terminal else io.StringIO()
    console = Console(out, io.StringIO(), ConsoleStyle(verbose=verbose))
    console.pager = lambda text: out.write(f"{text}\n")
    console(message)
    return out.getvalue().splitlines()


def last_message(session: SessionHarness) -> Message:
    return session.of(Message)[-1]


LINES = (
    "a cat -s2 -S1",
    f"{'a very long prompt about everything, ' * 6} -s 3 -S 4000000001 -C 3",
    "一只猫在山上，" * 12 + " -S 3",
    "a cat 🦊" * 30,
    "a castle -s4 -S5 | oil painting -f .5 | snow on everything, with many words about the winter -f .3",
    f'a dog --neg "{"blurry, ugly, " * 20}" -S 8',
)


@pytest.mark.feature("history-fits")
def test_the_history_fits_the_window_and_shows_what_differs(session: SessionHarness) -> None:
    for line in LINES:
        session.draw(line)
    session.draw("a {red|blue} hat -S9 -g")
    session.run("!tag 2 " + " ".join(f"tag{number}" for number in range(30)))
    for command in ("!history", "!search a"):
        session.run(command)
        lines = shown(last_message(session))
        assert max(map(wcswidth, lines)) < 80
        assert any(line.endswith("a cat -s 2 -S 1") for line in lines)
        (long,) = (line for line in lines if line.startswith("[2]"))
        assert long.endswith("… -s 3 -S 4000000001 -C 3") and "-W" not in long and "tiny" not in long
    session.run("!history")
    assert any("grid  !grid" in line for line in shown(last_message(session)))


def test_pipes_and_verbose_get_whole_lines(session: SessionHarness) -> None:
    session.draw(LINES[1])
    complete = f"[1] 000001.4000000001.png: {session.saved[0].line}"
    session.run("!history")
    message = last_message(session)
    assert shown(message, terminal=False) == shown(message, verbose=True) == [complete]
    assert "-A k_lms -m tiny" in complete


def test_another_model_s_line_shows_its_model(session: SessionHarness) -> None:
    listing = Listing(session.session.context, 79, NOW)
    for line, expected in (
        ("a cat -s 30 -S 1 -W 64 -H 64 -C 7.5 -A k_lms -m tiny", "a cat -S 1"),
        ("a cat -s 30 -S 1 -m nothing", "a cat -s 30 -S 1 -m nothing"),
        ("a cat -s 9 -S 1 -m tiny | oil -s 9 -f 0.5 -S 2", "a cat -s 9 -S 1 | oil -S 2 -f 0.5"),
        ("a cat -s nonsense", "a cat -s nonsense"),
    ):
        entry = Entry(number=7, path="7.png", line=line, seed=1, created=NOW.isoformat())
        assert listing.text([entry], {}) == f"[7] 18:00  {expected}"


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (timedelta(hours=1), "17:00"),
        (timedelta(days=1), "Aug 04 18:00"),
        (timedelta(days=400), "2025-07-01"),
        (None, "yesterday?"),
    ],
)
def test_the_time_is_as_short_as_it_is_clear(session: SessionHarness, age: timedelta | None, expected: str) -> None:
    created = "yesterday??" if age is None else (NOW - age).isoformat()
    entry = Entry(number=1, path="1.png", line="a cat", seed=1, created=created)
    assert Listing(session.session.context, 79, NOW).text([entry], {}) == f"[1] {expected}  a cat"


@pytest.mark.feature("history-fits")
@pytest.mark.parametrize("line", LINES)
def test_info_is_laid_out_for_the_window(session: SessionHarness, line: str) -> None:
    (path,) = session.draw(line)
    session.run("!info 1")
    message = last_message(session)
    lines = shown(message)
    assert lines[0].endswith(path.name) and {"file", "origin", "made with"} <= set(lines)
    assert max(map(len, lines)) < 80 and message.paged
    complete = "\n".join(shown(message, terminal=False))
    assert session.saved == [] and "-- sd-metadata" in complete and "-- sd-metadata" not in "\n".join(lines)


def test_info_of_a_file_without_metadata_says_so(session: SessionHarness, sketch: Path) -> None:
    session.run(f"!info {sketch}")
    assert "metadata" in shown(last_message(session)) and "96x64" in "\n".join(shown(last_message(session)))


@pytest.mark.parametrize("text", ["abc", "一只猫在山上", "e\u0301e\u0301e\u0301", "a\u200bb", "🦊🦊🦊", ""])
def test_clipped_text_takes_no_more_than_its_cells(text: str) -> None:
    for width in range(1, 14):
        result = clipped(text, width)
        assert cell_width(result) <= width and (result == text or result.endswith("…"))
