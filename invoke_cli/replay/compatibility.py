"""Adapt the settings in the metadata of an image: known models and samplers only, or a part of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PureWindowsPath

from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import LORAS
from invoke_cli.errors import CommandError, InvokeError
from invoke_cli.inputs.adapters import list_adapters
from invoke_cli.language.sanitize import sanitize_for_terminal
from invoke_cli.metadata.codec import ForeignLora, ParsedMetadata
from invoke_cli.models.samplers import is_sampler
from invoke_cli.replay.meanings_of_2x import as_2x_meant, remarks
from invoke_cli.request import GenerationRequest, LoraChoice

# The parts of a line that `!fetch` can load, with InvokeAI's names, and their descriptions.
PARTS: Mapping[str, str] = {
    "all": "the whole line",
    "prompt": "only its prompts",
    "seed": "only its seed",
    "remix": "everything except its seed",
}

_PROMPT_FIELDS = ("prompt", "negative_prompt")
_SEED_FIELDS = ("seeds", "variations")
_MIN_DIGITS = 10
_PROGRAMS = ("InvokeAI 1", "invoke-ai/InvokeAI v1", "invoke-ai/InvokeAI 2")  # where some switches meant something else


@dataclass(frozen=True, kw_only=True, slots=True)
class UsableSettings:
    """Stages that can run here.

    Attributes:
        stages: The stages.
        lost: Descriptions of the settings that were removed.
        missing: What the metadata could not express as a request.
    """

    stages: tuple[GenerationRequest, ...]
    lost: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def usable_settings(context: SessionContext, metadata: ParsedMetadata) -> UsableSettings:
    """Return the stages in the metadata of an image, without models and samplers that are unknown here."""
    lost: list[str] = []
    stages = []
    for stage in metadata.stages:
        fields = stage.set_fields()
        model_name = str(fields.pop("model", "") or metadata.facts.get("model", ""))
        sha256 = metadata.provenance.model_sha256 if metadata.provenance else metadata.facts.get("model hash", "")
        known = find_known_model(context, model_name, sha256) if model_name or sha256 else None
        if known is not None:
            fields["model"] = known
        elif model_name:
            lost.append(f"model {model_name}, which is unknown here")
        if "scheduler" in fields and not is_sampler(str(fields["scheduler"])):
            lost.append(f"sampler {fields.pop('scheduler')}")
        stages.append(_meant(context, metadata.program, GenerationRequest.of(fields)))
    found = UsableSettings(stages=tuple(stages), lost=tuple(dict.fromkeys(lost)), missing=metadata.missing)
    return _with_loras(context, found, metadata.loras)


def _meant(context: SessionContext, program: str, request: GenerationRequest) -> GenerationRequest:
    """Return the request as InvokeAI 1 and 2 meant it, with notices; those of other programs unchanged."""
    if not program.startswith(_PROGRAMS):
        return request
    for text in remarks(request):
        context.notice(sanitize_for_terminal(text))
    return as_2x_meant(request)


def _with_loras(context: SessionContext, settings: UsableSettings, loras: Sequence[ForeignLora]) -> UsableSettings:
    """Add the LoRAs that exist here to the last stage."""
    known = _known_loras(context, loras) if loras else {}
    if not known:
        return settings
    *earlier, last = settings.stages
    last = replace(last, loras=(*(last.loras or ()), *known.values()))
    missing = tuple(text for text in settings.missing if text not in known)
    return replace(settings, stages=(*earlier, last), missing=missing)


def _known_loras(context: SessionContext, loras: Sequence[ForeignLora]) -> dict[str, LoraChoice]:
    """Return the LoRAs with files here, by their remarks; each file once."""
    files = list_adapters(context.settings.paths.data_folders(LORAS))
    names = [name for name, paths in files.items() if "/" not in name and len(paths) == 1]
    by_key = dict(zip(map(_normalise, names), names, strict=True)) | dict(zip(names, names, strict=True))
    found: dict[str, LoraChoice] = {}
    for lora, weight in [(lora, lora.weight) for lora in loras if lora.weight is not None]:
        known = by_key.pop(lora.name, None) or by_key.pop(_normalise(lora.name) or lora.name, None)
        if known:
            found[lora.remark] = LoraChoice(known, weight)
    return found


def find_known_model(context: SessionContext, name: str, sha256: str = "") -> str | None:
    """Return the name of a known model by the name or the hash that another program recorded; None if there is none."""
    models = context.settings.registry.models
    if name in models:
        return name
    normalised = _normalise(name)
    by_name = next((known for known in models if normalised and _normalise(known) == normalised), None)
    return by_name or _by_hash(context, sha256)


def _normalise(name: str) -> str:
    """Normalise the name of a model: no folders, no suffix, only lower-case letters and digits."""
    base = re.sub(r"\.(safetensors|ckpt|pt|pth|gguf|bin)$", "", PureWindowsPath(name).name.lower())
    return re.sub(r"[^a-z0-9]", "", base)


def _by_hash(context: SessionContext, sha256: str) -> str | None:
    digits = sha256.lower().removeprefix("sha256:").removeprefix("0x")
    if len(digits) < _MIN_DIGITS or re.fullmatch(r"[0-9a-f]{10,64}", digits) is None:
        return None
    for name in context.settings.registry.models:
        try:
            found = context.hashes.of_model(context.settings.model(name))
        except (InvokeError, OSError):
            continue
        if found.startswith(digits):
            return name
    return None


def select_part(stages: tuple[GenerationRequest, ...], part: str) -> tuple[GenerationRequest, ...]:
    """Return one of the `PARTS` of a line. Raises CommandError if the line does not contain it."""
    if part == "remix":
        return tuple(_filter_fields(stage, lambda name: name not in _SEED_FIELDS) for stage in stages)
    if part == "all":
        return stages
    fields = _PROMPT_FIELDS if part == "prompt" else _SEED_FIELDS
    stored = _filter_fields(stages[0], lambda name: name in fields)
    if not stored.set_fields():
        raise CommandError(f"the metadata of the image contains no {part}", hint="!info shows its metadata")
    return (stored,)


def _filter_fields(stage: GenerationRequest, keep: Callable[[str], bool]) -> GenerationRequest:
    return GenerationRequest.of({name: value for name, value in stage.set_fields().items() if keep(name)})
