"""Run a line in child processes that end before each call that changes a file. Started by test_crash_points.py.

This process preloads the library built from crash_shim.c. Its children are forked, so that they start at once.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from tests.fake_engine import FakeEngine
from tests.folder_checks import ReopenedSession, faults
from tests.session_harness import SessionHarness, digest

SETUP = ("a cat -s2 -S1 -n2 --strip", "a dog -s2 -S5 --save_intermediates", "!tag 1 good")
ENDED = 99
LIBRARY = ctypes.CDLL(None)
NEVER = 1 << 30


def reopened(folder: Path) -> SessionHarness:
    """Return a session in a folder that is set up."""
    os.chdir(folder)
    return ReopenedSession(folder, FakeEngine)


def in_child(call: Callable[[], int]) -> int:
    """Return the exit status of a child process that calls a function and ends with its result."""
    child = os.fork()
    if not child:
        status = 98
        try:
            status = call()
        except BaseException:  # noqa: BLE001  # the child must not go on with the loop of its parent
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def set_up(folder: Path, model: Path) -> int:
    """Generate the images that must not be lost."""
    os.chdir(folder)
    session = SessionHarness(folder, model, FakeEngine)
    for line in SETUP:
        session.run(line)
        assert not session.errors, session.errors
    session.session.close()
    return 0


def run(folder: Path, line: str, number: int, counted: Path) -> int:
    """Run a line up to a call; write the number of calls if it is not reached."""
    session = reopened(folder)
    session.session.context.folder()
    LIBRARY.crash_before_call(number)
    session.run(line)
    session.session.close()
    calls = LIBRARY.calls_counted()
    LIBRARY.crash_before_call(-1)
    counted.write_text(f"{calls}\n{json.dumps(session.errors)}", encoding="utf-8")
    return 0


def check(folder: Path, before: dict[str, str], report: Path) -> int:
    """Write what a new session finds wrong."""
    report.write_text(json.dumps(faults(reopened(folder), before)), encoding="utf-8")
    return 0


def main(place: Path, model: Path, line: str, most: int) -> None:
    """Print the number of calls, of points tried and of faults, as JSON."""
    base, work, report = place / "base", place / "work", place / "report"
    base.mkdir()
    assert in_child(lambda: set_up(base, model)) == 0
    before = {path.name: digest(path) for path in (base / "outputs").glob("*.png")}
    found: dict[int, list[str]] = {}

    def attempt(number: int) -> int:
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(base, work)
        status = in_child(lambda: run(work, line, number, report))
        assert status in (0, ENDED), status
        return status

    assert attempt(NEVER) == 0
    calls, errors = report.read_text(encoding="utf-8").split("\n", 1)
    assert json.loads(errors) == [], errors
    points = range(1, int(calls) + 1, max(1, -(-int(calls) // most)))
    for number in points:
        attempt(number)
        report.unlink(missing_ok=True)
        assert in_child(lambda: check(work, before, report)) == 0, (line, number)
        if wrong := json.loads(report.read_text(encoding="utf-8")):
            found[number] = wrong
    print(json.dumps({"calls": int(calls), "points": len(points), "faults": found}))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
