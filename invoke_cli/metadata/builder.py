"""A recall in the making: foreign values go in, checked one by one; what does not fit into a request is told.

Every number passes the check that a typed one passes, every text loses its control characters and is capped, a path
loses its folders.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import PureWindowsPath
from typing import Any

from invoke_cli.language.sanitize import sanitize_for_terminal
from invoke_cli.language.switches.switch import Group
from invoke_cli.language.switches.table import by_field
from invoke_cli.metadata.codec import Chunks, ParsedMetadata
from invoke_cli.metadata.prompt_conversion import plain_text, prompt_source
from invoke_cli.metadata.sampler_aliases import our_sampler
from invoke_cli.request import GenerationRequest

MAX_MISSING = 40
MAX_SHOWN = 120

_NOTHING: tuple[object, ...] = (None, "", "none", "None", False, 0, 0.0, [], {}, "False", "false", "0", "null")


class MetadataBuilder:
    """What is known so far; `recalled` ends it."""

    def __init__(self, program: str) -> None:
        self.program = sanitize_for_terminal(program)[:MAX_SHOWN].replace("\n", " ")
        self.values: dict[str, Any] = {}
        self.facts: dict[str, str] = {}
        self.missing: list[str] = []

    def take(self, field: str, raw: object, key: str = "") -> None:
        """A value of a request's field, if there is one; told when it cannot be."""
        switch = by_field()[field]
        if raw is None or raw == "" or (switch.group is Group.LOOK and raw in _NOTHING):
            return
        try:
            self.values[field] = switch.value.parse(_number_text(raw, negative=field != "seeds"))
        except ValueError as error:
            self.lose(key or switch.name[2:], raw, because=str(error))

    def take_all(self, document: Mapping[str, Any], table: Mapping[str, str]) -> None:
        """The values of several fields: `table` gives the field for each key."""
        for key, field in table.items():
            self.take(field, document.get(key), key)

    def words(self, positive: object, negative: object = "") -> None:
        """Prompts in another program's syntax: kept as text, with the tags of LoRAs taken out."""
        for field, text in (("prompt", positive), ("negative_prompt", negative)):
            source, remarks = plain_text(str(text or ""))
            self.missing += remarks
            if source or field == "prompt":
                self.values[field] = source

    def source(self, positive: object, negative: object = "") -> None:
        """Prompts in InvokeAI's syntax, which is ours."""
        for field, text in (("prompt", positive), ("negative_prompt", negative)):
            source, remarks = prompt_source(str(text or ""))
            self.missing += remarks
            if source or field == "prompt":
                self.values[field] = source

    def sampler(self, name: object, schedule: object = "") -> None:
        """A sampler and a schedule by the names of any program."""
        if not name:
            return
        ours, lost = our_sampler(str(name), str(schedule or ""))
        if ours:
            self.values["scheduler"] = ours
        if lost:
            self.lose("sampler" if not ours else "schedule", lost)

    def strength(self, raw: object, *, inverted: bool = False, without_init: bool = True) -> None:
        """How much of an init image was changed; `inverted` where the other program says how much was kept."""
        if raw is None or raw == "":
            return
        try:
            amount = Decimal(_number_text(raw))
        except (ValueError, InvalidOperation):
            self.lose("strength", raw)
            return
        self.take("strength", float(1 - amount if inverted else amount), "strength")
        if without_init and "init_image" not in self.values:
            self.missing.append("the image it was made from, which its file does not name; give it with -I")

    def init(self, name: object) -> None:
        """The name of the image it was made from, without its folders."""
        base = PureWindowsPath(str(name or "")).name.strip()
        if base:
            self.values["init_image"] = clean(base)[:200]

    def model(self, name: object, sha256: object = "") -> None:
        """The model's name and hash, to be looked for among those known here."""
        for key, value in (("model", name), ("model hash", sha256)):
            if isinstance(value, (str, int)) and str(value).strip():
                self.fact(key, value)

    def lora(self, name: object, weight: object = "") -> None:
        """A LoRA, which is not carried over."""
        base = PureWindowsPath(str(name)).name
        self.missing.append(clean(f"LoRA {base}" + (f" at {_shown(weight)}" if weight not in ("", None) else "")))

    def lose(self, key: str, value: object, *, because: str = "") -> None:
        """Something that the file says and that is not carried over; a value that means nothing done is left out."""
        if value in _NOTHING:
            return
        self.missing.append(clean(f"{key}: {_shown(value)}" + (f" ({because})" if because else "")))

    def lose_rest(self, document: Mapping[str, Any], known: Iterable[str]) -> None:
        """Every key that is not among the known ones."""
        for key in [key for key in document if key not in set(known)][:MAX_MISSING]:
            self.lose(str(key), document[key])

    def fact(self, name: str, value: object) -> None:
        """Something to show."""
        if value not in (None, ""):
            self.facts[name] = clean(_shown(value))

    def recalled(self, *, by_pixels: bool = False) -> ParsedMetadata:
        """The finished recall; `by_pixels`: where no size is said, it is the picture's own."""
        missing = list(dict.fromkeys(text for text in self.missing if text))
        more = len(missing) - MAX_MISSING
        if more > 0:
            missing = [*missing[:MAX_MISSING], f"{more} more"]
        return ParsedMetadata(
            program=self.program,
            request=GenerationRequest.of(self.values),
            facts=self.facts,
            missing=tuple(missing),
            by_pixels=by_pixels,
        )


def clean(text: str) -> str:
    """Text on one line, without control characters."""
    return " ".join(sanitize_for_terminal(text).split())


def json_object(text: str | None) -> dict[str, Any] | None:
    """The JSON object that a text is; None when it is none."""
    if text is None or not text.lstrip().startswith("{"):
        return None
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def first_object(chunks: Chunks, *keys: str) -> dict[str, Any] | None:
    """The JSON object in the first of these chunks that is one."""
    return next((found for key in keys if (found := json_object(chunks.get(key))) is not None), None)


def part(document: Mapping[str, Any] | None, *keys: str) -> dict[str, Any]:
    """The object inside an object, empty when it is not there."""
    found: Any = document
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return dict(found) if isinstance(found, Mapping) else {}


def objects(value: object) -> list[Mapping[str, Any]]:
    """The objects of a list."""
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []


def _number_text(raw: object, *, negative: bool = True) -> str:
    """A JSON value as it would be typed; ValueError for what is neither number nor text."""
    if isinstance(raw, bool) or not isinstance(raw, (int, float, str)):
        raise ValueError("not a value of this kind")
    if isinstance(raw, float) and raw.is_integer() and abs(raw) < 2**53:
        raw = int(raw)
    text = str(raw).strip()
    if not negative and not text.isdigit():
        raise ValueError("not a seed")
    if re.fullmatch(r"[+-]?\d+\.0+", text):
        return text.split(".")[0]
    return text[:400]


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"
