"""Models stay warm, share what they share, and give their memory back."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from invoke_cli.engine import EngineSettings, Model
from invoke_cli.engine.diffusers_engine import DiffusersEngine
from invoke_cli.engine.loading.model_cache import ModelCache
from invoke_cli.events import Loading
from tests.engine.jobs import Events, model_at
from tests.families.builders import Folder, build
from tests.families.jobs import job, ours, tiny

NAMES = ("stable-diffusion", "sdxl", "flux")


@pytest.fixture
def engine() -> Iterator[DiffusersEngine]:
    made = DiffusersEngine(EngineSettings(device="cpu"))
    yield made
    made.unload()


def tensor_bytes() -> int:
    """The bytes of all tensors that are alive, memory that several share counted once."""
    import torch

    gc.collect()
    storages = {}
    for thing in gc.get_objects():
        if type(thing) in (torch.Tensor, torch.nn.Parameter) and not thing.is_meta:
            storage = thing.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
    return sum(storages.values())


def test_ten_switches_leave_nothing_behind(engine: DiffusersEngine, folder_of: Folder) -> None:
    models = [tiny(folder_of(name)) for name in NAMES]
    for model in models:  # what libraries keep for good is there before it is measured
        ours(engine, job("a cat -s 2 -S 1", model))
    engine.unload()
    before, process = tensor_bytes(), psutil.Process()
    resident = process.memory_info().rss
    pictures: dict[str, set[bytes]] = {name: set() for name in NAMES}
    for turn in range(10):
        model = models[turn % 3]
        pictures[NAMES[turn % 3]].add(ours(engine, job("a cat -s 2 -S 1", model)).tobytes())
    assert tensor_bytes() > before
    assert all(len(made) == 1 for made in pictures.values()), "a warm model draws what it drew"
    engine.unload()
    assert tensor_bytes() == before
    assert process.memory_info().rss < resident * 1.15


def test_a_warm_model_is_not_read_again(
    engine: DiffusersEngine, folder_of: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    import safetensors

    models = [tiny(folder_of(name)) for name in NAMES]
    for model in models:
        engine.load(model, Events().hooks())
    assert engine.loaded() == tuple(reversed([model.spec.name for model in models]))

    def refuse(*arguments: Any, **named: Any) -> Any:
        raise AssertionError("a file is read")

    monkeypatch.setattr(safetensors, "safe_open", refuse)
    monkeypatch.setattr("invoke_cli.engine.diffusers_engine.load_model", refuse)
    events = Events()
    engine.load(models[0], events.hooks())
    assert not [event for event in events if isinstance(event, Loading)]
    assert engine.loaded()[0] == models[0].spec.name


def test_the_least_recently_used_leaves_for_want_of_memory(
    engine: DiffusersEngine, folder_of: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = (tiny(folder_of(name)) for name in NAMES)
    for model in (first, second):
        engine.load(model, Events().hooks())
    engine.load(first, Events().hooks())
    kept = ModelCache._evict
    left: list[str] = []

    def leave(shelf: ModelCache, key: str) -> None:
        left.append(key)
        kept(shelf, key)

    monkeypatch.setattr(ModelCache, "_evict", leave)
    monkeypatch.setattr("invoke_cli.engine.loading.model_cache.RESERVED_BYTES", 10**18)
    engine.load(third, Events().hooks())
    assert [Path(key.split("|")[0]) for key in left] == [second.facts.folder, first.facts.folder]
    assert engine.loaded() == (third.spec.name,)


def test_components_of_two_models_are_loaded_once(engine: DiffusersEngine, folder_of: Folder, tmp_path: Path) -> None:
    original = folder_of("sdxl")
    other = shutil.copytree(original, tmp_path / "other")
    shutil.copytree(build("sdxl", tmp_path / "third", seed=1) / "unet", other / "unet", dirs_exist_ok=True)

    def loaded(folder: Path) -> Any:
        model: Model = model_at(folder)
        return engine._ready(model, Events().hooks()).pipeline

    one, two = loaded(original), loaded(other)
    for part in ("vae", "text_encoder", "text_encoder_2"):
        assert getattr(one, part) is getattr(two, part)
    assert one.unet is not two.unet
    alone = DiffusersEngine(EngineSettings(device="cpu"))
    line = "a cat -s 2 -S 1"
    assert ours(engine, job(line, tiny(other))).tobytes() == ours(alone, job(line, tiny(other))).tobytes()
