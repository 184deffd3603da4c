"""Resolve the words of a command to images: references, numbers, ranges, patterns, `last` and `session`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from invoke_cli.commands.command import Call
from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import expand_path, is_file, path_exists
from invoke_cli.errors import CommandError, InvokeError, LineError, Span
from invoke_cli.inputs.references import find_entry, find_image, is_recall, listed
from invoke_cli.language.grammar.line import Blank, CommandLine, Generation, Stage, parse
from invoke_cli.language.grammar.shell_words import first_word
from invoke_cli.language.grammar.spellings import looks_like_switch
from invoke_cli.language.image_names import is_image_name
from invoke_cli.language.switches.table import by_field
from invoke_cli.output.entries import UNLISTED, Entry
from invoke_cli.output.folder import OutputFolder
from invoke_cli.request import GenerationRequest

LAST, SESSION = "last", "session"

_NUMBERS = re.compile(r"!?(\d{1,9})(?:\.\.!?(\d{1,9}))?")
_MAX_RANGE = 10_000


def single_image(context: SessionContext, call: Call, usage: str) -> Path:
    """Return the image that a command takes as its only argument."""
    words = call.required(usage)
    if len(words) > 1:
        raise CommandError(f"!{call.name} takes one image", hint="put a name with spaces in quotes")
    return find_images(context, words[0])[0]


def find_images(context: SessionContext, word: str) -> list[Path]:
    """Return the images that a word refers to: a glob pattern, a reference, a number or a range of numbers."""
    word = with_slashes(word)
    path = expand_path(word)
    if any(char in word for char in "*?[") and not path_exists(path):
        found = sorted(path.parent.glob(path.name))
        if not found:
            raise CommandError(f"no file matches {word}", hint="check the pattern")
        return found
    folder = context.recent_folder() if is_recall(word) else context.folder()
    if ".." in word and _NUMBERS.fullmatch(word) is not None:
        return [folder.path_of(entry) for entry in _entries(folder, word)]
    return [find_image(word if is_file(path) else _marked(word), folder)]


def with_slashes(word: str) -> str:
    """Return a path with slashes for its backslashes, if nothing has its name as typed, but something has this one."""
    slashed = word.replace("\\", "/")
    if slashed == word or path_exists(expand_path(word)):
        return word
    pattern = expand_path(slashed)
    return slashed if path_exists(pattern) or any(pattern.parent.glob(pattern.name)) else word


def _marked(word: str) -> str:
    """Return the reference to the image with a number, also to 000017; other words as they are."""
    return f"!{word}" if word.isdigit() else word


def selected_images(context: SessionContext, words: Sequence[str]) -> list[Path]:
    """Return the existing images that several words refer to.

    `last` stands for the results of the last command that generated images, `session` for those of this session.
    """
    paths: list[Path] = []
    for word in words:
        if word in (LAST, SESSION) and not path_exists(expand_path(word)):
            folder = context.recent_folder()
            paths += [folder.path_of(entry) for entry in recent_results(context, folder, word)]
        else:
            paths += find_images(context, word)
    return [path for path in paths if path.is_file()]


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryImage:
    """An image of the history, with its output folder."""

    folder: OutputFolder
    entry: Entry

    @property
    def path(self) -> Path:
        """The path of the image."""
        return self.folder.path_of(self.entry)


def history_images(context: SessionContext, words: Sequence[str]) -> list[HistoryImage]:
    """Return the images of the history that words refer to: as in every command, and `last` and `session`."""
    found: list[HistoryImage] = []
    for word in words:
        if word in (LAST, SESSION):
            folder = context.recent_folder()
            entries = map(listed, recent_results(context, folder, word))
            found += [HistoryImage(folder=folder, entry=entry) for entry in entries]
        else:
            folder = context.recent_folder() if is_recall(word) else context.folder()
            found += [HistoryImage(folder=folder, entry=entry) for entry in _entries(folder, word)]
    return found


def is_history_reference(word: str) -> bool:
    """Return whether a word refers to images of the history, rather than being a tag or the name of a folder."""
    return word in (LAST, SESSION) or _NUMBERS.fullmatch(word) is not None or is_recall(word) or is_image_name(word)


def _entries(folder: OutputFolder, word: str) -> Iterator[Entry]:
    """Yield the image that a reference resolves to, or the existing ones of a range of numbers."""
    match = _NUMBERS.fullmatch(word)
    if match is None or match[2] is None:
        yield find_entry(_marked(word), folder)
        return
    first, last_number = int(match[1]), int(match[2])
    if last_number - first > _MAX_RANGE:
        raise CommandError(f"the range {word} is too long", hint=f"at most {_MAX_RANGE} images at once")
    entries = (folder.history.get(number) for number in range(first, last_number + 1))
    yield from (entry for entry in entries if entry is not None)


def recent_results(context: SessionContext, folder: OutputFolder, what: str) -> list[Entry]:
    """Return the results of the last command that generated images (`last`) or of this session (`session`).

    The oldest comes first. If this session has generated nothing, `session` refers to the last session that did.
    """
    last = folder.last()
    if last is None:
        raise CommandError(f"{folder.path} contains no images", hint="generate one first")
    if not last.run or (what == LAST and last.number == UNLISTED):
        return [last]
    if what == LAST:
        return folder.history.of_run(last.run)
    own = [*folder.history.of_run(f"{context.session_id}:"), *folder.unlisted]
    return own or folder.history.of_run(f"{last.run.split(':')[0]}:")


def split_image_reference(argument: str) -> tuple[str, str]:
    """Split an argument into the image reference at its start and the rest.

    The reference may be quoted; a number becomes a reference to the image with that number (`!17`).
    """
    reference, rest = first_word(argument)
    is_number = reference.isdigit() and argument.lstrip()[:1] not in ('"', "'")
    return f"!{reference}" if is_number else reference, rest


def image_and_switches(call: Call, usage: str) -> tuple[str, Generation]:
    """Split an argument into the image reference at its start, or after -I, and the switches after it.

    Raises:
        LineError: The rest does not parse, or contains a prompt.
    """
    call.required(usage)
    argument = _without_init_switch(call.argument)
    if looks_like_switch(argument):
        first = Span(0, len(call.argument.split()[0]))
        raise CommandError(f"!{call.name} takes the image first, without a switch", hint=usage, span=first)
    reference, rest = split_image_reference(argument)
    try:
        parsed = parse(_switches_in_place(argument, rest))
    except LineError as error:
        error.line = call.argument
        raise
    if isinstance(parsed, Blank):
        return reference, Generation(stages=(Stage(request=GenerationRequest()),))
    if not isinstance(parsed, Generation) or parsed.stages[0].request.prompt is not None:
        text = Span(len(call.argument) - len(rest), len(call.argument))
        span = parsed.stages[0].spans.get("prompt", text) if isinstance(parsed, Generation) else text
        message = f"!{call.name} takes an image, then switches; a name with spaces needs quotes"
        raise CommandError(message, hint=usage, span=span)
    return reference, parsed


def _without_init_switch(argument: str) -> str:
    """Return the argument with blanks for `-I` before the image, as InvokeAI 2.x took it, if switches follow."""
    flags = by_field()["init_image"].flags
    match = re.match(rf"(?:{'|'.join(flags)})[ =]*(?=\S)", argument)
    blanked = " " * match.end() + argument[match.end() :] if match else argument
    return blanked if split_image_reference(blanked)[1].strip() else argument


def _switches_in_place(argument: str, rest: str) -> str:
    """Return the switches of an argument with blanks for the image, so that positions are those in the argument."""
    return " " * (len(argument) - len(rest)) + rest


@contextmanager
def shown_as_typed(line: str, command: CommandLine) -> Iterator[None]:
    """Give an error of the line that stands for a command its place in the command as typed."""
    try:
        yield
    except InvokeError as error:
        raise _located_as_typed(error, line, command) from None


def _located_as_typed(error: InvokeError, line: str, command: CommandLine) -> InvokeError:
    _, rest = first_word(command.argument)
    parsed = parse(_switches_in_place(command.argument, rest))
    stages = parsed.stages if isinstance(parsed, Generation) else ()
    spans = dict(stages[error.stage].spans) if error.stage < len(stages) else {}
    if error.stage == 0:
        spans |= {"init_image": Span(0, len(command.argument) - len(rest.lstrip()))}
    if "new_prompt" in spans:
        spans["prompt"] = spans["new_prompt"]
    found = spans.get(error.field or "")
    error.line = error.span = None
    return error.located(line, found.shifted(command.argument_span.start) if found is not None else None)
