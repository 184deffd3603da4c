"""The model cache: models stay loaded, share components, and return their memory."""

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
from tests.families.jobs import first_image, job, tiny

NAMES = ("stable-diffusion", "sdxl", "flux")


@pytest.fixture
def engine() -> Iterator[DiffusersEngine]:
    engine = DiffusersEngine(EngineSettings(device="cpu"))
    yield engine
    engine.unload()


def tensor_bytes() -> int:
    """Return the bytes of all live tensors, with shared memory counted once."""
    import torch

    gc.collect()
    storages = {}
    for thing in gc.get_objects():
        if type(thing) in (torch.Tensor, torch.nn.Parameter) and not thing.is_meta:
            storage = thing.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
    return sum(storages.values())


@pytest.mark.feature("model-limits")
@pytest.mark.parametrize(("limit", "kept"), [(1, 1), (2, 2), (0, 3)])
def test_the_number_of_loaded_models_is_limited(folder_of: Folder, limit: int, kept: int) -> None:
    engine = DiffusersEngine(EngineSettings(device="cpu", max_loaded_models=limit))
    seen: list[bytes] = []
    for name in (*NAMES, *NAMES):
        seen.append(first_image(engine, job("a cat -s 2 -S 1", tiny(folder_of(name)))).tobytes())
        assert len(engine.loaded()) <= kept
    assert len(engine.loaded()) == kept and seen[:3] == seen[3:]
    engine.unload()


@pytest.mark.slow
def test_the_memory_of_loaded_models_is_limited(folder_of: Folder) -> None:
    sizes = {name: tiny(folder_of(name)).facts.size_on_disk for name in NAMES}
    largest = sorted(sizes.values())[-2:]
    engine = DiffusersEngine(EngineSettings(device="cpu", model_memory=sum(largest)))
    for name in (*NAMES, *NAMES):
        first_image(engine, job("a cat -s 2 -S 1", tiny(folder_of(name))))
        assert 1 <= len(engine.loaded()) < 3
        assert sum(sizes[each] for each in engine.loaded() if each in sizes) <= sum(largest)
    engine.unload()


@pytest.mark.slow
def test_ten_switches_between_models_leak_no_memory(engine: DiffusersEngine, folder_of: Folder) -> None:
    models = [tiny(folder_of(name)) for name in NAMES]
    for model in models:  # what libraries keep for good is allocated before measuring
        first_image(engine, job("a cat -s 2 -S 1", model))
    engine.unload()
    before, process = tensor_bytes(), psutil.Process()
    resident = process.memory_info().rss
    images: dict[str, set[bytes]] = {name: set() for name in NAMES}
    for turn in range(10):
        model = models[turn % 3]
        images[NAMES[turn % 3]].add(first_image(engine, job("a cat -s 2 -S 1", model)).tobytes())
    assert tensor_bytes() > before
    assert all(len(distinct) == 1 for distinct in images.values()), "a cached model repeats its image"
    engine.unload()
    assert tensor_bytes() == before
    assert process.memory_info().rss < resident * 1.15


def test_a_cached_model_is_not_read_again(
    engine: DiffusersEngine, folder_of: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    import safetensors

    models = [tiny(folder_of(name)) for name in NAMES]
    for model in models:
        engine.load(model, Events().hooks())
    assert engine.loaded() == tuple(reversed([model.spec.name for model in models]))

    def refuse(*arguments: Any, **named: Any) -> Any:
        raise AssertionError("a file was read")

    monkeypatch.setattr(safetensors, "safe_open", refuse)
    monkeypatch.setattr("invoke_cli.engine.diffusers_engine.load_model", refuse)
    events = Events()
    engine.load(models[0], events.hooks())
    assert not [event for event in events if isinstance(event, Loading)]
    assert engine.loaded()[0] == models[0].spec.name


def test_the_least_recently_used_models_are_evicted_when_memory_runs_out(
    engine: DiffusersEngine, folder_of: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = (tiny(folder_of(name)) for name in NAMES)
    for model in (first, second):
        engine.load(model, Events().hooks())
    engine.load(first, Events().hooks())
    evict = ModelCache._evict
    evicted: list[str] = []

    def record_eviction(cache: ModelCache, key: str) -> None:
        evicted.append(key)
        evict(cache, key)

    monkeypatch.setattr(ModelCache, "_evict", record_eviction)
    monkeypatch.setattr("invoke_cli.engine.loading.model_cache.RESERVED_BYTES", 10**18)
    engine.load(third, Events().hooks())
    assert [Path(key.split("|")[0]) for key in evicted] == [second.facts.folder, first.facts.folder]
    assert engine.loaded() == (third.spec.name,)


def test_shared_components_of_two_models_are_loaded_once(
    engine: DiffusersEngine, folder_of: Folder, tmp_path: Path
) -> None:
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
    assert first_image(engine, job(line, tiny(other))).tobytes() == first_image(alone, job(line, tiny(other))).tobytes()
