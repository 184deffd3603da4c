"""Read the entries of many image files, on all processors."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from invoke_cli.documents import parse_json
from invoke_cli.output.entries import Entry, Parent
from invoke_cli.output.entry_reader import entry_from_file
from invoke_cli.package_environment import environment_with_package

_MIN_FILES = 400  # a process takes about half a second to start
_WAIT = 0.1

# The index of a file in the list, and its entry as JSON; None when a process has ended.
_Answers = queue.Queue[str | None]


def read_entries(files: Sequence[tuple[Path, str]], progress: Callable[[int], None]) -> Sequence[Entry | None]:
    """Return the entries of image files, numbered 0; None for those that this program did not generate.

    Args:
        files: The files, each with its path in the history.
        progress: Called with the number of files that have been read; may raise Interrupted.
    """
    entries: dict[int, Entry | None] = {}
    count = min(_processors(), len(files) // _MIN_FILES)
    if count > 1:
        _read_in_processes(files, count, entries, progress)
    for index, (path, name) in enumerate(files):
        if index not in entries:  # also what a process left that was ended by the system
            progress(len(entries))
            entries[index] = entry_from_file(path, 0, name)
    progress(len(files))
    return [entries[index] for index in range(len(files))]


def _processors() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def _read_in_processes(
    files: Sequence[tuple[Path, str]], count: int, entries: dict[int, Entry | None], progress: Callable[[int], None]
) -> None:
    answers: _Answers = queue.Queue()
    numbered = [(index, str(path), name) for index, (path, name) in enumerate(files)]
    work = [numbered[first::count] for first in range(count)]
    processes = [_start(part, answers) for part in work]
    try:
        running = count
        while running:
            progress(len(entries))
            try:
                answer = answers.get(timeout=_WAIT)
            except queue.Empty:
                continue
            if answer is None:
                running -= 1
            else:
                index, values = parse_json(answer)
                entries[index] = None if values is None else _entry(values)
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _start(work: Sequence[tuple[int, str, str]], answers: _Answers) -> subprocess.Popen[str]:
    """Start a process that reads files, and a thread that passes on what it writes."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "invoke_cli.output.entry_processes"], text=True, encoding="utf-8",
        env=environment_with_package(), start_new_session=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    threading.Thread(target=_exchange, args=[process, work, answers], name="invoke-entries", daemon=True).start()
    return process


def _exchange(process: subprocess.Popen[str], work: Sequence[tuple[int, str, str]], answers: _Answers) -> None:
    assert process.stdin is not None and process.stdout is not None
    try:
        with process.stdin, process.stdout:
            process.stdin.write(json.dumps(work))
            process.stdin.close()
            for line in process.stdout:
                if line.endswith("\n"):
                    answers.put(line)
    except OSError:
        pass  # it has ended: what it left is read by this process
    finally:
        answers.put(None)


def _entry(values: dict[str, object]) -> Entry:
    parents = values.pop("parents")
    assert isinstance(parents, list)
    return Entry(**values, parents=tuple(Parent(*each) for each in parents))  # type: ignore[arg-type]


def main() -> None:
    """Read the files that standard input names and write their entries, one per line."""
    for index, path, name in parse_json(sys.stdin.read()):
        entry = entry_from_file(Path(path), 0, name)
        values = None if entry is None else asdict(entry) | {"parents": [list(each) for each in entry.parents]}
        sys.stdout.write(json.dumps([index, values]) + "\n")


if __name__ == "__main__":
    main()
