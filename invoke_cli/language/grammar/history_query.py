"""Parse history queries: `fox strength>0.5 model:xl tag:good since:yesterday`. Fields are named like switches."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from invoke_cli.errors import CommandError, InvokeError
from invoke_cli.language.grammar.command_switches import is_switch
from invoke_cli.language.grammar.names import nearest
from invoke_cli.language.grammar.shell_words import TypedWord
from invoke_cli.language.grammar.spellings import parse_switch
from invoke_cli.language.switches.switch import Switch
from invoke_cli.language.switches.table import SWITCHES

_OWN_FIELDS = ("tag", "since", "before", "rating", "kind")
EXAMPLE = "!search fox strength>0.5 model:xl tag:good since:yesterday"
_HINT = f"put a word that begins with a dash in quotes to search for it; conditions are, for example, {EXAMPLE}"
PROMPT_FIELDS = ("prompt", "negative_prompt")
# Every setting recorded for an image, except prompts.
FIELDS = tuple(row.field for row in SWITCHES if row.recorded and row.field not in PROMPT_FIELDS)
MAX_RATING = 5

_PART = re.compile(r"(?:--)?([A-Za-z_-]+)(>=|<=|!=|>|<|=|:)(.*)", re.DOTALL)
_RELATIVE_TIME = re.compile(r"(\d{1,4})\s*(h|d|w)[a-z]*")
_HOURS = {"h": 1, "d": 24, "w": 168}
_DATES = ("%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d", "%Y-%m", "%Y")


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """A comparison of `field` with `value`: < <= > >= = != for numbers and times, `has` for a part of a text."""

    field: str
    comparison: str
    value: float | str


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """A query: images must match all words, all conditions and all tags."""

    words: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    tags: tuple[str, ...] = ()


def query_parts(words: Iterable[TypedWord]) -> Iterator[str]:
    """Yield the words of a query, with `--tag good`, `--tag=good`, `-s 30` and `-s30` as conditions.

    Raises:
        CommandError: A switch is unknown, lacks its value, or is not recorded in the history.
    """
    remaining = iter(words)
    for word in remaining:
        if not is_switch(word):
            yield word.text
        elif (compared := _PART.fullmatch(word.text)) is not None and _normalise_name(compared[1]) in _fields():
            yield word.text[2:]
        else:
            name, value = _switch_condition(word)
            if not value:
                following = next(remaining, None)
                value = "" if following is None or is_switch(following) else following.text
            yield f"{name}:{value}"


def _switch_condition(word: TypedWord) -> tuple[str, str]:
    """Return the field that a switch names, and its value if the word contains it; `yes` for a flag."""
    if word.text.startswith("--") and (name := _normalise_name(word.text[2:])) in _OWN_FIELDS:
        return name, ""
    try:
        match = parse_switch(word.text)
    except InvokeError as error:
        raise CommandError(error.message, hint=_HINT, span=word.span) from None
    if not match.switch.recorded or match.negated:
        message = f"{word.text[: match.length]} is not recorded in the history, so it cannot be a condition"
        raise CommandError(message, hint=_HINT, span=word.span)
    return match.switch.field, "yes" if match.switch.is_flag else word.text[match.length :] if match.glued else ""


def parse_query(parts: Iterable[str], now: datetime) -> Query:
    """Parse the words of a query.

    Args:
        parts: The words.
        now: The current time; dates are interpreted in its time zone.

    Raises:
        CommandError: If a setting is unknown or a value is invalid.
    """
    words: list[str] = []
    conditions: list[Condition] = []
    tags: list[str] = []
    for part in parts:
        match = _PART.fullmatch(part)
        name = _normalise_name(match[1]) if match else ""
        if match is None or (match[2] == ":" and name not in _fields()):
            words.append(part)
        elif not match[3]:
            raise CommandError(f"{part} needs a value", hint=f"for example {EXAMPLE}")
        elif name == "tag":
            tags.append(match[3].lower())
        elif name in ("since", "before"):
            conditions.append(_parse_time_condition(name, match[3], now))
        elif (switch := _fields().get(name)) is not None and switch.field in PROMPT_FIELDS:
            words.append(match[3])
        else:
            conditions.append(_parse_condition(name, match[2], match[3]))
    return Query(words=tuple(word for word in words if word), conditions=tuple(conditions), tags=tuple(tags))


def _normalise_name(typed: str) -> str:
    """Normalise the name of a field; single letters keep their case (-s and -S differ)."""
    return typed if len(typed) == 1 else typed.lower().replace("-", "_")


def _fields() -> Mapping[str, Switch | None]:
    """Return the fields of conditions: names and letters of recorded switches, and the history's own fields."""
    fields: dict[str, Switch | None] = dict.fromkeys(_OWN_FIELDS)
    for row in SWITCHES:
        if row.recorded:
            fields |= dict.fromkeys([row.field, row.recorded, *(flag.lstrip("-") for flag in row.flags)], row)
    return fields


def _parse_condition(name: str, comparison: str, text: str) -> Condition:
    if name not in _fields():
        closest = nearest(name, list(_fields()))
        hint = f"did you mean {closest}? " if closest else ""
        raise CommandError(f"unknown setting: {name}", hint=f"{hint}for example {EXAMPLE}")
    switch = _fields()[name]
    value = _parse_value(name, switch, text)
    field = switch.field if switch else name
    if isinstance(value, str):
        if comparison not in (":", "="):
            raise CommandError(f"{comparison} cannot compare {name}, which is text", hint=f"use {name}:{text}")
        return Condition(field=field, comparison="has", value=value)
    return Condition(field=field, comparison="=" if comparison == ":" else comparison, value=value)


def _parse_value(name: str, switch: Switch | None, text: str) -> float | str:
    """Convert a value to a number if the setting is numeric."""
    try:
        if switch is None:
            return float(text) if name == "rating" else text
        if switch.value.takes == "words":
            return text
        value = 1.0 if switch.is_flag else switch.value.parse(text)
    except ValueError as error:
        raise CommandError(f"{name} {error}", hint=f"for example {EXAMPLE}") from None
    if isinstance(value, tuple):
        value = value[0] if len(value) == 1 else text
    return float(value) if isinstance(value, (int, float)) else text


def _parse_time_condition(name: str, text: str, now: datetime) -> Condition:
    moment = parse_time(text, now).astimezone(UTC).isoformat(timespec="seconds")
    return Condition(field="created", comparison=">=" if name == "since" else "<", value=moment)


def parse_time(text: str, now: datetime) -> datetime:
    """Return the start of a day or period: today, yesterday, 3d (or 12h, 2w) ago, 2026-11-20, 2026-11.

    Raises:
        CommandError: If the text is not a time.
    """
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    days = {"today": 0, "yesterday": 1}
    if text.lower() in days:
        return midnight - timedelta(days=days[text.lower()])
    if (ago := _RELATIVE_TIME.fullmatch(text.lower())) is not None:
        return now - timedelta(hours=int(ago[1]) * _HOURS[ago[2]])
    for form in _DATES:
        try:
            return datetime.strptime(text, form).replace(tzinfo=now.tzinfo)
        except ValueError:
            continue
    hint = "use today, yesterday, 3d, 12h, 2w, or a date such as 2026-11-20"
    raise CommandError(f"not a time: {text[:40]}", hint=hint)
