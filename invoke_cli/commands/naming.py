"""Which pictures a command's words mean: references, bare numbers, patterns, the last command's, the session's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from invoke_cli.commands.command import Call
from invoke_cli.errors import CommandError
from invoke_cli.output.folder import OutputFolder
from invoke_cli.output.history import Entry
from invoke_cli.workshop.places import expanded, is_there
from invoke_cli.workshop.references import find_image
from invoke_cli.workshop.workshop import Workshop

LAST, SESSION = "last", "session"


def one_picture(workshop: Workshop, call: Call, usage: str) -> Path:
    """The one picture that a command is given."""
    words = call.required(usage)
    if len(words) > 1:
        raise CommandError(f"!{call.name} takes one picture", hint="put a name with blanks in quotes")
    return pictures_of(workshop, words[0])[0]


def pictures_of(workshop: Workshop, word: str) -> list[Path]:
    """The pictures that a word names: a pattern's files, else what a reference means; a bare number is an image's."""
    path = expanded(word)
    if any(char in word for char in "*?[") and not is_there(path):
        found = sorted(path.parent.glob(path.name))
        if not found:
            raise CommandError(f"no file matches {word}", hint="check the pattern")
        return found
    return [find_image(f"!{word}" if word.isdigit() else word, workshop.folder())]


def chosen_pictures(workshop: Workshop, words: Sequence[str]) -> list[Path]:
    """The pictures of several words; `last` and `session` stand for what was made by the last command and so far."""
    paths: list[Path] = []
    for word in words:
        if word in (LAST, SESSION) and not is_there(expanded(word)):
            folder = workshop.recent_folder()
            paths += [folder.path_of(entry) for entry in made_by(workshop, folder, word)]
        else:
            paths += pictures_of(workshop, word)
    return [path for path in paths if path.is_file()]


def made_by(workshop: Workshop, folder: OutputFolder, what: str) -> list[Entry]:
    """The results of the last command that drew (`last`), or of this session (`session`), oldest first; where this
    session has drawn nothing, of the one that drew last.
    """
    last = folder.history.last()
    if last is None:
        raise CommandError(f"there are no images in {folder.path}", hint="draw one first")
    if not last.run:
        return [last]
    if what == LAST:
        return folder.history.of_run(last.run)
    own = folder.history.of_run(f"{workshop.session_id}:")
    return own or folder.history.of_run(f"{last.run.split(':')[0]}:")
