"""The page on security lists the limits that the program has."""

from __future__ import annotations

from pathlib import Path

import pytest

from invoke_cli.documents import MAX_DEPTH, MAX_NODES, MAX_YAML
from invoke_cli.imaging.formats import MAX_PIXELS
from invoke_cli.input_files import INPUT_KINDS, MAX_LINE, InputKind
from invoke_cli.inputs.url import LIMITS
from invoke_cli.language.limits import MAX_NUMBER, MAX_PROMPT

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", INPUT_KINDS, ids=lambda kind: kind.name)
def test_each_kind_of_input_file_has_a_row(kind: InputKind) -> None:
    pipes = "yes" if kind.may_be_piped else "no"
    assert f"| {kind.name} | {kind.max_bytes / 1e6:.0f} MB | {kind.seconds:g} s | {pipes} |" in PAGE


def test_other_limits_are_those_of_the_program() -> None:
    assert f"{MAX_LINE:,} bytes" in PAGE and f"{MAX_PROMPT:,} characters" in PAGE and f"1 to {MAX_NUMBER:,}" in PAGE
    assert f"{MAX_PIXELS // 1_000_000} million" in PAGE
    assert f"{MAX_YAML:,} characters, {MAX_DEPTH} levels, {MAX_NODES:,} values" in PAGE
    assert f"{LIMITS.max_bytes / 1e6:g} MB, {LIMITS.seconds:g} s" in PAGE


def test_the_policy_refers_to_the_page() -> None:
    assert "docs/security.md" in (ROOT / "SECURITY.md").read_text(encoding="utf-8")
