"""The program as a separate process with the real engine: entry points, signals, and being killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from invoke_cli.output.history import History


@pytest.fixture
def folder(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    configs = tmp_path / "root" / "configs"
    configs.mkdir(parents=True)
    (configs / "models.yaml").write_text(f"tiny:\n  path: {tiny_model}\n  default: true\n", encoding="utf-8")
    monkeypatch.setenv("INVOKE_ROOT", str(tmp_path / "root"))
    yield tmp_path


def start(folder: Path, *words: str, stdin: str | None = None) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "invoke_cli", *words], cwd=folder, text=True, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    if stdin is not None:
        assert process.stdin is not None
        process.stdin.write(stdin)
        process.stdin.close()
        process.stdin = None
    return process


def wait_for_images(folder: Path, count: int) -> None:
    deadline = time.monotonic() + 120
    while len(list((folder / "outputs").glob("*.png"))) < count:
        assert time.monotonic() < deadline, "no images appeared"
        time.sleep(0.02)


@pytest.mark.feature("progress")
def test_a_process_writes_only_results_and_progress_to_its_streams(folder: Path) -> None:
    out, err = start(folder, "a cat", "-s3", "-S5", stdin="").communicate(timeout=180)
    assert out == "[1] outputs/000001.5.png: a cat -s 3 -S 5 -W 64 -H 64 -C 7.5 -A k_lms -m tiny\n"
    assert [line.split(" ")[0] for line in err.splitlines()] == ["3", "loading", "loaded", "1"]


@pytest.mark.feature("interrupt")
@pytest.mark.parametrize("sign", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_signal_stops_after_the_step_and_keeps_finished_images(folder: Path, sign: signal.Signals) -> None:
    process = start(folder, stdin="a cat -s20 -n500 -S1\na dog -s2\n")
    wait_for_images(folder, 2)
    process.send_signal(sign)
    out, err = process.communicate(timeout=180)
    assert process.returncode == 130
    assert re.search(r"stopped; \d+ finished images? (is|are) kept", err)
    paths = sorted((folder / "outputs").glob("*.png"))
    assert len(out.splitlines()) == len(paths) < 500
    for path in paths:
        with Image.open(path) as image:
            image.load()


def batch() -> str:
    """Return 40 lines of every kind."""
    kinds = ["a cat -s4", "# comment", "a dog [cat] -s3 -C 3", "bad -s 0", "", "a fox -s5 -n2 -A k_euler_a", "!history",
             "-s3 -I @last -f .5", "a cat --fitt", "a hill -s3 -W 128 --strip"]  # fmt: skip
    return "\n".join(kinds * 4) + "\n"


@pytest.mark.slow
def test_a_batch_of_40_lines(folder: Path) -> None:
    out, err = start(folder, stdin=batch()).communicate(timeout=300)
    assert err.count("error: line") == 8
    assert len([line for line in out.splitlines() if " -S " in line and line.startswith("[")]) >= 24
    assert len([p for p in (folder / "outputs").glob("*.png") if not p.name.endswith("steps.png")]) == 24


@pytest.mark.slow
def test_crash_safety_a_killed_process_damages_and_loses_nothing(folder: Path) -> None:
    for killed_at in (3, 9):
        process = start(folder, stdin=batch())
        wait_for_images(folder, killed_at)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
    outputs = folder / "outputs"
    for path in outputs.glob("*.png"):
        with Image.open(path) as image:
            image.load()
    subprocess.run([sys.executable, "-m", "invoke_cli", "!history 1"], cwd=folder, check=True, capture_output=True)
    log = (outputs / "invoke_log.txt").read_text()
    numbered = [path for path in outputs.glob("*.png") if not path.name.endswith("steps.png")]
    assert len(numbered) >= 9
    assert all(f"outputs/{path.name}: " in log for path in numbered)
    known = History(outputs / ".invoke" / "history.sqlite3").numbers()
    assert {int(path.name[:6]) for path in numbered} <= known


@pytest.mark.slow
@pytest.mark.feature("signals")
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_suspended_batch_goes_on_where_it_stopped(folder: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "invoke_cli"], cwd=folder, text=True, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, process_group=0,  # the kernel ignores it in an orphaned group
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write("a cat -s20 -n40 -S1\na dog -s2 -S2\n")
    process.stdin.close()
    process.stdin = None
    wait_for_images(folder, 2)
    process.send_signal(signal.SIGTSTP)
    state = Path(f"/proc/{process.pid}/stat")
    deadline = time.monotonic() + 60
    while state.read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "T":
        assert time.monotonic() < deadline, "it was not suspended"
        time.sleep(0.02)
    count = len(list((folder / "outputs").glob("*.png")))
    time.sleep(1)
    assert len(list((folder / "outputs").glob("*.png"))) == count < 40
    process.send_signal(signal.SIGCONT)
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0 and len(out.splitlines()) == 41
