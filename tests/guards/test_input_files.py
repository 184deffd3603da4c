"""Files are opened by the opener of input files and by the writer only, so that no other read lacks a limit."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
OPENING = {"open", "read_bytes", "read_text", "fdopen", "memmap", "loadtxt"}

# The calls elsewhere, and why each is none of an input file.
ALLOWED: Mapping[str, str] = {
    "invoke_cli/input_files.py": "the opener",
    "invoke_cli/output/files.py": "the writer",
    "invoke_cli/output/folder_lock.py": "the lock and the claims, which are empty",
    "invoke_cli/inputs/hub.py": "the writer of downloads; a connection",
    "invoke_cli/imaging/formats.py": "Image.open of data that was read",
    "invoke_cli/output/lossy.py": "Image.open of data that was just encoded",
    "invoke_cli/inputs/url.py": "a connection",
    "invoke_cli/repl/loop.py": "a call of that method",
    "invoke_cli/cli.py": "the null device",
    "invoke_cli/console/standard_streams.py": "the null device",
    "invoke_cli/console/image_viewer.py": "the terminal",
}


def calls() -> Iterator[tuple[str, str]]:
    """Yield the file and the name of every call that may open a file."""
    for path in sorted((ROOT / "invoke_cli").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                # Functions of the program with such a name are not methods of a path or module.
                if name in OPENING and (isinstance(node.func, ast.Attribute) or name == "open"):
                    yield str(path.relative_to(ROOT)), name


def test_files_are_opened_by_the_opener_and_the_writer_only() -> None:
    others = sorted({f"{path}: {name}" for path, name in calls() if path not in ALLOWED})
    assert others == []


def test_no_file_is_allowed_in_vain() -> None:
    assert set(ALLOWED) - {path for path, _ in calls()} == set()
