"""Models by their folders: switching, finding them by name, sharing them between sessions."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from invoke_cli.context.outcome import Outcome
from invoke_cli.events import Failed
from tests.session_harness import SessionHarness


def test_switch_changes_the_model_of_the_session(harness: SessionHarness, tiny_model: Path) -> None:
    second = harness.folder / "second"
    shutil.copytree(tiny_model, second)
    harness.run("!models")
    assert "active" in harness.messages and "64 px" in harness.messages
    assert harness.run(f"!switch {second}") is Outcome.OK
    harness.draw("a cat -s2")
    assert harness.saved[0].line.endswith("-m second")
    harness.draw("a cat -s2 -m tiny")
    assert "-m tiny" in harness.saved[0].line
    assert harness.run("!switch tniy") is Outcome.FAILED
    assert "tiny" in harness.of(Failed)[0].error.hint


def test_the_error_of_a_sampler_given_as_model_names_the_sampler_switch(harness: SessionHarness) -> None:
    assert harness.run("a cat -m k_lms") is Outcome.FAILED
    assert "-A k_lms" in harness.of(Failed)[0].error.hint


def test_a_model_used_by_its_folder_is_found_again_by_its_name(
    harness: SessionHarness, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "models" / "my model"
    shutil.copytree(tiny_model, other)
    (path,) = harness.draw("a cat -s2 -S1 -m 'models/my model'")
    assert harness.saved[0].line.endswith('-m "my model"')
    assert str(tmp_path).encode() not in path.read_bytes()
    again = SessionHarness(tmp_path / "root" / "..", tiny_model, harness.session.context._opener)
    assert again.run(f"!verify {path}") is Outcome.OK
    assert "identical" in again.messages
    harness.draw("a cat -s2 -S2 -m 'models/my model'")
    assert (tmp_path / "root" / "configs" / "folders.yaml").read_text(encoding="utf-8").count("my model") == 2


def test_the_folder_of_a_configured_model_is_recognised(harness: SessionHarness, tiny_model: Path) -> None:
    harness.draw(f"a cat -s2 -S1 -m {tiny_model}")
    assert harness.saved[0].line.endswith("-m tiny")
    assert not (harness.folder / "root" / "configs" / "folders.yaml").exists()


def test_two_sessions_may_use_one_model_folder(
    harness: SessionHarness, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny_model, tmp_path / "mine")
    other = SessionHarness(tmp_path, tiny_model, harness.session.context._opener)
    for session in (harness, other):
        session.draw("a cat -s2 -S1 -m ./mine")
    later = SessionHarness(tmp_path, tiny_model, harness.session.context._opener)
    assert later.run("!models") is Outcome.OK and "mine" in later.messages
    harness.run("!alias oil oil painting -C 9")
    other.run("!alias ink ink drawing")
    harness.run("!alias")
    assert "oil painting" in harness.messages and "ink drawing" in harness.messages
