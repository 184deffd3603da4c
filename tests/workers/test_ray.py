"""Workers on a real Ray cluster of two nodes on this machine; skipped where Ray is not installed."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

pytest.importorskip("ray")

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
LINES = (
    "a red house -s 3 -S 1",
    "a {calm|wild} sea -s 3 -S 2",
    "a tree -s 3 | oil painting -f .5 | -U 2 -f .3 -s 3",
    "a cat -s 3 -n 3 -S 5",
    "# a comment",
    "a boat -I sketch.png -f .6 -s 4 -S 3",
    "a face -I sketch.png -M mask.png -f .8 -s 3 -S 3",
    "a bird -I @last -f .5 -s 3",
)


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(tmp_path)
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "num_gpus": 0, "include_dashboard": False, "object_store_memory": 100_000_000}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    yield cluster
    cluster.shutdown()


def add(cluster: Any, name: str, **environment: str) -> Any:
    """Add a node with one CPU."""
    own = {"env_vars": environment} if environment else {}
    return cluster.add_node(num_cpus=1, num_gpus=0, node_name=name, object_store_memory=100_000_000, **own)


def start(name: str, workers: str) -> subprocess.Popen[str]:
    """Start the program with the lines of `lines.txt`."""
    command = [
        sys.executable, "-m", "invoke_cli", "--root", "root", "--from_file", "lines.txt", "--workers", workers,
        "--threads", "1", "--base_seed", "4", "-o", name,
    ]  # fmt: skip
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(name: str, workers: str) -> str:
    """Run the program to its end; return its notices."""
    process = start(name, workers)
    _, errors = process.communicate(timeout=280)
    assert process.returncode == 0, errors
    return errors


def contents(folder: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).glob("*.png")}


def prepare(lines: tuple[str, ...] = LINES) -> None:
    from tests.sample_images import drawing

    drawing(64, 64).save("sketch.png")
    drawing(64, 64).convert("L").point(lambda value: 255 if value > 128 else 0).save("mask.png")
    Path("lines.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def actors() -> list[psutil.Process]:
    """Return the processes of Ray in which an engine runs."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if "EngineActor" in " ".join(process.cmdline()):
                found.append(process)
    return found


def wait_for_images(folder: str, count: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 200
    while len(contents(folder)) < count and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.feature("ray")
def test_a_cluster_of_two_nodes_gives_the_bytes_of_one_local_worker(cluster: Any) -> None:
    prepare()
    add(cluster, "alpha")
    add(cluster, "beta")
    run("one", "1")
    run("many", "ray:auto")
    assert contents("many") == contents("one")
    assert len(contents("one")) == 10
    deadline = time.monotonic() + 20
    while actors() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not actors()


@pytest.mark.feature("ray")
def test_a_killed_actor_a_removed_node_and_a_new_one_change_nothing(cluster: Any) -> None:
    prepare(tuple(f"a cat -s 6 -S {number}" for number in range(16)))
    run("one", "1")
    add(cluster, "alpha")
    beta = add(cluster, "beta")
    process = start("many", "ray:auto")
    wait_for_images("many", 2, process)
    os.kill(actors()[0].pid, 9)
    wait_for_images("many", 4, process)
    cluster.remove_node(beta, allow_graceful=False)
    add(cluster, "gamma")
    _, errors = process.communicate(timeout=280)
    assert process.returncode == 0, errors
    assert contents("many") == contents("one")
    assert "is generated again" in errors or "starting the engine again" in errors


@pytest.mark.feature("ray")
def test_a_node_with_another_model_is_excluded(cluster: Any, tmp_path: Path) -> None:
    prepare(tuple(f"a cat -s 3 -S {number}" for number in range(6)))
    copy = tmp_path / "beta-root" / "models" / "own"
    shutil.copytree(ROOT / "invoke_cli" / "assets" / "sketchbook", copy)
    scheduler = copy / "scheduler" / "scheduler_config.json"
    scheduler.write_text(scheduler.read_text().replace('"v_prediction"', '"epsilon"'), encoding="utf-8")
    configs = tmp_path / "beta-root" / "configs"
    configs.mkdir()
    entry = f"sketchbook:\n  description: own\n  path: {copy}\n  default: true\n"
    (configs / "models.yaml").write_text(entry, encoding="utf-8")
    add(cluster, "alpha")
    add(cluster, "beta", INVOKE_ROOT=str(tmp_path / "beta-root"))
    errors = run("many", "ray:auto")
    assert "another model with the name sketchbook" in errors
    assert len(contents("many")) == 6
