"""The guarantee "Layers" and the project's limits: imports, printing, module state, sizes, types, style."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SOURCES = sorted(path for folder in ("invoke_cli", "training") for path in (ROOT / folder).rglob("*.py"))
FILES = [*SOURCES, *(path for folder in ("tests", "benchmarks") for path in sorted((ROOT / folder).rglob("*.py")))]
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50


def trees() -> Iterator[tuple[Path, ast.Module]]:
    """Yield every file of the program, parsed."""
    for path in SOURCES:
        yield path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"))


def nodes(*kinds: type[ast.AST]) -> Iterator[tuple[Path, ast.AST]]:
    """Yield every node of these kinds, with its file."""
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, kinds):
                yield path, node


def tool(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a development tool of this environment at the top of the tree."""
    command = [str(Path(sys.executable).parent / words[0]), *words[1:]]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "words",
    [("lint-imports",), ("ruff", "check", "."), ("ruff", "format", "--check", ".")],
    ids=["layers", "lint", "format"],
)
def test_layers_lint_and_format_are_clean(words: tuple[str, ...]) -> None:
    done = tool(*words)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_types_are_strict_and_complete() -> None:
    done = tool("mypy")
    assert done.returncode == 0, done.stdout


def test_print_occurs_only_in_the_console() -> None:
    places = {
        str(path)
        for path, node in nodes(ast.Call)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    }
    assert {place for place in places if not place.startswith("training/")} == {"invoke_cli/console/console.py"}


def test_no_module_state_is_changed() -> None:
    assert [str(path) for path, _ in nodes(ast.Global)] == []
    for path, tree in trees():
        for statement in tree.body:
            targets = statement.targets if isinstance(statement, ast.Assign) else []
            value = statement.value if isinstance(statement, (ast.Assign, ast.AnnAssign)) else None
            if isinstance(statement, ast.AnnAssign):
                targets = [statement.target]
            if isinstance(value, (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)):
                names = [target.id for target in targets if isinstance(target, ast.Name)]
                assert all(name.strip("_").isupper() for name in names), f"{path}: {names}"


def test_tables_are_not_changed_at_run_time() -> None:
    changing = {"append", "update", "add", "setdefault", "pop", "clear", "extend", "insert", "remove"}
    for path, node in nodes(ast.Attribute):
        assert isinstance(node, ast.Attribute)
        if node.attr in changing and isinstance(node.value, ast.Name):
            assert not node.value.id.strip("_").isupper(), f"{path}:{node.lineno} changes {node.value.id}"


def test_broad_excepts_are_the_session_boundary_and_the_plugin_loader() -> None:
    broad = [
        str(path)
        for path, node in nodes(ast.ExceptHandler)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")))
        and not _reraises(node)
    ]
    assert broad == ["invoke_cli/plugins.py", "invoke_cli/server/engine_process.py", "invoke_cli/session.py"]


def _reraises(handler: ast.ExceptHandler) -> bool:
    return isinstance(handler.body[-1], ast.Raise) and handler.body[-1].exc is None


def test_files_and_functions_are_short() -> None:
    for path in FILES:
        lines = path.read_text(encoding="utf-8").count("\n")
        assert lines <= MAX_FILE_LINES, f"{path.relative_to(ROOT)} has {lines} lines"
    for path, node in nodes(ast.FunctionDef, ast.AsyncFunctionDef):
        assert isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        length = (node.end_lineno or node.lineno) - node.lineno + 1
        assert length <= MAX_FUNCTION_LINES, f"{path}:{node.lineno} {node.name} has {length} lines"


def test_public_functions_and_classes_have_docstrings() -> None:
    for path, tree in trees():
        assert ast.get_docstring(tree) or path.name == "__init__.py", path
        for node in tree.body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{path}:{node.lineno} {node.name} has no docstring"


LAYERS = (
    ("commands", "server", "replay", "exploration", "generation", "inputs", "context", "output"),
    ("engine",),
    ("planning", "models", "imaging", "metadata"),
    ("language",),
    ("repl", "console"),
)


@pytest.mark.parametrize("packages", LAYERS, ids=lambda packages: packages[0])
def test_module_names_are_unique_within_a_layer(packages: tuple[str, ...]) -> None:
    modules: dict[str, list[str]] = {}
    for package in packages:
        for path in sorted((ROOT / "invoke_cli" / package).rglob("*.py")):
            if path.stem not in ("__init__", "rows"):  # each theme of commands has its rows
                modules.setdefault(path.stem, []).append(str(path.relative_to(ROOT)))
    assert {name: paths for name, paths in modules.items() if len(paths) > 1} == {}
