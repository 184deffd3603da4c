"""Where a session looks for its configuration and its models."""

from __future__ import annotations

from pathlib import Path

import pytest

from invoke_cli.context import command_clash as module
from invoke_cli.context.command_clash import command_clash
from invoke_cli.context.paths import LORAS, Paths, find_paths
from invoke_cli.inputs.adapters import list_adapters


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path


def test_models_are_in_the_data_folder_and_settings_in_the_configuration_folder(home: Path) -> None:
    paths = find_paths(None, None, {}, home)
    assert paths.user_configs == home / "config" / "invoke" / "configs"
    assert paths.data_folders("loras")[0] == home / "data" / "invoke" / "loras"


def test_models_in_the_old_configuration_folder_are_still_found(home: Path) -> None:
    paths = find_paths(None, None, {}, home)
    for folder, name in zip(paths.data_folders(LORAS), ("new", "old"), strict=True):
        folder.mkdir(parents=True)
        (folder / f"{name}.safetensors").write_bytes(b"")
    assert set(list_adapters(paths.data_folders(LORAS))) == {"new", "old"}
    (paths.root / "models/sd15").mkdir(parents=True)
    assert paths.model_folder("models/sd15") == paths.root / "models/sd15"
    (home / "data/invoke/models/sd15").mkdir(parents=True)
    assert paths.model_folder("models/sd15") == home / "data/invoke/models/sd15"


@pytest.mark.parametrize("source", ["option", "environment", "checkout"])
def test_an_explicit_root_holds_both_settings_and_models(home: Path, source: str) -> None:
    root = home / "mine"
    (root / "invoke_cli").mkdir(parents=True)
    (root / "configs").mkdir()
    if source == "checkout":
        (root / "invoke_cli/__main__.py").touch()
        (root / "configs/models.yaml").touch()
    option, environment = (
        str(root) if source == "option" else None,
        {"INVOKE_ROOT": str(root)} if source == "environment" else {},
    )
    paths = find_paths(option, None, environment, root if source == "checkout" else home)
    assert paths == Paths(root=root) and paths.data_folders("loras") == (root / "loras",)


def test_a_checkout_of_this_program_is_recognised() -> None:
    top = Path(__file__).parent.parent.parent
    assert find_paths(None, None, {}, top / "tests").root == top


@pytest.mark.parametrize(
    ("script", "runs"), [("from invoke_cli.cli import x", "this program"), ("import invoke", "PyInvoke")]
)
def test_a_clash_with_pyinvoke_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, runs: str
) -> None:
    assert command_clash() == ""
    monkeypatch.setattr(module, "version", lambda _: "2.2.0")
    (tmp_path / "invoke").write_text(script)
    warning = command_clash(tmp_path)
    assert f"invoke runs {runs}" in warning and "invoke-cli" in warning
