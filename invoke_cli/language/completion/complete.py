"""Compute completions at the cursor: a pure function of the text and of the sources passed in.

Knows the switches; the sources provide models, samplers, images, seeds and commands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from invoke_cli.language.grammar.line import content_start
from invoke_cli.language.grammar.quotes import BLANKS, quote_value
from invoke_cli.language.grammar.spellings import all_spellings, negation
from invoke_cli.language.grammar.tokens import Kind, Token, tokenise
from invoke_cli.language.switches.switch import Completes, Switch
from invoke_cli.language.switches.table import SWITCHES
from invoke_cli.language.switches.values import Choice

_LAST_WORD = re.compile(r"[^\W\d_]+$")
_EMBEDDING = re.compile(r"(?<!\\)<([^<>]*)$")
_LORA_TERM = re.compile(r"withLora\(\s*([^(),]*)$", re.IGNORECASE)

Found = Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A completion: the text that replaces the characters from `start` to the cursor, and a short description."""

    text: str
    start: int
    about: str = ""


def _no_source(_: str) -> Found:
    return ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """The sources of values. Each takes the text typed so far and returns (text, description) pairs.

    Attributes:
        starts: Images and their steps.
        results: Earlier results, newest first, as `!17`.
        commands: Returns (name, help, kind of argument) rows.
        topics: Returns the topics of `!help`.
        words: Words of prompts that the model knows.
        paths: Files and folders of any kind.
        lists: Folders and files of lines.
        embeddings: The names that a prompt may contain between < and >.
    """

    samplers: Callable[[str], Found] = _no_source
    models: Callable[[str], Found] = _no_source
    images: Callable[[str], Found] = _no_source
    directories: Callable[[str], Found] = _no_source
    seeds: Callable[[str], Found] = _no_source
    loras: Callable[[str], Found] = _no_source
    starts: Callable[[str], Found] = _no_source
    results: Callable[[str], Found] = _no_source
    words: Callable[[str], Found] = _no_source
    paths: Callable[[str], Found] = _no_source
    lists: Callable[[str], Found] = _no_source
    embeddings: Callable[[str], Found] = _no_source
    commands: Callable[[], Iterable[tuple[str, str, str]]] = field(default=tuple)
    topics: Callable[[], Iterable[str]] = field(default=tuple)


def complete(text: str, cursor: int, sources: Sources) -> list[Candidate]:
    """Return the candidates at `cursor`, best first."""
    before = text[:cursor]
    start = content_start(before)
    if before[start:].startswith("!"):
        return list(_complete_command(before, start, sources))
    return list(_complete_line(before, start, sources))


def _complete_line(before: str, start: int, sources: Sources) -> Iterator[Candidate]:
    """Yield candidates in a generation line that begins at `start`."""
    word_start = _word_start(before)
    tokens = tokenise(before, start)
    last = tokens[-1] if tokens else None
    if last is not None and (switch := _switch_at_end(last, before)) is not None:
        typed_from = last.span.start if last.kind is Kind.VALUE else len(before)
        yield from _complete_values(switch, before, typed_from, sources)
    elif before[word_start:].startswith("-") and not _in_quotes(last, before):
        yield from _complete_switches(before, word_start)
        yield from _complete_glued(last, before, sources)
    elif last is not None and last.switch is None:
        yield from _complete_prompt(before, last, sources)


def _complete_glued(last: Token | None, before: str, sources: Sources) -> Iterator[Candidate]:
    """Yield values right after a switch of one letter, as in `-Isketch.png`."""
    if last is None or last.switch is None or last.span != (len(before) - 2, len(before)):
        return
    if last.switch.completes is not Completes.NOTHING:
        yield from _complete_values(last.switch, before, len(before), sources)


def _complete_prompt(before: str, last: Token, sources: Sources) -> Iterator[Candidate]:
    """Yield candidates in a prompt: embeddings, LoRAs and known words."""
    terms = list(_complete_terms(before, last, sources))
    yield from terms
    if not terms and last.kind is Kind.PROMPT and last.span.end == len(before):
        yield from _complete_words(before, sources)


def _complete_terms(before: str, last: Token, sources: Sources) -> Iterator[Candidate]:
    """Yield the embeddings after `<` and the LoRAs after `withLora(` in a prompt."""
    if (embedding := _EMBEDDING.search(before, last.span.start)) is not None:
        for name, about in sources.embeddings(embedding[1]):
            if name.startswith(embedding[1]):
                yield Candidate(text=f"<{name}>", start=embedding.start(), about=about)
    elif (term := _LORA_TERM.search(before, last.span.start)) is not None:
        for name, about in sources.loras(term[1]):
            if name.startswith(term[1]):
                yield Candidate(text=name, start=term.start(1), about=about)


