"""Parse a line into a request; `format` is the inverse.

Distinguishes blank lines, commands, `quit` and lines to generate. Knows no models and no files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from invoke_cli.errors import LineError, Span
from invoke_cli.language.grammar.free_text import find_lookalikes
from invoke_cli.language.grammar.names import normalise_name
from invoke_cli.language.grammar.quotes import BLANKS
from invoke_cli.language.grammar.spellings import KEEP_AS_TEXT, unknown_switch
from invoke_cli.language.grammar.tokens import Kind, Token, tokenise
from invoke_cli.language.limits import MAX_PROMPT, prompt_too_long
from invoke_cli.language.switches.switch import Group, Switch
from invoke_cli.language.switches.table import SWITCHES
from invoke_cli.language.switches.values import Text
from invoke_cli.request import GenerationRequest

QUIT_WORDS = ("q", "quit", "exit")

_IMAGE_SUFFIX = r"\.(?i:png|jpe?g|webp|avif|jxl|tiff?): "
_RESULT_PREFIX = re.compile(rf"\[(?:\d+(?:\.\d+)?|-)\] \S.*?{_IMAGE_SUFFIX}")
# A line of a log: a path in a folder, or a name with a number, without which `cat.png: a drawing` is a prompt.
_LOG_PREFIX = re.compile(
    r"(?!-)(?:(?:[A-Za-z]:(?=[\\/]))?(?:[^\s:]{0,250}[/\\][^:]{0,250}?|(?:[^:]{0,250}[/\\])?\d{4,20}\.[^:/\\]{0,250}?))"
    + _IMAGE_SUFFIX
)
_PROMPT_PREFIX = re.compile(r"(?:\([^()]*\) )?(?:invoke|dream)>[ \t]*")
_PREFIXES = (_PROMPT_PREFIX, _RESULT_PREFIX, _LOG_PREFIX)
_REPEATABLE = frozenset(switch.field for switch in SWITCHES if switch.is_repeatable)
# Postprocessing that follows the last pass of a list of strengths; these three are tasks of their own.
_POSTPROCESSING = tuple(
    switch.field
    for switch in SWITCHES
    if switch.group is Group.POSTPROCESS and switch.field not in ("fix", "latent_up", "sr")
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_COMMAND = re.compile(r"!([A-Za-z_-]+|\d+)?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Blank:
    """A blank line or a comment."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Quit:
    """A request to quit the session."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandLine:
    """A command `!name argument`, with the spans of both. `!17` has the name `17`."""

    name: str
    argument: str
    name_span: Span
    argument_span: Span


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """A stage of a line.

    Attributes:
        request: Its request.
        spans: The span of each field that it sets.
        refines: Whether it is a further pass of a list of strengths, which keeps the mask of the pass before.
    """

    request: GenerationRequest
    spans: Mapping[str, Span] = field(default_factory=dict)
    refines: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Generation:
    """A line to generate: the stages of the chain (usually one), and notices from the parser."""

    stages: tuple[Stage, ...]
    notices: tuple[str, ...] = ()


Line = Blank | Quit | CommandLine | Generation


def parse(text: str) -> Line:
    """Parse a line.

    Raises:
        LineError: If the line is invalid; its span lies within `text`.
    """
    text = text.rstrip("\r\n")
    try:
        return _parse(text)
    except LineError as error:
        raise error.located(text, Span(0, len(text))) from None


def _parse(text: str) -> Line:
    if match := _CONTROL.search(text):
        name = f"character {ord(match.group()):#04x}"
        raise LineError(f"the line contains a control {name}", hint="remove it", span=Span(*match.span()))
    start = content_start(text)
    body = text[start:].rstrip(BLANKS)
    if not body or body.startswith(("#", "//")):
        return Blank()
    if body.startswith("!"):
        return _parse_command(text, start, start + len(body))
    if body in QUIT_WORDS:
        return Quit()
    return _parse_generation(tokenise(text, start))


def content_start(text: str) -> int:
    """Return the start of the content, after blanks and a pasted prompt (`invoke> `), result or line of a log."""
    start = len(text) - len(text.lstrip(BLANKS))
    match = next(filter(None, (prefix.match(text, start) for prefix in _PREFIXES)), None)
    if match is None:
        return start
    rest = text[match.end() :]
    return match.end() + len(rest) - len(rest.lstrip(BLANKS))


def is_logged(text: str) -> bool:
    """Return whether a line begins with the path of its image, as in a log."""
    stripped = text.lstrip(BLANKS)
    return any(prefix.match(stripped) for prefix in (_RESULT_PREFIX, _LOG_PREFIX))


def _parse_command(text: str, start: int, end: int) -> CommandLine:
    match = _COMMAND.match(text, start, end)
    assert match is not None
    name = (match.group(1) or "").replace("-", "_")
    if not name:
        raise LineError("no command after !", hint="type !help to list the commands", span=Span(start, start + 1))
    argument = text[match.end() : end].lstrip(BLANKS)
    return CommandLine(
        name=name,
        argument=argument,
        name_span=Span(start, match.end()),
        argument_span=Span(end - len(argument), end),
    )


def _parse_generation(tokens: Sequence[Token]) -> Generation:
    _raise_first_error(tokens)
    _check_length(tokens)
    notices: list[str] = []
    stages = [stage for group in _split_stages(tokens) for stage in _expand_strengths(_parse_stage(group, notices))]
    return Generation(stages=tuple(stages), notices=tuple(notices))


def _check_length(tokens: Sequence[Token]) -> None:
    """Raise LineError if the prompts are longer together than the metadata of an image can carry."""
    prompts = [
        token for token in tokens if token.kind is Kind.PROMPT or (token.switch and token.switch.value.prompt_text)
    ]
    length = sum(len(token.text) for token in prompts)
    if length > MAX_PROMPT:
        raise LineError(prompt_too_long(length), hint="shorten it", span=prompts[-1].span)


def _raise_first_error(tokens: Sequence[Token]) -> None:
    """Raise the first error in the line, if a token is one: an invalid value before it may have caused it."""
    for index, token in enumerate(tokens):
        if token.error is None:
            continue
        if index:
            list(_assignments(tokens[:index]))
        raise token.error


def _split_stages(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """Yield the tokens of each stage; raise LineError for an empty stage."""
    group: list[Token] = []
    bar: Token | None = None
    for token in tokens:
        if token.kind is Kind.PIPE:
            if not group:
                raise _empty_stage(token)
            yield group
            group, bar = [], token
        elif token.kind is not Kind.COMMENT:
            group.append(token)
    if group:
        yield group
    elif bar is not None:
        raise _empty_stage(bar)


def _empty_stage(bar: Token) -> LineError:
    return LineError(
        "a stage of the chain is empty", hint="add a prompt or a switch, or write \\| for a literal |", span=bar.span
    )


def _parse_stage(tokens: Sequence[Token], notices: list[str]) -> Stage:
    values: dict[str, object] = {}
    spans: dict[str, Span] = {}
    notices.extend(_differences(tokens))
    for name, value, token in _assignments(tokens):
        if name in _REPEATABLE and name in values and value:
            value = (*cast(tuple[object, ...], values[name]), *cast(tuple[object, ...], value))
        elif name in values:
            if name == "prompt":
                raise LineError("a second prompt", hint="each stage has one prompt", span=token.span)
            shown = "" if isinstance(value, bool) else f" ({token.text})"
            notices.append(f"{_spelling(name)} is set twice: the last one applies{shown}")
        values[name], spans[name] = value, token.span
        if token.kind is Kind.PROMPT and not token.quoted:
            notices.extend(find_lookalikes(token.text))
    return Stage(request=GenerationRequest.of(values), spans=spans)


def _differences(tokens: Sequence[Token]) -> Iterator[str]:
    """Yield the notices on switches in a spelling that did something else in InvokeAI 2.x."""
    for token in tokens:
        spelling = normalise_name(token.text)
        differing = token.switch.differing if token.switch is not None else {}
        yield from dict.fromkeys(text for flag, text in differing.items() if flag.startswith(spelling))


def _expand_strengths(stage: Stage) -> Iterator[Stage]:
    """Expand a stage with a list of strengths into one stage per strength; only the last one is postprocessed."""
    strengths: object = stage.request.strength
    if not isinstance(strengths, tuple):
        yield stage
        return
    span = stage.spans["strength"]
    first, *more, last = strengths
    values = stage.request.set_fields()
    after = {name: values.pop(name) for name in _POSTPROCESSING if name in values}
    yield replace(stage, request=GenerationRequest.of({**values, "strength": first}))
    for strength in more:
        yield Stage(request=GenerationRequest(strength=strength), spans={"strength": span}, refines=True)
    spans = {name: stage.spans[name] for name in ("strength", *after) if name in stage.spans}
    yield Stage(request=GenerationRequest.of({**after, "strength": last}), spans=spans, refines=True)


def _spelling(name: str) -> str:
    return next(switch.spelling for switch in SWITCHES if switch.field == name)


def _assignments(tokens: Sequence[Token]) -> Iterator[tuple[str, object, Token]]:
    """Yield each field that the tokens set, its value, and the token for error messages."""
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.kind is Kind.PROMPT:
            yield "prompt", token.text, token
        elif token.kind is Kind.SWITCH and token.switch is not None:
            has_value = following is not None and following.kind is Kind.VALUE
            value, blamed = _switch_value(token, token.switch, following if has_value else None)
            yield token.switch.field, value, blamed


def _switch_value(token: Token, switch: Switch, value: Token | None) -> tuple[object, Token]:
    """Return the value of a switch from its value token, if any, and the token for error messages."""
    if switch.is_repeatable and token.negated:
        return (), token
    if switch.is_flag or token.negated:
        return not token.negated, token
    return (_parse_value(token, value), value) if value is not None else (_omitted_value(token), token)


def _parse_value(switch_token: Token, value_token: Token) -> object:
    assert switch_token.switch is not None
    value = switch_token.switch.value
    if isinstance(value, Text) and value_token.quoted:
        value = replace(value, listed=False)
    try:
        return value.parse(value_token.text)
    except ValueError as error:
        message = f"{switch_token.text} {error}"
    is_glued = value_token.span.start == switch_token.span.end and not switch_token.text.startswith("--")
    if is_glued and value_token.text[:1].isalpha() and not value_token.quoted:
        # -zz: rather a misspelt switch than -z with the value z
        start = switch_token.span.start
        word = switch_token.text + value_token.text.split()[0]
        unknown = unknown_switch(word)
        hint = unknown.hint if unknown.hint != KEEP_AS_TEXT else f"{message}; {unknown.hint}"
        raise LineError(unknown.message, span=Span(start, start + len(word)), hint=hint)
    raise LineError(message, span=value_token.span, hint=_usage(switch_token))


def _usage(token: Token) -> str:
    assert token.switch is not None
    return f"for example {token.switch.example}" if token.switch.example else f"{token.text}: {token.switch.help}"


def _omitted_value(token: Token) -> object:
    """Return the value of a switch whose optional value is missing."""
    assert token.switch is not None
    value = token.switch.value
    return getattr(value, "bare", None) or getattr(value, "default", None)


def switches_only(text: str) -> GenerationRequest:
    """Parse a line that consists only of switches.

    Raises:
        LineError: If the line contains a prompt, a command or several stages.
    """
    line = parse(text)
    if isinstance(line, Blank):
        return GenerationRequest()
    if not isinstance(line, Generation) or len(line.stages) > 1 or line.stages[0].request.prompt is not None:
        raise LineError(f"expected switches only: {text[:60]}", hint="for example -s 20 -C 7")
    return line.stages[0].request
