"""Which pictures a command's words mean: references, bare numbers, patterns, the last command's, the session's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from invoke_cli.commands.command import Call
from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import expanded, is_there
from invoke_cli.errors import CommandError
from invoke_cli.inputs.references import find_image, is_recall
from invoke_cli.language.grammar.quotes import closing_quote, unquote_value
from invoke_cli.output.entries import Entry
from invoke_cli.output.folder import OutputFolder

LAST, SESSION = "last", "session"

_NUMBERS = re.compile(r"!?(\d{1,9})(?:\.\.!?(\d{1,9}))?")
_RECENT = re.compile(r"@last([1-9]\d{0,5})?")
_MOST_IN_RANGE = 10_000


def one_image(context: SessionContext, call: Call, usage: str) -> Path:
    """The one picture that a command is given."""
    words = call.required(usage)
    if len(words) > 1:
        raise CommandError(f"!{call.name} takes one picture", hint="put a name with blanks in quotes")
    return images_of(context, words[0])[0]


def images_of(context: SessionContext, word: str) -> list[Path]:
    """The pictures that a word names: a pattern's files, else what a reference means; a bare number is an image's."""
    path = expanded(word)
    if any(char in word for char in "*?[") and not is_there(path):
        found = sorted(path.parent.glob(path.name))
        if not found:
            raise CommandError(f"no file matches {word}", hint="check the pattern")
        return found
    folder = context.recent_folder() if is_recall(word) else context.folder()
    return [find_image(f"!{word}" if word.isdigit() else word, folder)]


def selected_images(context: SessionContext, words: Sequence[str]) -> list[Path]:
    """The pictures of several words; `last` and `session` stand for what was made by the last command and so far."""
    paths: list[Path] = []
    for word in words:
        if word in (LAST, SESSION) and not is_there(expanded(word)):
            folder = context.recent_folder()
            paths += [folder.path_of(entry) for entry in made_by(context, folder, word)]
        else:
            paths += images_of(context, word)
    return [path for path in paths if path.is_file()]


@dataclass(frozen=True, kw_only=True, slots=True)
class Numbered:
    """An image of the history and the folder that it belongs to."""

    folder: OutputFolder
    entry: Entry

    @property
    def path(self) -> Path:
        """Where the image lies."""
        return self.folder.path_of(self.entry)


def numbered(context: SessionContext, words: Sequence[str]) -> list[Numbered]:
    """The images of the history that words mean: numbers, ranges of them, @last, `last` and `session`."""
    found: list[Numbered] = []
    for word in words:
        if word in (LAST, SESSION):
            folder = context.recent_folder()
            found += [Numbered(folder=folder, entry=entry) for entry in made_by(context, folder, word)]
        else:
            folder = context.folder()
            found += [Numbered(folder=folder, entry=entry) for entry in _entries(folder, word)]
    return found


def means_images(word: str) -> bool:
    """Whether a word means images of the history, rather than being a tag or a folder's name."""
    return word in (LAST, SESSION) or _NUMBERS.fullmatch(word) is not None or _RECENT.fullmatch(word) is not None


def _entries(folder: OutputFolder, word: str) -> Iterator[Entry]:
    if (recent := _RECENT.fullmatch(word)) is not None:
        last = folder.history.last(int(recent[1] or 1))
        if last is None:
            raise CommandError(f"there is no earlier image {word} in {folder.path}", hint="!history lists them")
        yield last
        return
    match = _NUMBERS.fullmatch(word)
    if match is None:
        raise CommandError(f"a number was expected, not {word[:40]!r}", hint="!history lists the images by number")
    first, last_number = int(match[1]), int(match[2] or match[1])
    if last_number - first > _MOST_IN_RANGE:
        raise CommandError(f"{word} is a very long range", hint=f"at most {_MOST_IN_RANGE} images at once")
    for number in range(first, last_number + 1):
        entry = folder.history.get(number)
        if entry is not None:
            yield entry
        elif first == last_number:
            raise CommandError(f"there is no image number {number} in {folder.path}", hint="!history lists them")


def made_by(context: SessionContext, folder: OutputFolder, what: str) -> list[Entry]:
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
    own = folder.history.of_run(f"{context.session_id}:")
    return own or folder.history.of_run(f"{last.run.split(':')[0]}:")


def image_and_rest(argument: str) -> tuple[str, str]:
    """The reference to the picture, which stands first, perhaps in quotes, and the rest; a number is an image's."""
    close = closing_quote(argument, 0) if argument.startswith('"') else None
    if close is not None:
        return unquote_value(argument[1:close]), argument[close + 1 :]
    reference, _, rest = argument.partition(" ")
    return f"!{reference}" if reference.isdigit() else reference, rest
