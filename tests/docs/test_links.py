"""Links lead somewhere, and the files and tests that the pages name exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, PAGES, ROOT

DEVELOPER_PAGES = [
    ROOT / "CONTRIBUTING.md", DOCS / "architecture.md", DOCS / "plugins.md", DOCS / "releasing.md",
    *sorted((DOCS / "contributing").glob("*.md")),
]  # fmt: skip


def without_code(page: Path) -> str:
    return re.sub(r"^```.*?^```$|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_relative_links_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", without_code(page)):
        if not target.startswith(("https://", "#")):
            assert (page.parent / target.split("#")[0]).exists(), target


@pytest.mark.parametrize("page", DEVELOPER_PAGES, ids=lambda page: page.stem)
def test_files_that_are_named_exist(page: Path) -> None:
    for name in re.findall(r"`([\w./-]+)`", page.read_text(encoding="utf-8")):
        is_path = "/" in name and not name.startswith(("/", ".", "-")) and (ROOT / name.split("/")[0]).is_dir()
        assert not is_path or (ROOT / name).exists(), name


@pytest.mark.parametrize("page", DEVELOPER_PAGES, ids=lambda page: page.stem)
def test_tests_that_are_named_exist(page: Path) -> None:
    for path, name in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page.read_text(encoding="utf-8")):
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        assert name in [node.name for node in tree.body if isinstance(node, ast.FunctionDef)], f"{path}::{name}"
