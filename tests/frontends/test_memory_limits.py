"""Limits of the process's memory: read from the system, respected in estimates, and named where they are too small."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from invoke_cli import memory_limits
from invoke_cli.engine import EngineSettings, open_engine
from invoke_cli.engine.devices import choose_device
from invoke_cli.errors import OutOfMemory
from invoke_cli.memory_limits import MEGABYTE, MemoryLimit

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell the limits")

LIMITS = """\
Limit                Soft Limit   Hard Limit   Units
Max address space    {v}          unlimited    bytes
Max data size        {d}          unlimited    bytes
"""


def _system(folder: Path, v: str = "unlimited", d: str = "unlimited", cgroup: str = "") -> Path:
    process = folder / "proc"
    process.mkdir(exist_ok=True)
    (process / "status").write_text("Name:\tpython\nVmSize:\t  100000 kB\nVmData:\t   50000 kB\n")
    (process / "limits").write_text(LIMITS.format(v=v, d=d))
    (process / "cgroup").write_text(cgroup)
    return process


def _group(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def _found(folder: Path, process: Path) -> list[tuple[str, int, int]]:
    limits = memory_limits.memory_limits(process, folder / "groups")
    return [(limit.name, limit.total, limit.free) for limit in limits]


def test_limits_of_ulimit_and_of_control_groups_are_found(tmp_path: Path) -> None:
    process = _system(tmp_path, v="1024000000", d="80000000", cgroup="0::/a/b\n")
    _group(tmp_path / "groups", memory__max="max\n", memory__current="5\n")
    _group(
        tmp_path / "groups" / "a", memory__max="3000\n", memory__current="2000\n", memory__stat="inactive_file 500\n"
    )
    _group(tmp_path / "groups" / "a" / "b", memory__max="9000\n", memory__current="9500\n")
    group = "the memory limit of the control group"
    assert _found(tmp_path, process) == [
        ("ulimit -v", 1_024_000_000, 921_600_000), ("ulimit -d", 80_000_000, 28_800_000),
        (group, 3000, 1500), (group, 9000, 0),
    ]  # fmt: skip


def test_control_groups_of_version_1_are_found(tmp_path: Path) -> None:
    process = _system(tmp_path, cgroup="5:cpu,cpuacct:/x\n4:hugetlb,memory:/docker/1\n0::/\n")
    folder = tmp_path / "groups" / "memory" / "docker" / "1"
    _group(folder, memory__limit_in_bytes="7000", memory__usage_in_bytes="1000")
    _group(folder.parent, memory__limit_in_bytes="9223372036854771712", memory__usage_in_bytes="1000")
    assert [limit[1:] for limit in _found(tmp_path, process)] == [(7000, 6000)]


@pytest.mark.parametrize(
    "text", ["", "max", "-1", "VmSize:\nMax data size", "\xff" * 10, "9" * 5000, "0::/../../etc", "0:::\n::\n:", "\0"]
)
def test_unusual_files_of_the_system_are_no_limit(tmp_path: Path, text: str) -> None:
    process = _system(tmp_path, cgroup="0::/\n")
    _group(tmp_path / "groups", memory__max=text, memory__current=text, memory__stat=text)
    for name in ("limits", "status", "cgroup"):
        assert all(total > 10**100 for _, total, _ in _found(tmp_path, process))
        (process / name).write_text(text)
    assert _found(tmp_path, tmp_path / "missing") == []


def _limited(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    limit = MemoryLimit(name="the limit", total=2_000 * MEGABYTE, free=free * MEGABYTE)
    monkeypatch.setattr(memory_limits, "memory_limits", lambda: [limit])


def test_free_memory_is_what_the_limit_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = SimpleNamespace(available=30_000 * MEGABYTE, total=60_000 * MEGABYTE)
    monkeypatch.setattr("invoke_cli.engine.devices.psutil.virtual_memory", lambda: machine)
    device = choose_device(EngineSettings(device="cpu"))
    assert device.memory().free == 30_000 * MEGABYTE
    _limited(monkeypatch, 900)
    assert (device.memory().free, device.memory().total) == (900 * MEGABYTE, 2_000 * MEGABYTE)


def test_an_engine_that_does_not_fit_is_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("invoke_cli.engine.libraries.prepare_libraries", lambda: pytest.fail("imported"))
    _limited(monkeypatch, 600)
    with pytest.raises(OutOfMemory, match="the limit allows 2000 MB, of which 600 MB are free"):
        open_engine(EngineSettings())


def _run_within(megabytes: int, folder: Path, *words: str, lines: str = "") -> subprocess.CompletedProcess[str]:
    command = f'ulimit -v {megabytes * 1024}; exec "$@"'
    return subprocess.run(
        ["bash", "-c", command, "bash", sys.executable, "-m", "invoke_cli", *words],
        input=lines, capture_output=True, text=True, cwd=folder, timeout=300,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("megabytes", [60, 80, 100, 150, 200, 300, 400, 600, 800, 1000, 1200])
def test_below_the_minimum_one_sentence_names_the_limit(tmp_path: Path, megabytes: int) -> None:
    done = _run_within(megabytes, tmp_path, "--device", "cpu", lines="a cat -s2 -S1\n!history\n")
    errors = [line for line in done.stderr.splitlines() if line.startswith("error") or "Error" in line]
    assert done.returncode == 1 and len(errors) == 1, done.stderr
    assert "ulimit -v allows" in errors[0] and "Traceback" not in done.stderr
    if megabytes > 250:
        assert "this folder contains no images yet" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("megabytes", [1400, 1600])
def test_above_the_minimum_the_session_survives_a_line_that_is_too_large(tmp_path: Path, megabytes: int) -> None:
    lines = "a cat -s2 -S1 -W 2048 -H 2048\na cat -s2 -S1 -W 64 -H 64\n"
    done = _run_within(megabytes, tmp_path, "--device", "cpu", lines=lines)
    assert done.returncode == 1 and "Traceback" not in done.stderr and "internal error" not in done.stderr
    assert len(list(tmp_path.glob("outputs/*.png"))) == 1
