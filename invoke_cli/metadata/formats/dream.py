"""The `Dream` line: written by the one formatter, read leniently, since other programs wrote some of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from invoke_cli.errors import LineError
from invoke_cli.language.grammar.format import format_line
from invoke_cli.language.grammar.line import Generation, content_start, parse
from invoke_cli.language.grammar.spellings import looks_like_switch
from invoke_cli.language.grammar.tokens import Kind, Token, tokenise
from invoke_cli.metadata.codec import Record
from invoke_cli.planning.recorded_request import recorded_requests
from invoke_cli.request import GenerationRequest

KEYWORD = "Dream"
MAX_LINE = 40_000


@dataclass(frozen=True, kw_only=True, slots=True)
class DreamLine:
    """What a `Dream` line says, and the pieces of it that this program cannot honour. Of a chain `request` is the last
    stage.
    """

    request: GenerationRequest
    left_out: tuple[str, ...] = ()
    earlier: tuple[GenerationRequest, ...] = ()


def write_dream(record: Record) -> str:
    """The line that makes this image again. A private one keeps the numbers alone."""
    requests = recorded_requests(record.stages, by_name=True)
    if record.plan.output.private:
        requests = [without_words(request) for request in requests]
    return format_line(requests)


def without_words(request: GenerationRequest) -> GenerationRequest:
    """The request without prompt and names."""
    said = request.set_fields() | {"prompt": ""}
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
        said.pop(name, None)
    return GenerationRequest.of(said)


def read_dream(text: str) -> DreamLine:
    """The line with everything unreadable left out of it, and told."""
    if len(text) > MAX_LINE:
        cut = read_dream(text[:MAX_LINE])
        return replace(cut, left_out=(*cut.left_out, f"the last {len(text) - MAX_LINE} characters of the line"))
    line = " ".join(text.split("\n")).strip()
    try:
        parsed = parse(line)
        if isinstance(parsed, Generation):
            *earlier, last = (stage.request for stage in parsed.stages)
            return DreamLine(request=last, earlier=tuple(earlier))
        return DreamLine(request=GenerationRequest(), left_out=(line[:200],))
    except LineError:
        return _piecewise(line)


def _piecewise(line: str) -> DreamLine:
    """The request from the tokens that can be read, one switch at a time."""
    values: dict[str, object] = {}
    left_out: list[str] = []
    for group in _groups(line, tokenise(line, content_start(line))):
        piece = line[group[0].span.start : group[-1].span.end]
        try:
            parsed = parse(piece)
        except LineError:
            parsed = None
        if isinstance(parsed, Generation) and not any(token.error for token in group):
            values |= parsed.stages[0].request.set_fields()
        else:
            left_out.append(piece[:200])
    request = GenerationRequest.of(values)
    return DreamLine(request=request, left_out=tuple(left_out))


def _groups(line: str, tokens: tuple[Token, ...]) -> list[list[Token]]:
    """The tokens, each switch together with its value and with the stray text after it."""
    groups: list[list[Token]] = []
    for token in tokens:
        stray = token.error is not None and not looks_like_switch(line, token.span.start)
        if groups and (token.kind is Kind.VALUE or (stray and groups[-1][-1].error is not None)):
            groups[-1].append(token)
        elif token.kind is not Kind.COMMENT:
            groups.append([token])
    return groups
