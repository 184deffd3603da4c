"""Measure the response times of a large history: `python -m benchmarks.history [images]`. The target is under 50 ms."""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from invoke_cli.language.grammar.history_query import parse_query
from invoke_cli.output.entries import Entry, Parent
from invoke_cli.output.folder import OutputFolder
from invoke_cli.output.typed_lines import TypedLines

AIM = 0.05
WORDS = (
    "red", "blue", "green", "castle", "river", "hill", "fox", "boat", "sunset", "oil", "painting", "portrait", "snow",
    "forest", "night", "city", "queen",
)  # fmt: skip
QUESTIONS = (
    "fox", "fox castle", "zebra", "a", "strength>0.5", "strength>0.9", "seed=77", "model:xl strength>0.5 steps>=50",
    "fox strength>0.9", "painting since:yesterday", "since:2025-02-01 before:2025-02-02", "model:nothing", "tag:good",
    "tag:good fox", "rating>=4", "castle seed=5",
)  # fmt: skip


def entries(count: int) -> Iterator[Entry]:
    """Yield images with realistic lines, one every three minutes, four per command, forty per session."""
    draw, start = random.Random(1), datetime(2025, 1, 1, tzinfo=UTC)
    for number in range(1, count + 1):
        settings = f"-s {draw.choice((20, 30, 50))} -S {number} -W 512 -H 512 -C 7.5 -A k_lms"
        rest = f"-m {draw.choice(('sd15', 'sdxl'))} -I 000001.1.png -f {draw.choice((0.3, 0.5, 0.7))}"
        yield Entry(
            number=number,
            path=f"{number:06d}.{number}.png",
            line=f"a {' '.join(draw.sample(WORDS, 6))} {settings} {rest}",
            seed=number,
            created=(start + timedelta(minutes=3 * number)).isoformat(timespec="seconds"),
            parents=(Parent("x.png", f"{number - 1:064x}"),),
            run=f"s{number // 40}:{number // 4}",
            sha256=f"{number:064x}",
        )


def seconds(call: Callable[[], object]) -> float:
    """Return the best time of five calls."""
    times = []
    for _ in range(5):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return min(times)


def main(count: int) -> int:
    """Fill a history, query it and print the times. Return 1 if one exceeds the target."""
    with tempfile.TemporaryDirectory() as place:
        folder = OutputFolder(Path(place))
        history = folder.history
        started = time.perf_counter()
        history.add(*entries(count))
        print(f"{count} images entered in {time.perf_counter() - started:.0f} s")
        for number in range(1, count, 50):
            history.tag(number, "good", on=True)
        now = datetime.now().astimezone()
        calls: dict[str, Callable[[], object]] = {
            f"!search {question}": partial(history.find, parse_query(question.split(), now), 100)
            for question in QUESTIONS
        }
        calls |= {
            "!history": lambda: history.recent(20),
            "@last": history.last,
            "!77": lambda: history.get(77),
            "!contact session": lambda: history.of_run(f"s{count // 80}:"),
            "!tree": lambda: history.children(count // 2, f"{count // 2:064x}"),
            "a new image": lambda: history.add(next(entries(1))),
        }
        typed = TypedLines(Path(place) / "typed.sqlite3")
        typed.remember(*(entry.line for entry in entries(count)))
        calls |= {
            "a suggestion": lambda: typed.find_by_start("a castle"),
            "no suggestion": lambda: typed.find_by_start("nobody typed this"),
            "Ctrl-R": lambda: typed.find_containing("hill 777 castle", 100),
            "the arrow keys": lambda: typed.recent(2000),
        }
        slow = 0
        for name, call in calls.items():
            took = seconds(call)
            slow += took > AIM
            print(f"{name:<50} {took * 1000:6.1f} ms")
        print(f"first line of a session                            {seconds(folder.recover) * 1000:6.1f} ms")
    return int(slow > 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
