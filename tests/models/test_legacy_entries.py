"""The models.yaml of InvokeAI 2.x: its entries are used, and a broken or foreign one does not stop the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from invoke_cli.context.options import SessionOptions
from invoke_cli.context.outcome import Outcome
from invoke_cli.context.settings import Settings
from invoke_cli.models.registry import read_models
from tests.frontends.program import Program
from tests.session_harness import SessionHarness

EXAMPLE = """\
# as InvokeAI 2.3 wrote it
diffusers-1.5+mse:
  description: with another VAE
  format: diffusers
  repo_id: someone/model
  recommended: true
  vae:
    repo_id: someone/vae
    subfolder: vae
stable-diffusion-1.5:
  description: a weight file
  weights: models/ldm/stable-diffusion-v1/v1-5.safetensors
  config: configs/stable-diffusion/v1-inference.yaml
  width: 512
  height: 512
  vae: ./models/ldm/vae.safetensors
  format: ckpt
sd-2.1:
  path: models/sd-2.1.safetensors
  format: ckpt
  config: configs/stable-diffusion/v2-inference-v.yaml
  width: 768
  height: 768
"""


@pytest.mark.feature("models-yaml-2x")
def test_entries_of_2x_become_entries_of_this_program() -> None:
    hub, file, v_model = read_models(EXAMPLE, "models.yaml")
    assert (hub.path, hub.vae, hub.description) == ("hub:someone/model", "hub:someone/vae/vae", "with another VAE")
    assert (file.path, file.size, file.vae) == (
        "models/ldm/stable-diffusion-v1/v1-5.safetensors", 512, "./models/ldm/vae.safetensors"
    )  # fmt: skip
    assert (v_model.size, v_model.prediction) == (768, "v_prediction")


def _snapshot(cache: Path, owner: str, name: str, model: Path) -> None:
    folder = cache / f"models--{owner}--{name}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("abc", encoding="utf-8")
    (folder / "snapshots").mkdir()
    (folder / "snapshots" / "abc").symlink_to(model, target_is_directory=True)


@pytest.mark.parametrize("cache", ["models/hub", "models/diffusers"])
def test_a_repository_is_found_in_the_root(program: Program, tiny_model: Path, cache: str) -> None:
    root = program.folder / "root"
    _snapshot(root / cache, "someone", "tiny", tiny_model)
    entry = "theirs:\n  format: diffusers\n  repo_id: someone/tiny\n  default: true\n"
    (root / "configs" / "models.yaml").write_text(entry, encoding="utf-8")
    assert program("a cat", "-s2").lines[0].endswith("-m theirs")


def test_a_default_that_was_not_downloaded_leaves_the_bundled_model_in_use(program: Program) -> None:
    entry = "theirs:\n  format: diffusers\n  repo_id: someone/missing\n  default: true\n"
    (program.folder / "root" / "configs" / "models.yaml").write_text(entry, encoding="utf-8")
    assert program("a cat", "-s2").lines[0].endswith("-m sketchbook")
    error = program("a cat", "-m", "theirs").err
    assert "someone/missing was not downloaded" in error and "!import_model someone/missing" in error


BROKEN = {
    "no settings": "bad: 5\n",
    "unknown key": "bad:\n  path: x\n  pth: y\n",
    "foreign": "bad:\n  base_model: sdxl\n  cfg: {a: [1, 2]}\n",
    "wrong types": "bad:\n  weights: [1]\n  width: wide\n  vae: {repo_id: 7}\n",
    "no path": "bad:\n  description: nothing\n  format: ckpt\n",
    "a number": "7:\n  path: 5\n",
}


@pytest.mark.feature("models-yaml-2x")
@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_entry_is_named_once_and_stops_no_other(fake_session: SessionHarness, kind: str) -> None:
    path = fake_session.folder / "root" / "configs" / "models.yaml"
    path.write_text(path.read_text(encoding="utf-8") + BROKEN[kind], encoding="utf-8")
    assert fake_session.run("a cat -s2") is Outcome.OK
    assert [text for text in fake_session.notices if text.startswith("left out: ")] != []
    assert fake_session.run("a cat -s2 -m sketchbook --dry_run") is Outcome.OK
    assert [text for text in fake_session.notices if text.startswith("left out: ")] == []
    name = BROKEN[kind].partition(":")[0]
    assert fake_session.run(f"a cat -m {name}") is not Outcome.OK and "models.yaml, line" in fake_session.errors[0]


@pytest.mark.parametrize("text", ["a: [\n", "- a\n- b\n", "%PDF-1.4\n", "a: &x\n  b: *y\n", "\t\n:"])
def test_a_file_that_is_no_models_yaml_leaves_the_bundled_model_in_use(program: Program, text: str) -> None:
    (program.folder / "root" / "configs" / "models.yaml").write_text(text, encoding="utf-8")
    result = program("a cat", "-s2")
    assert result.status == 0 and result.lines[0].endswith("-m sketchbook")
    assert "models.yaml" in result.err


def test_further_folders_of_adapters_are_found(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    options = SessionOptions(root=str(tmp_path), embedding_path=str(tmp_path / "more"), lora_directory="below")
    paths = Settings(options).paths
    assert paths.data_folders("embeddings")[-1] == tmp_path / "more"
    assert paths.data_folders("loras")[-1] == tmp_path / "below"
