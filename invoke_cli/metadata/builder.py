"""Build parsed metadata from untrusted values of other programs, checked one by one.

Numbers pass the same check as typed ones, text loses its control characters and is capped, and paths lose their
folders. What does not fit into a request is listed as missing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import PureWindowsPath
from typing import Any

from invoke_cli.documents import parse_json
from invoke_cli.language.sanitize import sanitize_for_terminal
from invoke_cli.language.switches.named_values import MAX_LORA_WEIGHT
from invoke_cli.language.switches.switch import Group
from invoke_cli.language.switches.table import by_field
from invoke_cli.metadata.codec import Chunks, ForeignLora, ParsedMetadata
from invoke_cli.metadata.prompt_conversion import plain_text, prompt_source
from invoke_cli.metadata.sampler_aliases import find_our_sampler
from invoke_cli.request import GenerationRequest

MAX_MISSING = 40
MAX_SHOWN = 120

_OFF_VALUES: tuple[object, ...] = (None, "", "none", "None", False, 0, 0.0, [], {}, "False", "false", "0", "null")


class MetadataBuilder:
    """Collects the values of a request; `build` returns the result."""

    def __init__(self, program: str) -> None:
        self.program = sanitize_for_terminal(program)[:MAX_SHOWN].replace("\n", " ")
        self.values: dict[str, Any] = {}
        self.facts: dict[str, str] = {}
        self.missing: list[str] = []
        self.loras_found: list[ForeignLora] = []

    def take(self, field: str, raw: object, key: str = "") -> None:
        """Set a request field, if `raw` is a value; list it as missing if it is invalid."""
        switch = by_field()[field]
        if raw is None or raw == "" or (switch.group is Group.LOOK and raw in _OFF_VALUES):
            return
        try:
            self.values[field] = switch.value.parse(_number_text(raw, negative=field != "seeds"))
        except ValueError as error:
            self.drop(key or switch.name[2:], raw, reason=str(error))

    def take_all(self, document: Mapping[str, Any], table: Mapping[str, str]) -> None:
        """Set several fields: `table` maps the document's keys to fields."""
        for key, field in table.items():
            self.take(field, document.get(key), key)

    def foreign_prompts(self, positive: object, negative: object = "") -> None:
        """Set prompts in another program's syntax: kept as text, without LoRA tags."""
        for field, text in (("prompt", positive), ("negative_prompt", negative)):
            source, tags, remarks = plain_text(str(text or ""))
            for kind, name, weight in tags:
                self.lora(name, weight or "1", kind=kind)
            self.missing += remarks
            if source or field == "prompt":
                self.values[field] = source

    def invoke_prompts(self, positive: object, negative: object = "") -> None:
        """Set prompts in InvokeAI's syntax, which is ours."""
        for field, text in (("prompt", positive), ("negative_prompt", negative)):
            source, remarks = prompt_source(str(text or ""))
            self.missing += remarks
            if source or field == "prompt":
                self.values[field] = source

    def sampler(self, name: object, schedule: object = "") -> None:
        """Set the sampler from a sampler and a schedule by any program's names."""
        if not name:
            return
        name_here, lost = find_our_sampler(str(name), str(schedule or ""))
        if name_here:
            self.values["scheduler"] = name_here
        if lost:
            self.drop("sampler" if not name_here else "schedule", lost)

    def strength(self, raw: object, *, inverted: bool = False, without_init: bool = True) -> None:
        """Set the strength of an init image; `inverted` if the other program stores how much was kept."""
        if raw is None or raw == "":
            return
        try:
            amount = Decimal(_number_text(raw))
        except (ValueError, InvalidOperation):
            self.drop("strength", raw)
            return
        self.take("strength", float(1 - amount if inverted else amount), "strength")
        if without_init and "init_image" not in self.values:
            self.missing.append("the init image, which the file does not name; pass it with -I")

    def init(self, name: object) -> None:
        """Set the name of the init image, without its folders."""
        base = PureWindowsPath(str(name or "")).name.strip()
        if base:
            self.values["init_image"] = clean(base)[:200]

    def model(self, name: object, sha256: object = "") -> None:
        """Record the model's name and hash, to find it among the known models."""
        for key, value in (("model", name), ("model hash", sha256)):
            if isinstance(value, (str, int)) and str(value).strip():
                self.add_fact(key, value)

    def loras(self, names: object, weights: object) -> None:
        """List the LoRAs of two parallel lists as missing; values that are not lists are ignored."""
        for index, name in enumerate(names if isinstance(names, list) else []):
            self.lora(name, weights[index] if isinstance(weights, list) and index < len(weights) else "")

    def lora(self, name: object, weight: object = "", *, kind: str = "LoRA", is_path: bool = True) -> None:
        """List a LoRA as missing, unless it is found here later; a name such as "None" stands for no LoRA."""
        base = PureWindowsPath(str(name)).name if is_path else str(name)
        if base.strip().lower() in ("", "none"):
            return
        remark = clean(f"{kind} {base}" + (f" at {_shown(weight)}" if weight not in ("", None) else ""))
        self.missing.append(remark)
        if kind == "LoRA":
            self.loras_found.append(ForeignLora(name=clean(base)[:200], weight=_lora_weight(weight), remark=remark))

    def drop(self, key: str, value: object, *, reason: str = "") -> None:
        """List a value as missing; values that mean "off" are ignored."""
        if value in _OFF_VALUES:
            return
        self.missing.append(clean(f"{key}: {_shown(value)}" + (f" ({reason})" if reason else "")))

    def drop_rest(self, document: Mapping[str, Any], known: Iterable[str]) -> None:
        """List every key that is not among the known ones as missing."""
        for key in [key for key in document if key not in set(known)][:MAX_MISSING]:
            self.drop(str(key), document[key])

    def add_fact(self, name: str, value: object) -> None:
        """Record something to show."""
        if value not in (None, ""):
            self.facts[name] = clean(_shown(value))

    def build(self, *, size_from_pixels: bool = False) -> ParsedMetadata:
        """Return the parsed metadata; with `size_from_pixels`, a missing size is the image's own."""
        missing = list(dict.fromkeys(text for text in self.missing if text))
        excess = len(missing) - MAX_MISSING
        if excess > 0:
            missing = [*missing[:MAX_MISSING], f"{excess} more"]
        return ParsedMetadata(
            program=self.program,
            request=GenerationRequest.of(self.values),
            facts=self.facts,
            missing=tuple(missing),
            size_from_pixels=size_from_pixels,
            loras=tuple(self.loras_found[:MAX_MISSING]),
        )


