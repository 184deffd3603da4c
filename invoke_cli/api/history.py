"""The images of an output folder, for Python code."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from invoke_cli.context.paths import expand_path
from invoke_cli.language.grammar.history_query import parse_query, query_parts
from invoke_cli.language.grammar.shell_words import typed_words
from invoke_cli.output.entries import Entry
from invoke_cli.output.folder import OutputFolder


class History:
    """The history of an output folder.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = OutputFolder(expand_path(str(folder)))

    def search(self, words: str = "", limit: int = 1000) -> list[Entry]:
        """Return the images that `!search` finds, the latest last.

        Args:
            words: Words of the prompt, and conditions such as `seed:42`, `steps>20` or `tag:good`.
            limit: The greatest number of images.

        Raises:
            InvokeError: The words cannot be read.
        """
        if not words.strip():
            return self.recent(limit)
        query = parse_query(query_parts(typed_words(words)), datetime.now().astimezone())
        return self._folder.history.find(query, limit)

    def recent(self, count: int = 10) -> list[Entry]:
        """Return the latest images, the latest last."""
        return self._folder.history.recent(count)

    def get(self, number: int) -> Entry | None:
        """Return the image with a number; None if there is none."""
        return self._folder.history.get(number)

    def path_of(self, entry: Entry) -> Path:
        """Return the path of an image."""
        return self._folder.path_of(entry)
