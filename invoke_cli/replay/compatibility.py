"""What a picture says, made fit for this machine: models that are known here, samplers that there are, parts of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PureWindowsPath

from invoke_cli.context.context import SessionContext
from invoke_cli.errors import CommandError, InvokeError
from invoke_cli.metadata.codec import ParsedMetadata
from invoke_cli.models.samplers import is_sampler
from invoke_cli.request import GenerationRequest

# What `!fetch` can take from a picture, in the words of InvokeAI's users, and the fields that each takes or leaves.
PARTS: Mapping[str, str] = {
    "all": "the whole line",
    "prompt": "its prompts alone",
    "seed": "its seed alone",
    "remix": "all but its seed",
}

_WORDS = ("prompt", "negative_prompt")
_SEED = ("seeds", "variations")
_FEWEST_DIGITS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class UsableSettings:
    """The stages that can be drawn here, and what had to be left out for that."""

    stages: tuple[GenerationRequest, ...]
    lost: tuple[str, ...] = ()


def usable_settings(context: SessionContext, recalled: ParsedMetadata) -> UsableSettings:
    """The stages of a recall without what would fail here: a model or a sampler that is not known."""
    lost: list[str] = []
    stages = []
    for stage in recalled.stages:
        said = stage.set_fields()
        wanted = str(said.pop("model", "") or recalled.facts.get("model", ""))
        sha256 = recalled.provenance.model_sha256 if recalled.provenance else recalled.facts.get("model hash", "")
        known = known_model(context, wanted, sha256) if wanted or sha256 else None
        if known is not None:
            said["model"] = known
        elif wanted:
            lost.append(f"model {wanted}, which is not known here")
        if "scheduler" in said and not is_sampler(str(said["scheduler"])):
            lost.append(f"sampler {said.pop('scheduler')}")
        stages.append(GenerationRequest.of(said))
    return UsableSettings(stages=tuple(stages), lost=tuple(dict.fromkeys(lost)))


def known_model(context: SessionContext, name: str, sha256: str = "") -> str | None:
    """The model known here that another program calls so, by its name or its hash; None when there is none."""
    models = context.settings.registry.models
    if name in models:
        return name
    plain = _plain(name)
    by_name = next((known for known in models if plain and _plain(known) == plain), None)
    return by_name or _by_hash(context, sha256)


def _plain(name: str) -> str:
    """A model's name as programs differ least in it: no folders, no suffix, letters and digits alone."""
    base = re.sub(r"\.(safetensors|ckpt|pt|pth|gguf|bin)$", "", PureWindowsPath(name).name.lower())
    return re.sub(r"[^a-z0-9]", "", base)


def _by_hash(context: SessionContext, sha256: str) -> str | None:
    wanted = sha256.lower().removeprefix("sha256:").removeprefix("0x")
    if len(wanted) < _FEWEST_DIGITS or re.fullmatch(r"[0-9a-f]{10,64}", wanted) is None:
        return None
    for name in context.settings.registry.models:
        try:
            found = context.model_hash(context.settings.model(name))
        except (InvokeError, OSError):
            continue
        if found.startswith(wanted):
            return name
    return None


def part_of(stages: tuple[GenerationRequest, ...], part: str) -> tuple[GenerationRequest, ...]:
    """The part of a line that one of the `PARTS` names; CommandError when the line does not have it."""
    if part == "remix":
        return tuple(_keeping(stage, lambda name: name not in _SEED) for stage in stages)
    if part == "all":
        return stages
    fields = _WORDS if part == "prompt" else _SEED
    kept = _keeping(stages[0], lambda name: name in fields)
    if not kept.set_fields():
        raise CommandError(f"the picture does not say its {part}", hint="!info shows what it says")
    return (kept,)


def _keeping(stage: GenerationRequest, wanted: Callable[[str], bool]) -> GenerationRequest:
    return GenerationRequest.of({name: value for name, value in stage.set_fields().items() if wanted(name)})