def clean(text: str) -> str:
    """Return text on one line, without control characters."""
    return " ".join(sanitize_for_terminal(text).split())


def json_object(text: str | None) -> dict[str, Any] | None:
    """Parse text as a JSON object; None if it is not one."""
    if text is None or not text.lstrip().startswith("{"):
        return None
    try:
        document = parse_json(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def first_object(chunks: Chunks, *keys: str) -> dict[str, Any] | None:
    """Return the first of these chunks that is a JSON object."""
    return next((found for key in keys if (found := json_object(chunks.get(key))) is not None), None)


def part(document: Mapping[str, Any] | None, *keys: str) -> dict[str, Any]:
    """Return the object nested under `keys`; empty if it is missing."""
    found: Any = document
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return dict(found) if isinstance(found, Mapping) else {}


def objects(value: object) -> list[Mapping[str, Any]]:
    """Return the objects in a list; empty if `value` is not a list."""
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []


def _number_text(raw: object, *, negative: bool = True) -> str:
    """Return a JSON value as it would be typed.

    Raises:
        ValueError: It is neither a number nor text.
    """
    if isinstance(raw, bool) or not isinstance(raw, (int, float, str)):
        raise ValueError("neither a number nor text")
    if isinstance(raw, float) and raw.is_integer() and abs(raw) < 2**53:
        raw = int(raw)
    text = str(raw).strip()
    if not negative and not text.isdigit():
        raise ValueError("not a seed")
    if re.fullmatch(r"[+-]?\d+\.0+", text):
        return text.split(".")[0]
    return text[:400]


def _lora_weight(weight: object) -> float | None:
    """Return the weight of a LoRA, of several weights (`0.8:0.6`) the first; None if there is no number in range."""
    if isinstance(weight, bool) or not isinstance(weight, (int, float, str)):
        return None
    try:
        number = float(str(weight).split(":")[0])
    except ValueError:
        return None
    return number if abs(number) <= MAX_LORA_WEIGHT else None


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"
