"""What the words of a shell command ask for: one line or several, a command, or only defaults for a session."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from invoke_cli.errors import LineError
from invoke_cli.language.grammar.line import Generation, parse
from invoke_cli.language.grammar.shell_words import IsFile, TakesLine, words_to_lines
from invoke_cli.language.grammar.spellings import parse_switch
from invoke_cli.language.grammar.tokens import Kind, tokenise
from invoke_cli.request import GenerationRequest, overlay


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """A shell command, after its launch options were removed.

    Attributes:
        lines: The lines to run; none where there is no work in the command.
        defaults: Switches that hold for the whole session: those typed without work, or those before a `!` command.
        reads_input: Whether the lines of standard input are to be run, since the prompt is `-`.
    """

    lines: tuple[str, ...] = ()
    defaults: GenerationRequest = field(default_factory=GenerationRequest)
    reads_input: bool = False


def read_invocation(words: Sequence[str], is_file: IsFile, takes_line: TakesLine) -> Invocation:
    """Read the words of a shell command.

    Args:
        words: The words, as the shell split them.
        is_file: Whether a word names an existing image file, which can follow another after `-I`.
        takes_line: Whether the argument of the command of this name is a line.

    Raises:
        LineError: A switch lacks its value, or a file after `-I` does not exist.
    """
    if not words:
        return Invocation()
    line = _whole_line(words)
    if line is not None:
        return Invocation(lines=(line,), defaults=GenerationRequest(no_session=True))
    switches, command = _split_command(words, is_file)
    lines = tuple(words_to_lines(command or words, is_file, takes_line))
    if (shared := _before_input(lines)) is not None:
        return Invocation(defaults=shared, reads_input=True)
    defaults = None if command else _only_defaults(lines)
    return Invocation(lines=lines, defaults=switches) if defaults is None else Invocation(defaults=defaults)


def quoted_switch(lines: Sequence[str]) -> str | None:
    """Return a switch that became prompt text, since the shell's quotes are around both; None when there is none."""
    for line in lines[:1]:
        with contextlib.suppress(LineError):
            parsed = parse(line)
            prompts = [each.request.prompt or "" for each in parsed.stages] if isinstance(parsed, Generation) else []
            found = [token.text for prompt in prompts for token in tokenise(prompt) if token.kind is Kind.SWITCH]
            return found[0] if found else None
    return None


def _whole_line(words: Sequence[str]) -> str | None:
    """Return the one word that is a line beside `--no_session`; None if the words are something else."""
    others = [word for word in words if not _is_no_session(word)]
    is_line = len(others) == 1 < len(words) and " " in others[0].strip() and not others[0].startswith("!")
    return others[0] if is_line else None


def _only_defaults(lines: Sequence[str]) -> GenerationRequest | None:
    """Return the switches of lines that have no work in them; None when they have."""
    if not lines:
        return GenerationRequest()
    try:
        parsed = parse(lines[0])
    except LineError:
        return None
    if len(lines) > 1 or not isinstance(parsed, Generation) or len(parsed.stages) > 1:
        return None
    request = parsed.stages[0].request
    return request if request.prompt is None and request.init_image is None else None


def _before_input(lines: Sequence[str]) -> GenerationRequest | None:
    """Return the switches beside the prompt `-`, which stands for the lines of standard input; None without it.

    Raises:
        LineError: There is an init image or a further stage, too, so that it is unclear what `-` stands for.
    """
    try:
        parsed = parse(lines[0])
    except LineError:
        return None  # reported when it is run
    if not isinstance(parsed, Generation) or parsed.stages[0].request.prompt != "-":
        return None
    first = parsed.stages[0].request
    if first.init_image is None and len(lines) == len(parsed.stages) == 1:
        return replace(first, prompt=None)
    hint = "alone it reads lines from standard input; -I - reads an image, and -o - writes one"
    raise LineError("- is not a prompt", hint=hint)


def _split_command(words: Sequence[str], is_file: IsFile) -> tuple[GenerationRequest, list[str]]:
    """Return the switches before a `!` command, and the command's words; no words where there is no command.

    `--no_session` after the command counts like one before it.
    """
    for index, word in enumerate(words):
        before = _switches_before(words[:index], is_file) if word.startswith("!") else None
        if before is None:
            continue
        command, last = word.rpartition(" ")[::2] if _is_no_session(word.rpartition(" ")[2]) else (word, "")
        own = [command.rstrip(), *(rest for rest in words[index + 1 :] if not _is_no_session(rest))]
        no_session = bool(last) or len(own) < len(words) - index
        return overlay(before, GenerationRequest(no_session=True)) if no_session else before, own
    return GenerationRequest(), []


def _switches_before(words: Sequence[str], is_file: IsFile) -> GenerationRequest | None:
    with contextlib.suppress(LineError):
        return _only_defaults(words_to_lines(words, is_file) if words else [])
    return None


def _is_no_session(word: str) -> bool:
    with contextlib.suppress(LineError):
        return word.startswith("--") and parse_switch(word).switch.field == "no_session"
    return False
