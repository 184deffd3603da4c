"""The page of what InvokeAI 2.x had agrees with the program."""

from __future__ import annotations

import pytest

from docs.invokeai2_page import COMMANDS_OF_2X, SWITCHES_OF_2X, invokeai2_page, switch_outcome
from invoke_cli.language.switches.legacy_launch import LEGACY_OPTIONS


@pytest.mark.feature("reference-2x")
@pytest.mark.parametrize("flag", [flag for flags in SWITCHES_OF_2X for flag in flags])
def test_every_switch_of_2x_works_or_has_a_replacement(flag: str) -> None:
    outcome = switch_outcome(flag)
    assert outcome.startswith(("works", "not supported: ")) and "did you mean" not in outcome
    assert "keep it as text" not in outcome


def test_the_page_has_every_name_of_2x() -> None:
    page = invokeai2_page()
    names = [flag for flags in SWITCHES_OF_2X for flag in flags]
    names += [flag for row in LEGACY_OPTIONS for flag in row.flags] + [f"!{name}" for name in COMMANDS_OF_2X]
    assert [name for name in names if f"`{name}`" not in page] == []
    assert "`repo_id`" in page and "invokeai-batch" in page
