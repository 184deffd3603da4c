"""Defaults are resolved once per line, however many images it generates."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from invoke_cli.context.settings import Settings
from tests.session_harness import SessionHarness


def count_resolutions(
    session: SessionHarness, monkeypatch: pytest.MonkeyPatch, model: Path, line: str
) -> tuple[int, list[str]]:
    """Run a line; return how often its defaults were resolved, and which of the model's configs were read."""
    resolutions: list[object] = []
    read: list[str] = []
    resolve, open_file = Settings.resolve, os.open

    def counted(settings: Settings, *arguments: object) -> object:
        resolutions.append(arguments)
        return resolve(settings, *arguments)  # type: ignore[arg-type]

    def recorded(file: object, *arguments: object, **named: object) -> object:
        if str(file).startswith(str(model)) and str(file).endswith(".json"):
            read.append(Path(str(file)).relative_to(model).as_posix())
        return open_file(file, *arguments, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Settings, "resolve", counted)
        patch.setattr(os, "open", recorded)
        session.draw(line)
    return len(resolutions), read


@pytest.mark.parametrize(
    "line",
    ["a cat -s2", "a {red|blue} cat -s2", "a {?red|blue} cat -s2 -n3", "a cat -s2 -S 1,2", "a cat -s2 -I sketch.png"],
)
def test_a_line_resolves_its_defaults_once_and_reads_each_config_once(
    fake_session: SessionHarness, monkeypatch: pytest.MonkeyPatch, tiny_model: Path, sketch: Path, line: str
) -> None:
    resolutions, read = count_resolutions(fake_session, monkeypatch, tiny_model, line)
    assert resolutions == 1
    assert len(read) > 3 and sorted(read) == sorted(set(read))


def test_each_stage_of_a_chain_resolves_once_and_reads_a_model_once(
    fake_session: SessionHarness, monkeypatch: pytest.MonkeyPatch, tiny_model: Path
) -> None:
    resolutions, read = count_resolutions(fake_session, monkeypatch, tiny_model, "a cat -s2 | oil -f .5 | snow -f .3")
    assert resolutions == 3
    assert sorted(read) == sorted(set(read))


def test_a_folder_of_init_images_resolves_once(
    fake_session: SessionHarness, monkeypatch: pytest.MonkeyPatch, tiny_model: Path, sketch: Path
) -> None:
    folder = sketch.parent / "photos"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(sketch.read_bytes())
    resolutions, _ = count_resolutions(fake_session, monkeypatch, tiny_model, "oil -s2 -I photos")
    assert resolutions == 1
