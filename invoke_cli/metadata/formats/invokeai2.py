"""Read `Dream` and `sd-metadata` as written by InvokeAI 1, InvokeAI 2 and this program.

The original's JSON loses `-I` and `--seamless` (a missing comma fused two names), so both chunks are read and merged;
if they conflict the JSON wins and the conflict is reported.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from invoke_cli.documents import parse_json
from invoke_cli.errors import LineError, MetadataError
from invoke_cli.language.grammar.quotes import canonical, escape
from invoke_cli.language.switches.numbers import format_number
from invoke_cli.language.switches.switch import Group, Switch
from invoke_cli.language.switches.table import SWITCHES, by_field
from invoke_cli.metadata.builder import clean
from invoke_cli.metadata.codec import Batch, Chunks, ParsedMetadata, Provenance
from invoke_cli.metadata.formats.dream import KEYWORD as DREAM
from invoke_cli.metadata.formats.dream import DreamLine, read_dream
from invoke_cli.metadata.prompt_conversion import capped
from invoke_cli.models.samplers import is_sampler
from invoke_cli.request import Borders, GenerationRequest, PostprocessorChoice, Variation

SD_METADATA = "sd-metadata"
APP_ID = "invoke-cli"
STAGE_SEED = "stage_seed"  # of a chain: the seed of the last stage, while `seed` is that of the first one
IN_PROMPT = "in_prompt"  # marks a LoRA that the prompt names, not the switch

_MAX_WEIGHT = 1_000_000

# Keys of the original that no switch of this program corresponds to: (key, the value that means "off").
_UNSUPPORTED: tuple[tuple[str, object], ...] = (
    ("inpaint_replace", 0), ("postprocessing", None),
)  # fmt: skip


def read_dream_and_json(chunks: Chunks) -> ParsedMetadata:
    """Parse both chunks and merge them.

    Raises:
        MetadataError: Neither can be read.
    """
    dream = read_dream(chunks[DREAM]) if DREAM in chunks else None
    document = _parse(chunks[SD_METADATA], optional=dream is not None) if SD_METADATA in chunks else None
    dream_request = dream.request if dream else GenerationRequest()
    if document is None:
        if not any(stage.set_fields() for stage in ((*dream.earlier, dream_request) if dream else ())):
            raise MetadataError(f"its {DREAM} line cannot be read", hint="the image can still be used with -I")
        missing, earlier = (dream.unsupported, dream.earlier) if dream else ((), ())
        request, earlier = _clean(dream_request), tuple(map(_clean, earlier))
        facts = _noted_model(dream)
        return ParsedMetadata(program="InvokeAI 1", request=request, facts=facts, missing=missing, earlier=earlier)
    return _merged(document, dream or DreamLine(request=dream_request))


def _noted_model(dream: DreamLine | None) -> dict[str, str]:
    return {"model": dream.model} if dream and dream.model else {}


def _parse(text: str, *, optional: bool) -> dict[str, Any] | None:
    try:
        document = parse_json(text)
        if isinstance(document, dict) and isinstance(_image_of(document), dict):
            return document
    except (ValueError, RecursionError):
        pass
    if optional:
        return None
    raise MetadataError("its sd-metadata is damaged", hint="the image can still be used with -I")


def _image_of(document: Mapping[str, Any]) -> Any:
    """Return the image's own part; of a grid, the first image's."""
    images = document.get("images")
    return document.get("image") or (images[0] if isinstance(images, list) and images else None)


def _model_facts(document: Mapping[str, Any]) -> dict[str, str]:
    """Return what InvokeAI recorded of the model."""
    names = {"model_id": "model", "model_hash": "model hash"}
    return {name: clean(document[key])[:200] for key, name in names.items() if isinstance(document.get(key), str)}


def _merged(document: dict[str, Any], dream: DreamLine) -> ParsedMetadata:
    image = _image_of(document)
    is_ours = document.get("app_id") == APP_ID
    values, invalid = _values(image)
    said = (dream.request if is_ours else _clean(dream.request)).set_fields()
    _drop_cut_prompt(values, said, image)
    _drop_implied(values, said, document)
    conflicts = tuple(_conflicts(values, said))
    merged = said | values
    if is_ours:
        merged["model"] = str(document.get("model_id") or merged.get("model") or "") or None
    missing = [*dream.unsupported, *invalid, *_unsupported(image, is_ours=is_ours)]
    program = clean(f"{document.get('app_id', 'InvokeAI')} {document.get('app_version', '')}")[:200]
    request = GenerationRequest.of(merged)
    return ParsedMetadata(
        program=program,
        request=request if is_ours else _clean(request),
        facts={} if is_ours else _model_facts(document),
        missing=tuple(missing),
        conflicts=conflicts,
        provenance=_checked_provenance(document, image) if is_ours else None,
        earlier=dream.earlier if is_ours else tuple(map(_clean, dream.earlier)),
    )


def _drop_cut_prompt(values: dict[str, Any], said: Mapping[str, object], image: Mapping[str, Any]) -> None:
    """Drop a prompt that was cut at colons, which may be text, if the line has it uncut."""
    if said.get("prompt") and len(_weighted_parts(image.get("prompt"))) > 1:
        del values["prompt"]


def _drop_implied(values: dict[str, Any], said: Mapping[str, object], document: Mapping[str, Any]) -> None:
    """Drop what our line does not contain: a size that another image determined, and the mark of two passes, which are
    stages of their own.
    """
    if document.get("app_id") != APP_ID:
        return
    values.pop("hires_fix", None)
    for name in {"width", "height"} - said.keys() if said else ():
        values.pop(name, None)


def _clean(request: GenerationRequest) -> GenerationRequest:
    """Return the request without control characters and with capped prompts, for other programs' files.

    InvokeAI 1 selected the sampler with -m, too.
    """
    said = request.set_fields()
    if is_sampler(str(said.get("model"))):
        said = {"scheduler": said.pop("model")} | said
    return GenerationRequest.of(
        {name: capped(value)[0] if isinstance(value, str) else value for name, value in said.items()}
    )


def _raw_value(image: Mapping[str, Any], switch: Switch) -> Any:
    """Return the JSON value of a switch; None if it is missing or was not requested."""
    raw = image.get(switch.recorded) if switch.recorded else None
    if switch.field == "seeds":
        return image.get(STAGE_SEED, raw)
    if switch.field == "strength" and raw is None and image.get("type") == "img2img":
        return image.get("strength")
    is_off = switch.group in (Group.LOOK, Group.POSTPROCESS) and not raw  # written as 0 if not requested
    if is_off or (switch.field == "facetool" and not image.get("facetool_strength")):
        return None
    return raw


def _values(image: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the request's fields under `image`, and the keys whose value is invalid."""
    values: dict[str, Any] = {}
    invalid: list[str] = []
    for switch in SWITCHES:
        raw = _raw_value(image, switch)
        if raw is None or raw == [] or switch.field == "prompt":
            continue
        try:
            values[switch.field] = _value(switch.field, raw)
        except (LineError, ValueError, TypeError, KeyError, OverflowError):
            invalid.append(f"{switch.recorded}: {str(raw)[:60]}")
    values["prompt"] = _prompt(image.get("prompt"))
    if image.get("type") == "txt2img":
        values.pop("strength", None)
    return values, invalid


