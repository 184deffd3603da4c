"""The page of the features, named in `features.toml`, each with the tests whose markers refer to it."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from docs.markdown import code, table

DOCS = Path(__file__).parent
TESTS = DOCS.parent / "tests"
MARKER = "feature"
_INTRODUCTION = """\
# Features

Everything that the program promises, under names, with the tests that show it. A name is stable, so that tests, issues
and pages can refer to it. The guarantees that hold for all features are in
[architecture](architecture.md#guarantees)."""


class MarkedTest(NamedTuple):
    """A test function with the names of the features that it shows; `path` is relative to the folder of the tests."""

    path: Path
    function: str
    features: tuple[str, ...]


def features() -> Mapping[str, Mapping[str, str]]:
    """Return the description of each feature by its name, in groups."""
    groups: Mapping[str, Mapping[str, str]] = tomllib.loads((DOCS / "features.toml").read_text(encoding="utf-8"))
    return groups


def feature_names() -> list[str]:
    """Return the names of all features, in order."""
    return [name for group in features().values() for name in group]


def marked_tests(tests: Path = TESTS) -> Iterator[MarkedTest]:
    """Yield the tests that are marked with features, without importing them."""
    for path in sorted(tests.rglob("test_*.py")):
        source = path.read_text(encoding="utf-8")
        if f"mark.{MARKER}" not in source:
            continue
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef) and (names := tuple(_marked(node))):
                yield MarkedTest(path.relative_to(tests), node.name, names)


def _marked(function: ast.FunctionDef) -> Iterator[str]:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == f"pytest.mark.{MARKER}":
            yield from (str(argument.value) for argument in decorator.args if isinstance(argument, ast.Constant))


def problems(tests: Path = TESTS) -> list[str]:
    """Return what is wrong: features without a test, and markers that name no feature."""
    names, marked = feature_names(), list(marked_tests(tests))
    shown = {name for test in marked for name in test.features}
    return [
        *(f"the feature {name} has no test: mark one with @pytest.mark.feature" for name in names if name not in shown),
        *(
            f"{test.path}::{test.function} names an unknown feature: {name}"
            for test in marked
            for name in test.features
            if name not in names
        ),
    ]


def features_page() -> str:
    """Return the page of the features, with a table for each group."""
    marked = list(marked_tests())
    parts = [_INTRODUCTION]
    for title, group in features().items():
        rows = [(name, text, _tests(name, marked)) for name, text in group.items()]
        parts.append(f"## {title}\n\n{table(('name', 'the feature', 'tests'), rows)}")
    return "\n\n".join(parts)


def _tests(name: str, marked: list[MarkedTest]) -> str:
    """Return the tests that show a feature."""
    shown = [test for test in marked if name in test.features]
    return ", ".join(code(f"tests/{test.path.as_posix()}::{test.function}") for test in shown)