def _in_quotes(last: Token | None, before: str) -> bool:
    """Return whether the text ends inside an unclosed quote."""
    return last is not None and last.error is not None and before[last.span.start] == '"'


def _word_start(before: str) -> int:
    return max(before.rfind(blank) for blank in BLANKS) + 1


def _switch_at_end(last: Token, before: str) -> Switch | None:
    """Return the switch whose value is being typed at the end of the text."""
    if last.switch is None:
        return None
    if last.kind is Kind.VALUE and last.span.end == len(before):
        return last.switch
    is_value_missing = last.kind is Kind.ERROR and before[-1:] in BLANKS and bool(before[-1:])
    return last.switch if is_value_missing else None


def _complete_switches(before: str, start: int) -> Iterator[Candidate]:
    """Yield the switches that begin with the typed text: after two dashes under their current name, if it fits."""
    typed = before[start:]
    for switch in SWITCHES:
        preferred = (switch.name, *switch.flags) if typed.startswith("--") else switch.flags
        spelling = next((flag for flag in preferred if flag.startswith(typed)), "")
        if spelling:
            yield Candidate(text=spelling, start=start, about=switch.help)
    if len(typed) > 4:
        yield from _complete_negations(typed, start)


def _complete_negations(typed: str, start: int) -> Iterator[Candidate]:
    """Yield the negated switches, such as `--no-fit`, that begin with the typed text."""
    for switch in SWITCHES:
        negated = negation(switch)
        if (switch.is_flag or switch.is_repeatable) and negated.startswith(typed) and negated not in switch.flags:
            yield Candidate(text=negated, start=start, about=f"turn off: {switch.help}")


def _complete_words(before: str, sources: Sources) -> Iterator[Candidate]:
    """Yield the known words that begin with the last word of a prompt."""
    typed = _LAST_WORD.search(before)
    if typed is not None:
        for text, about in sources.words(typed[0]):
            yield Candidate(text=text, start=typed.start(), about=about)


def _complete_values(switch: Switch, before: str, start: int, sources: Sources) -> Iterator[Candidate]:
    typed = before[start:].lstrip("\"'")
    if isinstance(switch.value, Choice):
        found: Found = [(option, "") for option in switch.value.options]
    else:
        words = getattr(switch.value, "words", {})
        found = [(word, str(number)) for word, number in words.items()] or _source(switch.completes, sources)(typed)
    for text, about in found:
        if text.startswith(typed):
            yield Candidate(text=quote_value(text), start=start, about=about)


def _source(completes: Completes, sources: Sources) -> Callable[[str], Found]:
    return {
        Completes.SAMPLER: sources.samplers,
        Completes.MODEL: sources.models,
        Completes.IMAGE: sources.images,
        Completes.DIRECTORY: sources.directories,
        Completes.SEED: sources.seeds,
        Completes.LORA: sources.loras,
        Completes.START: sources.starts,
    }.get(completes, _no_source)


def _complete_command(before: str, start: int, sources: Sources) -> Iterator[Candidate]:
    """Yield candidates for the name of a command, or for its argument."""
    name, blank, argument = before[start + 1 :].partition(" ")
    rows = list(sources.commands())
    if not blank:
        names = [(f"!{known}", about) for known, about, _ in rows]
        for text, about in (*names, *sources.results(f"!{name}")):
            if text.startswith(f"!{name}"):
                yield Candidate(text=text, start=start, about=about)
        return
    kind = next((kind for known, _, kind in rows if known == name), "")
    argument_start = len(before) - len(argument)
    word_start = max(_word_start(before), argument_start)
    if kind == "line" or (kind == "image and switches" and word_start > argument_start):
        yield from _complete_line(before, argument_start, sources)
        return
    typed = before[word_start:]
    for text, about in _argument_candidates(kind, typed, sources):
        if text.startswith(typed):
            yield Candidate(text=quote_value(text), start=word_start, about=about)


def _argument_candidates(kind: str, typed: str, sources: Sources) -> Found:
    found: Mapping[str, Callable[[], Found]] = {
        "image": lambda: sources.images(typed),
        "image and switches": lambda: sources.images(typed),
        "image or lines": lambda: [*sources.images(typed), *sources.lists(typed)],
        "model": lambda: sources.models(typed),
        "path": lambda: sources.paths(typed),
        "model or path": lambda: [*sources.models(typed), *sources.paths(typed)],
        "topic": lambda: [
            *((topic, "") for topic in sources.topics()),
            *((flag, "") for flag in all_spellings() if typed),
        ],
    }
    return found.get(kind, tuple)()
