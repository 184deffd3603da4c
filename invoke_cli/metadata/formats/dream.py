"""Write and read the `Dream` line. Reading is lenient, since other programs wrote some of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from invoke_cli.errors import LineError
from invoke_cli.language.grammar.format import format_line
from invoke_cli.language.grammar.line import Generation, content_start, parse
from invoke_cli.language.grammar.noted_model import noted_model
from invoke_cli.language.grammar.quotes import quote_value
from invoke_cli.language.grammar.spellings import looks_like_switch
from invoke_cli.language.grammar.tokens import Kind, Token, tokenise
from invoke_cli.language.limits import MAX_PROMPT
from invoke_cli.language.switches.switch import Completes
from invoke_cli.metadata.codec import Record
from invoke_cli.metadata.formats.line_of_2x import as_in_2x
from invoke_cli.planning.recorded_request import recorded_requests
from invoke_cli.request import GenerationRequest
from invoke_cli.version import KEYS_OF_2X

KEYWORD = "Dream"
MAX_LINE = MAX_PROMPT + 10_000

_EMBEDDED = re.compile(r"""(?<!\S)(?:-I|--init_img)[ =]?["']?data:[^\s"']{0,100}[^\s"']*["']?""")
_NAMES = (Completes.START, Completes.IMAGE, Completes.DIRECTORY, Completes.MODEL)


@dataclass(frozen=True, kw_only=True, slots=True)
class DreamLine:
    """A parsed `Dream` line.

    Attributes:
        request: The request; of a chain, the last stage.
        unsupported: The pieces that are not supported.
        earlier: The earlier stages of a chain.
        model: The model that InvokeAI 2.3 noted in a comment at the end.
    """

    request: GenerationRequest
    unsupported: tuple[str, ...] = ()
    earlier: tuple[GenerationRequest, ...] = ()
    model: str = ""


def dream_chunk(record: Record) -> str:
    """Return the line as it is written into the file: as InvokeAI 2.3.5 wrote it, if it can express the settings."""
    line = write_dream(record)
    if record.plan.schema_version < KEYS_OF_2X or record.earlier or record.plan.output.private:
        return line
    return as_in_2x(recorded_requests(record.stages, by_name=True)[0]) or line


def write_dream(record: Record) -> str:
    """Return the line that reproduces this image; a private one keeps only the numbers."""
    requests = recorded_requests(record.stages, by_name=True)
    if record.plan.output.private:
        requests = [without_prompts(request) for request in requests]
    return format_line(requests)


def without_prompts(request: GenerationRequest) -> GenerationRequest:
    """Return the request without prompts and names."""
    values = request.set_fields() | {"prompt": ""}
    for name in (
        "negative_prompt",
        "new_prompt",
        "init_image",
        "init_mask",
        "outdir",
        "name_format",
        "loras",
        "controls",
    ):
        values.pop(name, None)
    return GenerationRequest.of(values)


def read_dream(text: str) -> DreamLine:
    """Parse the line, leaving out and listing whatever is invalid."""
    if (embedded := _EMBEDDED.search(text)) is not None:
        without = read_dream(text[: embedded.start()] + " " + text[embedded.end() :])
        remark = "the init image, which was embedded in the line; pass it with -I"
        return replace(without, unsupported=(*without.unsupported, remark))
    if len(text) > MAX_LINE:
        truncated = read_dream(text[:MAX_LINE])
        return replace(
            truncated, unsupported=(*truncated.unsupported, f"the last {len(text) - MAX_LINE} characters of the line")
        )
    line = " ".join(text.split("\n")).strip()
    try:
        parsed = parse(line)
        if isinstance(parsed, Generation):
            *earlier, last = (stage.request for stage in parsed.stages)
            return DreamLine(request=last, earlier=tuple(earlier), model=noted_model(line))
        return DreamLine(request=GenerationRequest(), unsupported=(line[:200],))
    except LineError:
        return _piecewise(line)


def _piecewise(line: str) -> DreamLine:
    """Parse the line one switch at a time, keeping the valid ones."""
    values: dict[str, object] = {}
    unsupported: list[str] = []
    for group in _groups(line, tokenise(line, content_start(line))):
        piece = line[group[0].span.start : group[-1].span.end]
        parsed = None if any(token.error for token in group) else _parsed(piece)
        parsed = parsed or _parsed(_quoted_value(line, group))
        if parsed is not None:
            values |= parsed.stages[0].request.set_fields()
        else:
            unsupported.append(piece[:200])
    request = GenerationRequest.of(values)
    return DreamLine(request=request, unsupported=tuple(unsupported))


def _parsed(piece: str) -> Generation | None:
    try:
        parsed = parse(piece) if piece else None
    except LineError:
        return None
    return parsed if isinstance(parsed, Generation) else None


def _quoted_value(line: str, group: list[Token]) -> str:
    """Return a switch whose value is a name with blanks and without quotes, quoted; empty for other pieces."""
    switch = group[0].switch
    value = line[group[0].span.end : group[-1].span.end].strip(' ="')
    return f"{switch.name} {quote_value(value)}" if switch is not None and _takes_name(group) and value else ""


def _takes_name(group: list[Token]) -> bool:
    switch = group[0].switch
    return switch is not None and switch.completes in _NAMES


def _continues(group: list[Token]) -> bool:
    """Return whether stray text belongs to the piece before it: to an invalid one, or to a name with blanks."""
    return group[-1].error is not None or (_takes_name(group) and len(group) > 1)


def _groups(line: str, tokens: tuple[Token, ...]) -> list[list[Token]]:
    """Group each switch with its value and with the stray text after it."""
    groups: list[list[Token]] = []
    for token in tokens:
        stray = token.error is not None and not looks_like_switch(line, token.span.start)
        if groups and (token.kind is Kind.VALUE or (stray and _continues(groups[-1]))):
            groups[-1].append(token)
        elif token.kind is not Kind.COMMENT:
            groups.append([token])
    return groups
