"""The documentation as data: its files, their code blocks, and the lines in them."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
README = ROOT / "README.md"
GUIDES = sorted((DOCS / "guides").glob("*.md"))
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])


def blocks(page: Path) -> list[tuple[str, str]]:
    """Return the language and the text of each code block of a page."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def runnable(page: Path) -> str:
    """Return the text of the blocks that run: those that are not marked as `text`."""
    return "".join(body for language, body in blocks(page) if language != "text")


def prompt_lines(page: Path) -> list[str]:
    """Return the lines at the prompt in the blocks that run."""
    return re.findall(r"^invoke> (.*)$", runnable(page), flags=re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """A shell command whose output jq reads: the words after `invoke` and the filter."""

    words: tuple[str, ...]
    filter: str


def shell_pipelines(page: Path) -> list[Pipeline]:
    """Return the shell commands of a page, in any block, that end with `| jq -r FILTER`."""
    found = []
    for command in re.findall(r"^\$ invoke (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE):
        words = shlex.split(command, comments=True)
        if words[-4:-1] == ["|", "jq", "-r"]:
            found.append(Pipeline(words=tuple(words[:-4]), filter=words[-1]))
    return found


def shell_commands(page: Path) -> list[str]:
    """Return the words after `invoke` of the shell commands in the blocks that run."""
    return re.findall(r"^\$ invoke (.*)$", runnable(page), flags=re.MULTILINE)
