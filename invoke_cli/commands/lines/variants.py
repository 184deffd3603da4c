"""Commands that derive lines from other lines: `!plan`, `!dream`, `!again`, `!final` and `!alias`."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import replace

from invoke_cli.commands.command import Call
from invoke_cli.commands.image_selection import history_images
from invoke_cli.context.context import SessionContext
from invoke_cli.errors import CommandError, InvokeError, LineError
from invoke_cli.generation.line import generate
from invoke_cli.generation.prepare import only_stage
from invoke_cli.language.grammar.format import format_line
from invoke_cli.language.grammar.line import Generation, Stage, parse
from invoke_cli.language.grammar.tokens import Kind, Token, tokenise
from invoke_cli.language.switches.table import by_field
from invoke_cli.output.items import line_item
from invoke_cli.planning.chain import link_stages
from invoke_cli.replay.resume import resume_from_latents
from invoke_cli.request import GenerationRequest, overlay

ADJUSTABLE = ("num_inference_steps", "strength", "guidance_scale", "width", "height", "variation_amount")

_FIRST_STAGE = ("seeds", "num_images", "init_image")
_JOINED_FIELDS = ("prompt", "negative_prompt")
_CHANGE = re.compile(r"[+-](\d+\.?\d*|\.\d+)")


def plan(context: SessionContext, call: Call) -> None:
    """Show what a line would do, without loading a model."""
    usage = "!plan a cat -s20: show what the line would do"
    call.required(usage)
    parsed = parse(call.argument)
    if not isinstance(parsed, Generation):
        raise CommandError("!plan takes a line that generates images", hint=usage)
    first, *later = parsed.stages
    generate(context, [replace(first, request=replace(first.request, dry_run=True)), *later], resume_from_latents)


def dream(_: SessionContext, call: Call) -> Sequence[str]:
    """Run a line."""
    call.required("!dream a cat: same as typing the line alone")
    return [call.argument]


def again(context: SessionContext, call: Call) -> Sequence[str]:
    """Return the last line with the same seeds and the changes in the argument; `-f+.1` adds to the strength."""
    return [format_line(_changed(context, call.argument, _last_stages(context)))]


def final(context: SessionContext, call: Call) -> Sequence[str]:
    """Return the line of an image with its seed and the changes in the argument."""
    usage = "!final 12 -s50: run the line of image 12 again with its seed and 50 steps"
    number, _, switches = call.argument.partition(" ")
    (image, *_) = history_images(context, [number or call.required(usage)[0]])
    parsed = parse(image.entry.line)
    if not isinstance(parsed, Generation):
        raise CommandError(f"image {image.entry.number} is a sheet of other images", hint=usage)
    if any(token.kind is Kind.PROMPT for token in tokenise(switches)):
        raise CommandError("!final keeps the prompt of the image: it takes only switches", hint=usage)
    return [format_line(_changed(context, switches.strip(), [stage.request for stage in parsed.stages]))]


def _last_stages(context: SessionContext) -> list[GenerationRequest]:
    """Return the stages of the last planned line, with seeds and references resolved; else of the last image."""
    if context.last_stages:
        return list(context.last_stages)
    entry = context.folder().history.last()
    if entry is None:
        raise CommandError("no line to repeat", hint="generate an image first")
    parsed = parse(entry.line)
    return [stage.request for stage in parsed.stages] if isinstance(parsed, Generation) else []


def _changed(context: SessionContext, argument: str, stages: Sequence[GenerationRequest]) -> list[GenerationRequest]:
    """Return the stages with the changes in the argument.

    A change applies to the last stage, or to the one named after its value (`-f+.1@2`); seeds and the number of images
    belong to the first.
    """
    tokens = tokenise(argument)
    changes: dict[int, list[str]] = {}
    for token, following in itertools.zip_longest(tokens, tokens[1:]):
        if token.kind in (Kind.VALUE, Kind.COMMENT):
            continue
        value = following if following is not None and following.kind is Kind.VALUE else None
        number, text = _change(context, argument, (token, value), stages)
        changes.setdefault(number, []).append(text)
    changed = list(stages)
    for number, texts in changes.items():
        parsed = parse(" ".join(texts))
        if not isinstance(parsed, Generation):
            raise CommandError("expected only switches", hint="!again -f+.1 -s 50")
        changed[number] = overlay(stages[number], only_stage(parsed))
    return changed


def _change(
    context: SessionContext, argument: str, pair: tuple[Token, Token | None], stages: Sequence[GenerationRequest]
) -> tuple[int, str]:
    """Return the index of the stage that a switch and its value change, and both with the resulting value."""
    token, value = pair
    switch, last = token.switch, len(stages) - 1
    number = 0 if switch is not None and switch.field in _FIRST_STAGE else last
    if value is None or switch is None:
        return number, argument[token.span.start : token.span.end]
    if switch.field == "seeds" and value.text[:1] == "+":
        hint = "-S 43 sets the seed, -S -1 uses the seed of the last image"
        raise CommandError(f"-S {value.text}: cannot add to a seed", hint=hint)
    if switch.field not in ADJUSTABLE:
        return number, argument[token.span.start : value.span.end]
    text, named, stage = value.text.partition("@")
    if named:
        if not stage.isdecimal() or not 1 <= int(stage[:9]) <= len(stages):
            hint = f"stages are counted from 1 to {len(stages)}"
            raise LineError(f"the line has no stage {stage[:20]}", hint=hint, span=value.span)
        number = int(stage) - 1
    if _CHANGE.fullmatch(text):
        text = _apply_change(context, _with_inherited(stages, number), switch.field, text)
    return number, f"{switch.spelling} {text}"


def _with_inherited(stages: Sequence[GenerationRequest], number: int) -> GenerationRequest:
    """Return a stage with what it inherits."""
    return link_stages([Stage(request=request) for request in stages])[number]


def _apply_change(context: SessionContext, base: GenerationRequest, field: str, change: str) -> str:
    effective = context.settings.resolve(base).effective.request
    current = getattr(effective, field)
    if current is None or (field in ("width", "height") and current == 0):
        current = context.settings.model(base.model).facts.size if field in ("width", "height") else 0
    switch = by_field()[field]
    value = round(current + float(change), 6)
    return switch.value.format(int(value) if isinstance(current, int) else value)


# -- aliases ---------------------------------------------------------------------------------------------------------


def alias(context: SessionContext, call: Call) -> None:
    """List the aliases, show one, define one, or remove one."""
    aliases = context.aliases.load()
    name, _, body = call.argument.partition(" ")
    name, body = name.lstrip("!").replace("-", "_"), body.strip()
    if not name:
        text = "\n".join(f"!{known}  {line}" for known, line in aliases.items()) or "no aliases yet"
        context.say(text, items=[line_item(line, known) for known, line in aliases.items()])
    elif not body:
        if name not in aliases:
            raise CommandError(f"no such alias: {name}", hint=f"!alias {name} oil painting -C 9 defines it")
        context.say(f"!{name}  {aliases[name]}", items=[line_item(aliases[name], name)])
    elif body == "none":
        context.aliases.remove(name)
        context.notice(f"alias !{name} removed")
    else:
        _define(context, name, body, {command.name for command in call.commands()})


def _define(context: SessionContext, name: str, body: str, taken: set[str]) -> None:
    if not re.fullmatch(r"[A-Za-z_]{1,40}", name) or name in taken:
        raise CommandError(
            f"not a valid name for an alias: {name!r}", hint="use only letters and _, and not the name of a command"
        )
    try:
        _parsed_alias(body)
    except InvokeError as error:
        raise CommandError(f"not a valid line: {error.message}", hint=error.hint) from None
    context.aliases.define(name, body)
    context.notice(f"!{name} a queen now runs: {expand('a queen', body)}")


def expand(argument: str, body: str) -> str:
    """Expand an alias to a line.

    Args:
        argument: The text after the alias. Its switches override those of the alias.
        body: The definition of the alias. Its prompt and negative prompt are appended to those of the argument.
    """
    preset = _parsed_alias(body)
    if not argument:
        return format_line([preset])
    parsed = parse(argument)
    if not isinstance(parsed, Generation):
        raise CommandError("an alias takes a line that generates images", hint="!portrait a queen -s 20")
    own = only_stage(parsed)
    texts = {field: [text for each in (own, preset) if (text := getattr(each, field))] for field in _JOINED_FIELDS}
    joined = GenerationRequest.of({field: ", ".join(found) for field, found in texts.items() if found})
    return format_line([overlay(overlay(preset, own), joined)])


def _parsed_alias(body: str) -> GenerationRequest:
    parsed = parse(body)
    if not isinstance(parsed, Generation):
        raise CommandError(
            "an alias must define a line that generates images", hint="!alias portrait oil painting -W 384 -H 512"
        )
    return only_stage(parsed)
