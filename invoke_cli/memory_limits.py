"""The limits that the system sets on this process's memory: `ulimit -v`, `ulimit -d`, and the control group's.

Programs see the memory of the whole machine, whatever their own limit is, and fail in the middle of an import or of a
step when they exceed it.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from invoke_cli.errors import OutOfMemory
from invoke_cli.input_files import SYSTEM, read_input_text

MEGABYTE = 1_000_000
# What the program needs beyond what it uses at its first moment, and what the libraries and the smallest model need: of
# addresses, which `ulimit -v` counts, and of memory.
START_BYTES = 150 * MEGABYTE
ENGINE_ADDRESSES, ENGINE_BYTES = 1_200 * MEGABYTE, 700 * MEGABYTE
_NUMBER = re.compile(r"\s*([0-9]{1,20})(?!\S)")
_PROCESS, _GROUPS = Path("/proc/self"), Path("/sys/fs/cgroup")


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoryLimit:
    """A limit: its name for messages, its size, what is free of it, and whether it counts addresses."""

    name: str
    total: int
    free: int
    counts_addresses: bool = False


def memory_limits(process: Path = _PROCESS, groups: Path = _GROUPS) -> list[MemoryLimit]:
    """Return the limits of this process; none where the system has no such files."""
    return [*_resource_limits(process), *_group_limits(process, groups)]


def within_limits(free: int, total: int) -> tuple[int, int]:
    """Return the free and the total memory of the machine, or of the tightest limit."""
    for limit in memory_limits():
        free, total = min(free, limit.free), min(total, limit.total)
    return free, total


def check_start() -> None:
    """Raise OutOfMemory if the program cannot start within the limits."""
    _check("the program", START_BYTES, START_BYTES, "")


def check_engine() -> None:
    """Raise OutOfMemory if the engine cannot be loaded within the limits."""
    hint = "; commands such as !history work without it"
    _check("generating images", ENGINE_ADDRESSES, ENGINE_BYTES, hint)


def _check(what: str, addresses: int, needed: int, remark: str) -> None:
    for limit in memory_limits():
        least = addresses if limit.counts_addresses else needed
        if limit.free < least:
            raise OutOfMemory(
                f"{limit.name} allows {limit.total // MEGABYTE} MB, of which {limit.free // MEGABYTE} MB are free: "
                f"{what} needs {least // MEGABYTE} MB",
                hint=f"raise the limit{remark}",
            )


def _resource_limits(process: Path) -> Iterator[MemoryLimit]:
    """Yield the limits that `ulimit` sets, as far as the system tells how much of them is used."""
    names = {"Max address space": ("ulimit -v", "VmSize"), "Max data size": ("ulimit -d", "VmData")}
    used = dict(line.split(":", 1) for line in _lines(process / "status") if ":" in line)
    for line in _lines(process / "limits"):
        for title, (name, field) in names.items():
            total = _number(line.removeprefix(title)) if line.startswith(title) else None
            kilobytes = _number(used.get(field, ""))
            if total is not None and kilobytes is not None:
                free = max(0, total - kilobytes * 1024)
                yield MemoryLimit(name=name, total=total, free=free, counts_addresses=name == "ulimit -v")


def _group_limits(process: Path, groups: Path) -> Iterator[MemoryLimit]:
    """Yield the limits of the process's control groups, of version 1 or 2, and of the groups above them."""
    for line in _lines(process / "cgroup"):
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers:
            yield from _limits_above(groups, path, "memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            yield from _limits_above(groups / "memory", path, "memory.limit_in_bytes", "memory.usage_in_bytes")


def _limits_above(root: Path, path: str, limit: str, usage: str) -> Iterator[MemoryLimit]:
    parts = [part for part in PurePosixPath(path).parts if part not in ("/", "..")]
    for length in range(len(parts) + 1):
        folder = root.joinpath(*parts[:length])
        total, used = _number(_text(folder / limit)), _number(_text(folder / usage))
        if total is not None and used is not None and total < 1 << 60:
            free = max(0, total - max(0, used - _reclaimable(folder)))
            yield MemoryLimit(name="the memory limit of the control group", total=total, free=free)


def _reclaimable(folder: Path) -> int:
    """Return the bytes of files that the system keeps in the group's memory, and drops when it is needed."""
    counters = dict(line.partition(" ")[::2] for line in _lines(folder / "memory.stat"))
    return _number(counters.get("inactive_file", "")) or 0


def _number(text: str) -> int | None:
    """Return the number at the start of a text; None if there is none, as in `max` and `unlimited`."""
    match = _NUMBER.match(text)
    return int(match[1]) if match else None


def _lines(path: Path) -> list[str]:
    return _text(path).splitlines()


def _text(path: Path) -> str:
    with contextlib.suppress(OSError, ValueError):
        return read_input_text(path, SYSTEM)
    return ""
