"""From nothing to a real model: what `-m sdxl` and `!help models` say where none is installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from invoke_cli.commands.command import Argument
from invoke_cli.commands.table import find_command
from invoke_cli.context.hub_cache import is_hub_id
from invoke_cli.context.outcome import Outcome
from invoke_cli.events import Failed
from invoke_cli.models.recommended import RecommendedModel, read_recommended, recommended_named
from tests.session_harness import SessionHarness

LIST = Path(__file__).parents[2] / "configs" / "recommended.yaml"


@pytest.fixture
def models() -> tuple[RecommendedModel, ...]:
    return read_recommended(LIST.read_text(encoding="utf-8"))


def test_the_list_is_consistent(models: tuple[RecommendedModel, ...]) -> None:
    spellings = [spelling for model in models for spelling in (model.name, *model.also)]
    assert len(set(spellings)) == len(spellings)
    for model in models:
        assert is_hub_id(model.source) and model.download.endswith(" GB") and "memory" in model.memory
    command = find_command("import_model")
    assert command is not None and command.argument is not Argument.LINE


@pytest.mark.feature("recommended-models")
@pytest.mark.parametrize(
    ("typed", "name"), [("sdxl", "sdxl"), ("SD1.5", "sd15"), ("flux_dev", "flux-dev"), ("flux", "flux")]
)
@pytest.mark.parametrize("line", ["a cat -m {}", "!switch {}", "!set -m {}"])
def test_a_model_that_is_not_installed_is_named_with_the_lines_that_get_it(
    fake_session: SessionHarness, models: tuple[RecommendedModel, ...], line: str, typed: str, name: str
) -> None:
    assert fake_session.run(line.format(typed)) is not Outcome.OK
    error = fake_session.of(Failed)[0].error
    model = recommended_named(models, name)
    assert model is not None and error.message == f"the model {typed} is not installed"
    for part in (model.command, model.download, model.memory, model.licence, model.gate):
        assert part in error.hint


def test_other_names_and_installed_models_are_not_affected(fake_session: SessionHarness, tiny_model: Path) -> None:
    fake_session.run("a cat -m nosuch")
    assert fake_session.errors == ["no such model: nosuch"]
    assert fake_session.run(f"!import_model {tiny_model} sdxl") is Outcome.OK
    fake_session.draw("a cat -s2 -m sdxl")


def test_the_help_says_which_model_suits_which_machine(
    fake_session: SessionHarness, models: tuple[RecommendedModel, ...]
) -> None:
    fake_session.run("!help models")
    text = " ".join(fake_session.messages.split())
    assert all(model.command in text and model.memory in text for model in models)
