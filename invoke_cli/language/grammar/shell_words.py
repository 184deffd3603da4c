"""Convert shell arguments to a line for the parser."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from invoke_cli.errors import LineError, Span
from invoke_cli.language.grammar.pasted_paths import escaped_word_end, shell_apostrophes, single_quote_close
from invoke_cli.language.grammar.quotes import (
    BLANKS,
    canonical,
    closing_quote,
    quote_prompt,
    quote_prompt_value,
    quote_value,
    unquote_value,
)
from invoke_cli.language.grammar.spellings import SwitchMatch, looks_like_switch, parse_switch
from invoke_cli.language.image_names import is_image_name, natural_key
from invoke_cli.language.switches.values import may_follow

IsFile = Callable[[str], bool]
TakesLine = Callable[[str], bool]


def words_to_lines(words: Sequence[str], is_file: IsFile, takes_line: TakesLine = lambda _: False) -> list[str]:
    """Convert shell words to lines, usually one.

    A single word is a complete line. Otherwise each word is one token: a word with a blank is prompt text, a bare `|`
    separates stages, a switch takes the next word as its value, and prompt words are joined by blanks. If `-I` is
    followed by several files (a shell glob), there is one line per file.

    Args:
        words: The arguments, as split by the shell.
        is_file: Whether a word names an existing file.
        takes_line: Whether the argument of the command with this name is a line.
    """
    if len(words) == 1:
        return [words[0]]
    if words[0].startswith("!"):
        quoted = " ".join([words[0], *map(quote_value, words[1:])])
        return [_format_line_command(words, is_file) if takes_line(words[0][1:]) else quoted]
    reader = _WordReader(words, is_file)
    stages = reader.stages()
    if len(reader.images) < 2:
        return [" | ".join(stages)]
    return [" | ".join(_add_image(stages, image)) for image in _in_natural_order(reader.images)]


def _in_natural_order(images: list[str]) -> list[str]:
    """Sort the files of a shell glob, which are in alphabetical order, so that 2 comes before 10; keep other orders."""
    is_glob = images in (sorted(images), sorted(images, key=str.casefold))
    return sorted(images, key=natural_key) if is_glob else images


def _format_line_command(words: Sequence[str], is_file: IsFile) -> str:
    """Format a command whose argument is a line: one word is the complete line, several words are its tokens.

    Several files after `-I` become alternatives, which a sweep expands.
    """
    *plain, last = words
    if not any(blank in word for word in plain for blank in BLANKS) and any(blank in last for blank in BLANKS):
        return " ".join(words)
    reader = _WordReader(words[1:], is_file)
    stages = reader.stages()
    if len(reader.images) > 1:
        stages = _add_image(stages, f"{{{'|'.join(reader.images)}}}")
    return f"{words[0]} {' | '.join(stages)}"


def _add_image(stages: list[str], image: str) -> list[str]:
    return [f"{stages[0]} -I {quote_value(image)}", *stages[1:]]


class _WordReader:
    """A single pass over the words of a command line."""

    def __init__(self, words: Sequence[str], is_file: IsFile) -> None:
        self.words = list(words)
        self.is_file = is_file
        self.images: list[str] = []

    def stages(self) -> list[str]:
        stages: list[str] = []
        prompt: list[str] = []
        switches: list[str] = []
        while self.words:
            word = self.words.pop(0)
            if word == "|":
                stages.append(self._format_stage(prompt, switches))
                prompt, switches = [], []
            elif (switch_match := _as_switch(word)) is not None:
                self._add_switch(word, switch_match, switches)
            else:
                prompt.append(word)
        stages.append(self._format_stage(prompt, switches))
        return stages

    def _format_stage(self, prompt: list[str], switches: list[str]) -> str:
        if len(self.images) == 1:
            switches = [*switches, f"-I {quote_value(self.images.pop())}"]
        text = [quote_prompt(canonical(" ".join(prompt)))] if prompt else []
        return " ".join([*text, *switches])

    def _take_values(self, switch_match: SwitchMatch, name: str, takes: str) -> list[str]:
        """Take the words that are the values of a switch."""
        value = switch_match.switch.value
        if takes == "one" or (takes == "optional" and self.words and may_follow(value, self.words[0])):
            return self._take_value(switch_match, name)
        if takes in ("words", "numbers"):
            return self._take_value(switch_match, name) + self._take_more(switch_match)
        return []

    def _add_switch(self, word: str, switch_match: SwitchMatch, switches: list[str]) -> None:
        name = word[: switch_match.length].removesuffix("=")
        takes = "nothing" if switch_match.negated else switch_match.switch.value.takes
        if switch_match.glued:
            values = [word[switch_match.length :], *self._take_more(switch_match)]
        else:
            values = self._take_values(switch_match, name, takes)
        if switch_match.switch.field == "init_image":
            # Keep an earlier -I in the line: the parser reports that the last one applies.
            switches.extend(f"-I {quote_value(image)}" for image in self.images)
            self.images = values + self._take_files()
            return
        quote = quote_prompt_value if switch_match.switch.value.prompt_text else quote_value
        joined = "=" if takes == "glued" and values else " "
        switches.append(joined.join([name, *(quote(value) for value in values)]))

    def _take_value(self, switch_match: SwitchMatch, name: str) -> list[str]:
        if not self.words or self.words[0] == "|" or _as_switch(self.words[0]) is not None:
            example = switch_match.switch.example or f"{name} {switch_match.switch.metavar}"
            raise LineError(f"{name} needs a value", hint=f"for example {example}")
        return [self.words.pop(0)]

    def _take_more(self, switch_match: SwitchMatch) -> list[str]:
        """Take the further words of a value: all following numbers, or all words up to the next switch."""
        if switch_match.switch.value.takes == "words":
            return self._take_phrase()
        numbers: list[str] = []
        while (
            switch_match.switch.value.takes == "numbers"
            and self.words
            and may_follow(switch_match.switch.value, self.words[0])
        ):
            numbers.append(self.words.pop(0))
        return numbers

    def _take_phrase(self) -> list[str]:
        """Take words up to the next switch, `|`, or word with a blank, which is prompt text."""
        values: list[str] = []
        while self.words and self.words[0] != "|" and not any(blank in self.words[0] for blank in BLANKS):
            if _as_switch(self.words[0]) is not None:
                break
            values.append(self.words.pop(0))
        return values

    def _take_files(self) -> list[str]:
        files: list[str] = []
        while self.words and self.is_file(self.words[0]):
            files.append(self.words.pop(0))
        if self.words and is_image_name(self.words[0]):
            hint = "check the name; write the prompt before -I"
            raise LineError(f"no such file: {self.words[0]}", hint=hint)
        return files


def _as_switch(word: str) -> SwitchMatch | None:
    """Return the switch in a word, if any. A word with a blank is text, unless the blank is in a `--name=value`."""
    if not looks_like_switch(word):
        return None
    name = word.split("=", 1)[0]
    if any(blank in name for blank in BLANKS):
        return None
    return parse_switch(word)


def first_word(argument: str) -> tuple[str, str]:
    """Split an argument into its first word, with the quoting rules of switch values, and the rest."""
    start = _next_word(argument, 0)
    if start == len(argument):
        return "", ""
    end, word = _read_word(argument, start)
    return word, argument[end:]


@dataclass(frozen=True, kw_only=True, slots=True)
class TypedWord:
    """A word of a command's argument: its text without quotes, its position, and whether it was quoted."""

    text: str
    span: Span
    is_quoted: bool


def typed_words(argument: str) -> list[TypedWord]:
    """Split the argument of a command at blanks, with the quoting rules of switch values."""
    words: list[TypedWord] = []
    position = 0
    while (position := _next_word(argument, position)) < len(argument):
        end, text = _read_word(argument, position)
        is_quoted = argument[position] in "\"'" and argument[position:end] != text
        words.append(TypedWord(text=text, span=Span(position, end), is_quoted=is_quoted))
        position = end
    return words


def split_words(argument: str) -> list[str]:
    """Split an argument in the same way; return the texts."""
    return [word.text for word in typed_words(argument)]


def _next_word(text: str, position: int) -> int:
    while position < len(text) and text[position] in BLANKS:
        position += 1
    return position


def _read_word(text: str, start: int) -> tuple[int, str]:
    if text[start] == '"' and (close := closing_quote(text, start)) is not None:
        return close + 1, unquote_value(text[start + 1 : close])
    if text[start] == "'" and (single := single_quote_close(text, start, len(text))) != -1:
        return single + 1, shell_apostrophes(text[start + 1 : single])
    end = escaped_word_end(text, start, len(text))
    return end, text[start:end]
