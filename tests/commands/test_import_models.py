"""What can be imported: folders of models, upscalers, models of the Hub's cache; and what paths are no models."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from invoke_cli.context.hub_cache import find_snapshot
from invoke_cli.context.outcome import Outcome
from invoke_cli.events import Failed
from tests.families.exporting import export
from tests.session_harness import SessionHarness
from tests.tiny_upscalers import build_latent_upscaler


def hint(harness: SessionHarness) -> str:
    return harness.of(Failed)[0].error.hint


@pytest.fixture
def shelf(tmp_path: Path, tiny_model: Path) -> Path:
    """A folder with two models in the diffusers layout, one of them deeper, and files that are none."""
    folder = tmp_path / "shelf"
    shutil.copytree(tiny_model, folder / "first")
    shutil.copytree(tiny_model, folder / "more" / "second")
    (folder / "broken.safetensors").write_bytes(b"nothing")
    (folder / "readme.txt").write_text("models")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "latents.safetensors").write_bytes(b"hidden")
    return folder


@pytest.mark.feature("commands-2x")
@pytest.mark.parametrize("word", ["", " all"])
def test_each_model_in_a_folder_is_imported(fake_session: SessionHarness, shelf: Path, word: str) -> None:
    assert fake_session.run(f"!import_model {shelf}{word}") is Outcome.OK, fake_session.errors
    assert any("contains 3 models: broken.safetensors, first, more/second" in text for text in fake_session.notices)
    assert "imported 2 of 3 models" in fake_session.messages
    assert {"first", "second"} <= set(fake_session.session.context.settings.registry.models)
    assert any(text.startswith("left out broken.safetensors: ") for text in fake_session.notices)
    fake_session.draw("a cat -s 2 -m second")


def test_several_models_cannot_have_one_name(fake_session: SessionHarness, shelf: Path) -> None:
    assert fake_session.run(f"!import_model {shelf} mine") is Outcome.FAILED
    assert "cannot all be called mine" in fake_session.errors[0]
    assert fake_session.run(f"!import_model {shelf / 'more'} mine") is Outcome.OK, fake_session.errors
    assert "mine" in fake_session.session.context.settings.registry.models


def test_a_path_without_a_model_says_what_is_expected(fake_session: SessionHarness, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert fake_session.run(f"!import_model {tmp_path / 'empty'}") is not Outcome.OK
    assert "contains no model" in fake_session.errors[0] and "model_index.json" in hint(fake_session)
    for path in (tmp_path / "empty", shutil.copy(__file__, tmp_path / "notes.txt")):
        assert fake_session.run(f"a cat -m {path}") is not Outcome.OK
        reason = ": the folder contains no model_index.json" if Path(path).is_dir() else ", but a file of another kind"
        assert fake_session.errors[0] == f"{path} is not a model{reason}" and ".safetensors" in hint(fake_session)


@pytest.mark.parametrize("index", ["{}", '{"_class_name": null}', '{"_class_name": 5}', '{"_class_name": ""}'])
def test_an_index_without_a_class_is_said_to_be_incomplete(
    fake_session: SessionHarness, tmp_path: Path, index: str
) -> None:
    (tmp_path / "model_index.json").write_text(index)
    for line in (f"a cat -m {tmp_path}", f"!import_model {tmp_path}"):
        assert fake_session.run(line) is not Outcome.OK
        damaged = index == '{"_class_name": 5}'
        expected = "has an invalid _class_name" if damaged else "model_index.json does not name a pipeline class"
        assert fake_session.errors[0].endswith(expected)


def test_a_diffusion_upscaler_is_imported(fake_session: SessionHarness, tmp_path: Path, tiny_model: Path) -> None:
    folder = build_latent_upscaler(tmp_path / "x2", tiny_model / "vae")
    assert fake_session.run(f"!import_model {folder}") is Outcome.OK, fake_session.errors
    assert "x2: x2 diffusion upscaler" in fake_session.notices[0] and "--latent_up 2 uses it" in fake_session.notices[0]


def test_a_model_used_by_its_folder_and_imported_later_is_one(
    fake_session: SessionHarness, tmp_path: Path, tiny_model: Path
) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "mine")
    fake_session.draw(f"a cat -s 2 -m {folder}")
    assert fake_session.run(f"!import_model {folder}") is Outcome.OK, fake_session.errors
    models = fake_session.session.context.settings.registry.models
    assert [name for name, spec in models.items() if spec.path == str(folder)] == ["mine"]
    fake_session.draw("a cat -s 2 -m mine")


@pytest.mark.feature("model-sources")
def test_a_model_in_the_hubs_cache_is_used_by_its_id(
    fake_session: SessionHarness, tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    assert fake_session.run("a cat -m someone/tiny-model") is not Outcome.OK
    assert hint(fake_session).startswith("!import_model someone/tiny-model downloads it")
    cached = tmp_path / "hf" / "hub" / "models--someone--tiny-model"
    shutil.copytree(tiny_model, cached / "snapshots" / "abc123")
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("abc123")
    fake_session.draw("a cat -s 2 -m someone/tiny-model")
    assert " -m tiny-model" in fake_session.saved[0].line


@pytest.mark.parametrize("name", ["a/b/c", "../x", "owner/", "plain"])
def test_other_names_are_not_looked_up_in_the_cache(tmp_path: Path, name: str) -> None:
    assert find_snapshot(name, {"HF_HUB_CACHE": str(tmp_path)}) is None


def test_a_file_with_an_upper_case_suffix_and_a_comma_works(
    real_session: SessionHarness, tmp_path: Path, tiny_model: Path
) -> None:
    file = export(tiny_model, tmp_path / "My Model, v2.SAFETENSORS")
    assert real_session.run(f'!import_model "{file}" base={tiny_model}') is Outcome.OK, real_session.errors
    real_session.draw('a cat -s 1 -m "My-Model,-v2"')
