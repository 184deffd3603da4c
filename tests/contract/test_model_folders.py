"""Models by their folders: switched to, found again by their names, shared by two sessions."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from invoke_cli.context.outcome import Outcome
from invoke_cli.events import Failed
from tests.session_harness import House


def test_models_and_switch(house: House, tiny_model: Path) -> None:
    second = house.folder / "second"
    shutil.copytree(tiny_model, second)
    house.run("!models")
    assert "active" in house.messages and "64 px" in house.messages
    assert house.run(f"!switch {second}") is Outcome.OK
    house.draw("a cat -s2")
    assert house.saved[0].line.endswith("-m second")
    house.draw("a cat -s2 -m tiny")
    assert "-m tiny" in house.saved[0].line
    assert house.run("!switch tniy") is Outcome.FAILED
    assert "tiny" in house.of(Failed)[0].error.hint


def test_a_sampler_s_name_as_the_model_says_use_a(house: House) -> None:
    assert house.run("a cat -m k_lms") is Outcome.FAILED
    assert "-A k_lms" in house.of(Failed)[0].error.hint


def test_a_model_used_by_its_folder_is_found_again_by_its_name(
    house: House, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "models" / "my model"
    shutil.copytree(tiny_model, other)
    (picture,) = house.draw("a cat -s2 -S1 -m 'models/my model'")
    assert house.saved[0].line.endswith('-m "my model"')
    assert str(tmp_path).encode() not in picture.read_bytes()
    again = House(tmp_path / "root" / "..", tiny_model, house.session.workshop._opener)
    assert again.run(f"!verify {picture}") is Outcome.OK
    assert "identical" in again.messages
    house.draw("a cat -s2 -S2 -m 'models/my model'")
    assert (tmp_path / "root" / "configs" / "folders.yaml").read_text(encoding="utf-8").count("my model") == 2


def test_the_folder_of_a_configured_model_is_that_model(house: House, tiny_model: Path) -> None:
    house.draw(f"a cat -s2 -S1 -m {tiny_model}")
    assert house.saved[0].line.endswith("-m tiny")
    assert not (house.folder / "root" / "configs" / "folders.yaml").exists()


def test_two_sessions_may_use_one_model_folder(
    house: House, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny_model, tmp_path / "mine")
    other = House(tmp_path, tiny_model, house.session.workshop._opener)
    for session in (house, other):
        session.draw("a cat -s2 -S1 -m ./mine")
    later = House(tmp_path, tiny_model, house.session.workshop._opener)
    assert later.run("!models") is Outcome.OK and "mine" in later.messages
    house.run("!alias oil oil painting -C 9")
    other.run("!alias ink ink drawing")
    house.run("!alias")
    assert "oil painting" in house.messages and "ink drawing" in house.messages
