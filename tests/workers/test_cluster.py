"""Workers on a cluster, with actors on threads of the test: the same files, other models, nodes that come and go."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from invoke_cli.context.model_hashes import ModelHashes
from invoke_cli.context.options import SessionOptions
from invoke_cli.context.outcome import Outcome
from invoke_cli.context.settings import Settings
from invoke_cli.context.worker_settings import WorkerSettings
from invoke_cli.engine import Hooks
from invoke_cli.errors import ConfigError
from invoke_cli.events import Event, Failed, Notice, Step
from invoke_cli.server import engine_process
from invoke_cli.workers import ray_workers
from invoke_cli.workers.portable import Files
from invoke_cli.workers.ray_cluster import RayCluster
from invoke_cli.workers.ray_workers import RayOpener
from tests.fake_engine import FakeEngine
from tests.workers.fake_cluster import FakeCluster
from tests.workers.farm import MIXED, Farm, contents, log, records, some


class SlowEngine(FakeEngine):
    """A fake engine whose steps take a moment."""

    seconds = 0.002

    def generate(self, job: Any, hooks: Hooks) -> Any:
        def emit(event: Event) -> None:
            if isinstance(event, Step):
                time.sleep(self.seconds)
            hooks.emit(event)

        return super().generate(job, Hooks(emit=emit, stopped=hooks.stopped, viewer=hooks.viewer))


class Cluster:
    """Runs files with workers on a fake cluster."""

    def __init__(self, farm: Farm, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._farm, self._folder, self._patch = farm, folder, monkeypatch

    def run(self, name: str, lines: Any, fake: FakeCluster, **wanted: Any) -> tuple[Path, list[Outcome]]:
        """Run lines into the folder `name` on a cluster."""
        self._patch.setattr(ray_workers, "RayCluster", lambda _: fake)
        self._patch.setattr(ray_workers, "_NEW_NODES_SECONDS", 0.02)
        self._patch.setattr(engine_process, "open_engine", SlowEngine)
        files = Files(Settings(SessionOptions(root=str(self._folder / "root"))), ModelHashes())
        events: list[Event] = []
        settings = {"workers": "ray:auto", "devices": (), "threads": 1, "root": str(self._folder / "root"), **wanted}
        opener = RayOpener(WorkerSettings(**settings), "auto", files, Hooks(emit=events.append))
        self._farm.open = opener
        try:
            return self._farm.run(name, lines, some(opener.count))
        finally:
            self._farm.open = None
            self._farm.events = [*events, *self._farm.events]

    @property
    def events(self) -> list[Event]:
        return self._farm.events

    def notices(self) -> str:
        """Return the text of all notices."""
        return "\n".join(event.text for event in self.events if isinstance(event, Notice))


@pytest.fixture
def cluster(farm: Farm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    return Cluster(farm, tmp_path, monkeypatch)


def own_root(folder: Path, name: str, model: Path, entry: str = "tiny") -> str:
    """Create the root of a node, with a copy of a model in a folder with another name."""
    copy = folder / name / "models" / "a copy"
    shutil.copytree(model, copy)
    configs = folder / name / "configs"
    configs.mkdir()
    (configs / "models.yaml").write_text(f"{entry}:\n  description: random\n  path: {copy}\n", encoding="utf-8")
    return str(folder / name)


LINES = [f"a cat -s 2 -S {number}" for number in range(12)]


@pytest.mark.feature("ray")
def test_a_cluster_gives_the_files_numbers_history_and_log_of_one_worker(farm: Farm, cluster: Cluster) -> None:
    one, first = farm.run("one", MIXED, some(1))
    Path("named.png").unlink()
    fake = FakeCluster(["alpha", "beta"])
    many, outcomes = cluster.run("many", MIXED, fake)
    assert contents(many) == contents(one)
    assert records(many) == records(one)
    assert log(many) == log(one)
    assert set(outcomes) == set(first)
    assert {actor.place.name for actor in fake.actors} == {"alpha", "beta"}
    assert all(actor.is_dead for actor in fake.actors)
    assert {event.worker for event in cluster.events if isinstance(event, Step)} == {"alpha", "beta"}


@pytest.mark.feature("ray")
def test_models_are_where_each_node_looks(
    cluster: Cluster, tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeCluster(["alpha"])
    fake.roots = {"alpha": own_root(tmp_path, "alpha-root", tiny_model)}
    paths: list[Path] = []
    original = SlowEngine.generate

    def noted(engine: SlowEngine, job: Any, hooks: Hooks) -> Any:
        paths.append(job.model.facts.folder)
        return original(engine, job, hooks)

    monkeypatch.setattr(SlowEngine, "generate", noted)
    folder, outcomes = cluster.run("moved", LINES[:2], fake)
    assert outcomes == [Outcome.OK]
    assert len(contents(folder)) == 2
    assert set(paths) == {tmp_path / "alpha-root" / "models" / "a copy"}


@pytest.mark.feature("ray")
@pytest.mark.parametrize(("change", "expected"), [
    ("missing", "beta has no model tiny"), ("other", "beta has another model with the name tiny"),
    ("damaged", "beta has no model tiny"),
])  # fmt: skip
def test_a_node_without_the_model_is_excluded_by_name(
    cluster: Cluster, tmp_path: Path, tiny_model: Path, change: str, expected: str
) -> None:
    fake = FakeCluster(["alpha", "beta"])
    root = own_root(tmp_path, "beta-root", tiny_model, "another" if change == "missing" else "tiny")
    copy = tmp_path / "beta-root" / "models" / "a copy"
    if change == "other":
        weights = next(copy.rglob("unet/*.safetensors"))
        weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")
    elif change == "damaged":
        (copy / "model_index.json").write_text('{"_class_name": [', encoding="utf-8")
    fake.roots = {"beta": root}
    folder, outcomes = cluster.run("excluded", LINES, fake)
    assert outcomes == [Outcome.OK]
    assert len(contents(folder)) == len(LINES)
    assert cluster.notices().count(expected) == 1
    assert {event.worker for event in cluster.events if isinstance(event, Step)} == {"alpha"}


def test_lines_whose_model_no_node_has_fail_alone(cluster: Cluster, tmp_path: Path, tiny_model: Path) -> None:
    fake = FakeCluster(["alpha", "beta"])
    fake.roots = {name: own_root(tmp_path, f"{name}-root", tiny_model, "another") for name in ("alpha", "beta")}
    folder, outcomes = cluster.run("nowhere", LINES[:3], fake)
    assert outcomes == [Outcome.FAILED]
    failed = [event.error for event in cluster.events if isinstance(event, Failed)]
    assert len(failed) == 3
    assert all("has no model tiny" in error.message and "--worker_root" in error.hint for error in failed)
    assert not folder.exists() or not contents(folder)


@pytest.mark.feature("ray")
def test_a_node_with_another_version_is_excluded_by_name(cluster: Cluster) -> None:
    fake = FakeCluster(["alpha", "beta"])
    fake.versions = {"beta": "0.0.9"}
    folder, outcomes = cluster.run("versions", LINES, fake)
    assert outcomes == [Outcome.OK]
    assert len(contents(folder)) == len(LINES)
    assert "beta has version 0.0.9 of the program" in cluster.notices()


def while_running(fake: FakeCluster, action: Callable[[], None], after: int = 6) -> None:
    """Call `action` once the actors have begun a few steps."""
    steps = [0]
    original = SlowEngine.generate

    def watch() -> None:
        deadline = time.monotonic() + 20
        while steps[0] < after and time.monotonic() < deadline:
            time.sleep(0.001)
        action()

    def counted(engine: SlowEngine, job: Any, hooks: Hooks) -> Any:
        for result in original(engine, job, hooks):
            steps[0] += 1
            yield result

    pytest.MonkeyPatch().setattr(SlowEngine, "generate", counted)
    threading.Thread(target=watch, daemon=True).start()


@pytest.fixture
def restored() -> Any:
    """Restore the engine after a test with `while_running`."""
    original = SlowEngine.generate
    yield
    SlowEngine.generate = original  # type: ignore[method-assign]


@pytest.mark.feature("ray")
@pytest.mark.usefixtures("restored")
def test_an_actor_that_is_killed_is_started_again(farm: Farm, cluster: Cluster) -> None:
    lines = [f"a cat -s 9 -S {number}" for number in range(20)]
    one, _ = farm.run("one", lines, some(1))
    fake = FakeCluster(["alpha", "beta"])
    while_running(fake, lambda: fake.actors[0].kill())
    many, outcomes = cluster.run("killed", lines, fake)
    assert contents(many) == contents(one)
    assert outcomes == [Outcome.OK]
    assert len(fake.actors) == 3
    assert "starting the engine again" in cluster.notices()


@pytest.mark.feature("ray")
@pytest.mark.usefixtures("restored")
def test_a_node_that_leaves_is_done_without_and_one_that_joins_gets_work(farm: Farm, cluster: Cluster) -> None:
    lines = [f"a cat -s 9 -S {number}" for number in range(40)]
    one, _ = farm.run("one", lines, some(1))
    fake = FakeCluster(["alpha", "beta"])

    def change() -> None:
        fake.remove("beta")
        fake.add("gamma")

    while_running(fake, change)
    many, outcomes = cluster.run("moving", lines, fake)
    assert contents(many) == contents(one)
    assert outcomes == [Outcome.OK]
    workers = {event.worker for event in cluster.events if isinstance(event, Step)}
    assert workers == {"alpha", "beta", "gamma"}


@pytest.mark.usefixtures("restored")
def test_without_nodes_the_rest_fails_and_finished_images_are_kept(cluster: Cluster) -> None:
    fake = FakeCluster(["alpha"])
    while_running(fake, lambda: fake.remove("alpha"), after=3)
    folder, outcomes = cluster.run("none", [f"a cat -s 9 -S {number}" for number in range(30)], fake)
    assert Outcome.FAILED in outcomes
    assert 1 <= len(contents(folder)) < 30


def test_gpus_are_used_where_there_are_any(cluster: Cluster, farm: Farm) -> None:
    fake = FakeCluster(["alpha", "beta"], cpus=8, gpus=2)
    _, outcomes = cluster.run("gpus", LINES, fake)
    assert outcomes == [Outcome.OK]
    assert sorted((actor.place.name, actor.place.gpus, actor.place.cpus) for actor in fake.actors) == [
        ("alpha/1", 1, 0), ("alpha/2", 1, 0), ("beta/1", 1, 0), ("beta/2", 1, 0),
    ]  # fmt: skip


@pytest.mark.parametrize(("fake", "wanted", "message"), [
    (FakeCluster([]), {}, "neither GPUs nor enough CPUs"),
    (FakeCluster(["alpha"], cpus=2), {"threads": 4}, "neither GPUs nor enough CPUs"),
    (FakeCluster(["alpha"]), {"devices": ("cuda:0",)}, "--devices is for workers on this machine"),
])  # fmt: skip
def test_a_cluster_that_cannot_work_is_one_error(
    cluster: Cluster, fake: FakeCluster, wanted: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        cluster.run("unusable", LINES, fake, **wanted)


def test_without_ray_the_error_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match="need the package ray") as caught:
        RayCluster("ray:auto")
    assert "pip install 'invoke-cli[ray]'" in caught.value.hint
