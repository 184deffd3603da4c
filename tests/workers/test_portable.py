"""Messages for another machine: models and files are found there by name or place, and must have the same content."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from invoke_cli.context.model_hashes import ModelHashes
from invoke_cli.context.options import SessionOptions
from invoke_cli.context.settings import Settings
from invoke_cli.engine import NetworkJob, SegmentationJob
from invoke_cli.errors import WorkerUnfit
from invoke_cli.planning.plan import LoraUse
from invoke_cli.server.handles import CachedStates
from invoke_cli.server.serialization import SerializationError
from invoke_cli.workers.portable import Files, PortablePacker, PortableUnpacker
from tests.sample_images import drawing

Send = Callable[[object], Any]


def files_of(root: Path) -> Files:
    return Files(Settings(SessionOptions(root=str(root))), ModelHashes())


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here" / "loras").mkdir(parents=True)
    (tmp_path / "there" / "loras").mkdir(parents=True)
    return tmp_path / "here"


@pytest.fixture
def there(here: Path) -> Path:
    return here.parent / "there"


@pytest.fixture
def send(here: Path, there: Path) -> Send:
    """A function that sends a value from one root to another."""

    def sent(value: object) -> Any:
        packer = PortablePacker(states=CachedStates(), files=files_of(here))
        packed = packer.pack(value)
        states = CachedStates()
        return PortableUnpacker(states=states, blobs=packer.blobs, files=files_of(there), name="beta").unpack(packed)

    return sent


@pytest.mark.feature("ray")
def test_a_lora_is_the_file_at_the_same_place_of_the_other_root(here: Path, there: Path, send: Send) -> None:
    for root in (here, there):
        (root / "loras" / "ink.safetensors").write_bytes(b"weights")
    found = send(LoraUse(name="ink", weight=0.5, path=str(here / "loras" / "ink.safetensors"), sha256="x"))
    expected = LoraUse(name="ink", weight=0.5, path=str(there / "loras" / "ink.safetensors"), sha256="x")
    assert found == expected


@pytest.mark.feature("ray")
def test_a_missing_or_another_file_is_refused_with_the_name_of_the_worker(here: Path, there: Path, send: Send) -> None:
    path = here / "loras" / "ink.safetensors"
    path.write_bytes(b"weights")
    lora = LoraUse(name="ink", weight=0.5, path=str(path))
    with pytest.raises(WorkerUnfit, match=r"beta has no file .*ink\.safetensors"):
        send(lora)
    (there / "loras" / "ink.safetensors").write_bytes(b"weightz")
    with pytest.raises(WorkerUnfit, match=r"beta has another file .*ink\.safetensors"):
        send(lora)


def test_a_network_stays_a_path_and_its_image_arrives_unchanged(here: Path, there: Path, send: Send) -> None:
    for root in (here, there):
        (root / "models").mkdir()
        (root / "models" / "upscaler.pth").write_bytes(b"network")
    image = drawing(24, 16).convert("RGB")
    found = send(NetworkJob(path=here / "models" / "upscaler.pth", image=image))
    assert found.path == there / "models" / "upscaler.pth"
    assert np.array_equal(np.asarray(found.image), np.asarray(image))


def test_a_folder_is_compared_by_its_weights_and_configuration(
    here: Path, there: Path, tiny_model: Path, send: Send
) -> None:
    for root in (here, there):
        shutil.copytree(tiny_model, root / "models" / "seg")
    (there / "models" / "seg" / "README.md").write_text("another text", encoding="utf-8")
    job = SegmentationJob(folder=here / "models" / "seg", image=drawing(8, 8).convert("RGB"), phrases=("sky",))
    assert send(job).folder == there / "models" / "seg"
    config = there / "models" / "seg" / "scheduler" / "scheduler_config.json"
    config.write_text(config.read_text(encoding="utf-8") + " ", encoding="utf-8")
    with pytest.raises(WorkerUnfit, match="beta has another file"):
        send(job)


def test_a_file_outside_the_root_is_at_the_same_path(here: Path, send: Send) -> None:
    shared = here.parent / "shared.safetensors"
    shared.write_bytes(b"weights")
    assert send(LoraUse(name="shared", weight=1.0, path=str(shared))).path == str(shared)


def test_files_to_be_written_are_not_sent(send: Send) -> None:
    with pytest.raises(SerializationError, match="another machine"):
        send((Path("source.ckpt"), Path("target.safetensors")))
