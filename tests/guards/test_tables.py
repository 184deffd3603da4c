"""Every row of a table has a test of what it does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from invoke_cli.commands.table import COMMANDS
from invoke_cli.models.families.table import FAMILIES
from tests.families.builders import BUILDERS

TESTS = Path(__file__).parent.parent
# The folders whose tests run commands.
RUNNING = ("commands", "generation", "inputs", "output", "replay", "exploration", "session", "frontends", "plugins")

# Families without a tiny model that is compared with the stock pipeline, and why.
WITHOUT_BUILDER: Mapping[str, str] = {
    "qwen-image-edit": "its processor needs torchvision; tests/families/test_session.py tests the message",
}


def test_every_family_is_compared_with_its_stock_pipeline() -> None:
    generating = {family.name for family in FAMILIES if family.can_generate}
    assert generating - set(BUILDERS) == set(WITHOUT_BUILDER)


@pytest.mark.parametrize("name", [command.name for command in COMMANDS])
def test_every_command_is_run_by_a_test(name: str) -> None:
    texts = [path.read_text(encoding="utf-8") for folder in RUNNING for path in (TESTS / folder).glob("test_*.py")]
    call = re.compile(rf"""["'(]!{name}\b""")
    assert any(call.search(text) for text in texts), f"no test runs !{name}"