def _value(field: str, raw: Any) -> Any:
    """Convert a JSON value to the field's, through the same check as a typed value."""
    switch = by_field()[field]
    if isinstance(raw, bool) and switch.is_flag:
        return raw
    if isinstance(raw, (bool, dict)) or str(raw).startswith("data:"):
        raise ValueError("neither a number nor text")
    if field in _LIST_READERS:
        return _LIST_READERS[field](raw)
    if isinstance(raw, list) and switch.value.takes == "numbers":
        raw = " ".join(map(str, raw))
    if isinstance(raw, float) and raw.is_integer():
        raw = int(raw)
    return switch.value.parse(str(raw))


def _variations(entries: Sequence[Mapping[str, Any]]) -> object:
    text = ",".join(f"{int(entry['seed'])}:{float(entry['weight'])!r}" for entry in entries)
    return by_field()["variations"].value.parse(text)


def _loras(entries: Sequence[Mapping[str, Any]]) -> object:
    switched = [entry for entry in entries if not (isinstance(entry, dict) and entry.get(IN_PROMPT))]
    text = ",".join(f"{entry['name']}:{format_number(float(entry['weight']))}" for entry in switched)
    return by_field()["loras"].value.parse(text) if switched else None


def _controls(entries: Sequence[Mapping[str, Any]]) -> tuple[object, ...]:
    parse = by_field()["controls"].value.parse
    texts = (f"{entry['kind']}:{entry['image']}:{format_number(float(entry['weight']))}" for entry in entries)
    return tuple(choice for text in texts for choice in cast(tuple[object, ...], parse(text)))


def _postprocessors(entries: Sequence[Mapping[str, Any]]) -> tuple[PostprocessorChoice, ...]:
    return tuple(PostprocessorChoice(str(entry["name"]), str(entry["argument"])) for entry in entries)


def _borders(entries: Sequence[Any]) -> Borders:
    left, top, right, bottom = (int(entry) for entry in entries)
    return Borders(left, top, right, bottom)


# The readers of fields whose JSON value is a list of objects.
_LIST_READERS: Mapping[str, Callable[[Sequence[Mapping[str, Any]]], object]] = {
    "outcrop": _borders, "variations": _variations, "loras": _loras, "controls": _controls,
    "postprocessors": _postprocessors,
}  # fmt: skip


def _prompt(raw: Any) -> str:
    """Return the prompt source: plain text in newer files, a list of weighted parts in older ones."""
    if isinstance(raw, str):
        return canonical(raw)
    parts = _weighted_parts(raw)
    if len(parts) < 2:
        return canonical(parts[0][0]) if parts else ""
    if any(not text.strip() or weight < 0 for text, weight in parts):
        return canonical(" ".join(f"{text}:{format_number(weight)}" for text, weight in parts))
    quoted = ",".join('"' + escape(text.strip().replace('"', "'")) + '"' for text, _ in parts)
    return canonical(f"({quoted}).blend({','.join(format_number(weight) for _, weight in parts)})")


def _weighted_parts(raw: Any) -> list[tuple[str, float]]:
    """Return the texts and weights of a prompt in older files."""
    entries = [entry for entry in raw if isinstance(entry, dict) and "prompt" in entry] if isinstance(raw, list) else []
    return [(str(entry["prompt"]), _weight(entry.get("weight", 1))) for entry in entries]


def _weight(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) and abs(value) < _MAX_WEIGHT else 1.0


def _conflicts(values: Mapping[str, Any], dream: Mapping[str, object]) -> Iterator[str]:
    for switch in SWITCHES:
        here, there = values.get(switch.field), dream.get(switch.field)
        if here is not None and there is not None and here != there:
            yield f"{switch.name[2:]}: {DREAM} has {_shown(there)}, {SD_METADATA} has {_shown(here)}"


def _shown(value: object) -> str:
    if isinstance(value, tuple) and value and isinstance(value[0], Variation):
        return ",".join(f"{v.seed}:{v.weight}" for v in value)
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _unsupported(image: Mapping[str, Any], *, is_ours: bool) -> Iterator[str]:
    for key, is_off in () if is_ours else _UNSUPPORTED:
        value = image.get(key, is_off)
        if value and value != is_off:
            yield f"{key}: {json.dumps(value)[:80]}"


def _checked_provenance(document: Mapping[str, Any], image: Mapping[str, Any]) -> Provenance:
    try:
        return _provenance(document, image)
    except (ValueError, TypeError, OverflowError):
        raise MetadataError("its sd-metadata is damaged", hint="the image can still be used with -I") from None


def _batch(entry: object) -> Batch:
    batch = entry if isinstance(entry, dict) else {}
    return Batch(
        size=int(batch.get("size", 1)),
        index=int(batch.get("index", 0)),
        seeds=tuple(int(seed) for seed in batch.get("seeds", ())),
    )


def _provenance(document: Mapping[str, Any], image: Mapping[str, Any]) -> Provenance:
    environment = document.get("environment")
    stages = [stage for stage in (*(document.get("stages") or ()), image) if isinstance(stage, dict)]
    return Provenance(
        pixel_sha256=str(document.get("pixel_sha256") or ""),
        inputs=_pairs(stages, "orig_hash", "mask_hash"),
        controls=tuple(map(_control_hashes, stages)),
        parents=_pairs(document.get("parents") or (), "name", "sha256"),
        sources=_pairs(document.get("parents") or (), "sha256", "source"),
        model_sha256=str(document.get("model_hash") or ""),
        environment=environment if isinstance(environment, dict) else {},
        batch=_batch(document.get("batch")),
        private=bool(document.get("private")),
        fallbacks=tuple(str(entry) for entry in document.get("concessions") or ()),
        version=str(document.get("app_version") or ""),
        schema_version=int(document.get("schema_version") or 1),
    )


def _control_hashes(stage: Mapping[str, Any]) -> tuple[str, ...]:
    controls = stage.get("controls")
    entries = controls if isinstance(controls, list) else ()
    return tuple(str(entry.get("image_hash") or "") for entry in entries if isinstance(entry, dict))


def _pairs(parts: Iterable[object], first: str, second: str) -> tuple[tuple[str, str], ...]:
    return tuple((str(part.get(first) or ""), str(part.get(second) or "")) for part in parts if isinstance(part, dict))
