"""`Dream` and `sd-metadata`: the two chunks of InvokeAI 1 and 2, which this program writes, too, with more in them.

Names in the JSON come from the switch table.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from invoke_cli.language.grammar.format import format_line
from invoke_cli.language.grammar.quotes import quote_value
from invoke_cli.language.switches.switch import Group
from invoke_cli.language.switches.table import SWITCHES
from invoke_cli.metadata.codec import Chunks, ParsedMetadata, Record
from invoke_cli.metadata.formats.dream import KEYWORD as DREAM
from invoke_cli.metadata.formats.dream import dream_chunk, without_prompts
from invoke_cli.metadata.formats.invokeai2 import IN_PROMPT, SD_METADATA, STAGE_SEED, read_dream_and_json
from invoke_cli.metadata.sheet_record import KEYWORD as SHEET
from invoke_cli.planning.hires_fix import is_second_pass
from invoke_cli.planning.plan import ControlUse, ImagePlan, Plan, Task
from invoke_cli.planning.recorded_request import recorded_request
from invoke_cli.request import GenerationRequest
from invoke_cli.version import KEYS_OF_2X, RECORDED_METHODS, TWO_PASSES


class InvokeAICodec:
    """Reads and writes the two chunks."""

    name = "InvokeAI 2"
    fields = frozenset(switch.field for switch in SWITCHES if switch.recorded)

    def encode(self, record: Record) -> dict[str, str]:
        """Return both chunks; the JSON is ASCII with its keys in a fixed order."""
        return {DREAM: dream_chunk(record), SD_METADATA: json.dumps(_document(record), ensure_ascii=True)}

    def sniff(self, chunks: Chunks) -> bool:
        """Return whether either chunk is present; a grid of ours has a record of its own."""
        return (DREAM in chunks or SD_METADATA in chunks) and SHEET not in chunks

    def decode(self, chunks: Chunks) -> ParsedMetadata:
        """Parse both chunks and merge them.

        Raises:
            MetadataError: Neither can be read.
        """
        return read_dream_and_json(chunks)


# -- writing ---------------------------------------------------------------------------------------------------------


def _document(record: Record) -> dict[str, Any]:
    """Return the JSON: the original's keys at the top level and under `image`, with ours added."""
    return {
        "model": "stable diffusion",
        "model_id": record.plan.model,
        "model_hash": record.model_sha256 or None,
        "app_id": record.program,
        "app_version": record.version,
        **({"schema_version": record.schema_version} if record.schema_version > 1 else {}),
        "image": _last_image(record),
        "stages": [_image(*stage) for stage in record.earlier],
        "family": record.plan.family.name,
        "environment": dict(record.environment),
        "batch": {"size": record.batch.size, "index": record.batch.index, "seeds": list(record.batch.seeds)},
        "parents": [dict(parent) for parent in record.parents],
        "concessions": list(record.fallbacks),
        "pixel_sha256": record.pixel_sha256,
        "private": record.plan.output.private,
    }


def _control(use: ControlUse) -> dict[str, Any]:
    """Return the JSON of a control image."""
    return {
        "kind": use.requested_kind,
        "image": use.name,
        "weight": use.weight,
        "image_hash": use.image_sha256,
        "model": use.model,
        "model_hash": use.sha256,
    }


# The keys that InvokeAI 2.3.5 always wrote, with the values of settings that are off.
_ALWAYS: Mapping[str, object] = {
    "facetool": "gfpgan", "facetool_strength": 0.0, "upscale": None, "init_mask": None, "hires_fix": False,
    "h_symmetry_time_pct": None, "v_symmetry_time_pct": None,
}  # fmt: skip


def _last_image(record: Record) -> dict[str, Any]:
    """Return the JSON of the last stage. The seed is that of the first one, which the file's name contains, too."""
    image = _image(record.plan, record.image)
    if record.earlier and record.plan.schema_version >= KEYS_OF_2X:
        image |= {"seed": record.stages[0][1].seed, STAGE_SEED: record.image.seed}
    if record.earlier and record.plan.schema_version >= TWO_PASSES:
        image["hires_fix"] = is_second_pass(record.stages[0][0], record.stages[1][0])
    return image


def _image(plan: Plan, image_plan: ImagePlan) -> dict[str, Any]:
    """Return the JSON of one stage."""
    request = recorded_request(plan, image_plan, by_name=True)
    if plan.output.private:
        request = without_prompts(request)
    said = {row.recorded: getattr(request, row.field) for row in SWITCHES if row.recorded}
    image = _base_keys(plan)
    image |= {name: value for name, value in said.items() if value is not None}
    image["prompt"] = [{"prompt": request.prompt, "weight": 1.0}]
    image["seed"] = image_plan.seed
    image["variations"] = [{"seed": v.seed, "weight": v.weight} for v in request.variations or ()]
    image |= {
        "steps_scheduled": plan.steps.scheduled,
        "steps_real": _steps_run(plan),
        "scheduler": plan.sampler.scheduler,
        "size": list(plan.result_size),
        "threshold": plan.latent_effects.threshold,
        "perlin": request.perlin or 0.0,
        "postprocessing": None,
    }
    image |= dict(_choices(plan, request))
    if plan.schema_version >= RECORDED_METHODS:
        image |= dict(_methods(plan, request))
    return {**image, **dict(_source_hashes(plan))}


def _base_keys(plan: Plan) -> dict[str, Any]:
    """Return the type of an image, and the keys that InvokeAI 2.x always wrote."""
    if plan.schema_version < KEYS_OF_2X:
        return {"type": plan.task.value}
    size = {"width": plan.result_size.width, "height": plan.result_size.height}
    return {"type": _type_in_2x(plan), "task": plan.task.value, **_ALWAYS, **size}


def _type_in_2x(plan: Plan) -> str:
    """Return the type that InvokeAI 2.x wrote, which knew two."""
    known = Task.TEXT_TO_IMAGE if plan.task is Task.TEXT_TO_IMAGE else Task.IMAGE_TO_IMAGE
    return str(known.value)


def _steps_run(plan: Plan) -> int:
    """Return the steps that were run: of a stage that only enlarges, those of enlarging."""
    if plan.task is Task.POSTPROCESS and plan.schema_version >= KEYS_OF_2X:
        return plan.postprocessing.model_steps
    return plan.steps_left


def _postprocessing(plan: Plan, request: GenerationRequest) -> list[dict[str, object]]:
    """Return what was done to the image; of an existing image with the command, as InvokeAI 2.x wrote it."""
    entries = plan.postprocessing.facts()
    if plan.schema_version < KEYS_OF_2X or plan.init is None:
        return entries
    if request.outcrop is not None:
        entries = [{"tool": "outcrop"}, *entries]
    if (request.fix or request.outcrop is not None) and not plan.output.private:
        command = f"!fix {quote_value(plan.init.name)} {_switches_of_fix(request)}"
        entries = [entry | {"dream_command": command} for entry in entries]
    return entries


def _switches_of_fix(request: GenerationRequest) -> str:
    named = request.set_fields()
    chosen = {row.field for row in SWITCHES if row.group is Group.POSTPROCESS} - {"fix"} | {"outcrop"}
    return format_line([GenerationRequest.of({name: value for name, value in named.items() if name in chosen})])


def _methods(plan: Plan, request: GenerationRequest) -> Iterator[tuple[str, object]]:
    """Yield how the image was made: its postprocessing, all LoRAs and the way of inpainting."""
    if entries := _postprocessing(plan, request):
        yield "postprocessing", entries
    if plan.prompt.loras and not plan.output.private:
        switched = [choice._asdict() for choice in request.loras or ()]
        yield "loras", [*switched, *({**choice._asdict(), IN_PROMPT: True} for choice in plan.prompt.loras)]
    if plan.mask is not None and plan.resume is None:
        yield "inpainting", _inpainting(plan)


def _inpainting(plan: Plan) -> dict[str, object]:
    """Return the kind of model, the part of the image that it worked on (None: all), and the number of passes."""
    window = plan.geometry.window if plan.geometry and not plan.patches else None
    return {
        "model": "inpainting" if plan.takes_mask else "ordinary",
        "window": list(window) if window else None,
        "passes": max(1, len(plan.patches)),
    }


def _choices(plan: Plan, request: GenerationRequest) -> Iterator[tuple[str, object]]:
    """Yield the entries for the adapters, control images and postprocessors that are used."""
    names_files = not plan.output.private
    if request.loras:
        yield "loras", [choice._asdict() for choice in request.loras]
    if plan.loras and names_files:
        yield "lora_hashes", {lora.name: lora.sha256 for lora in plan.loras}
    if request.postprocessors:
        yield "postprocessors", [choice._asdict() for choice in request.postprocessors]
    if request.controls:
        yield "controls", list(map(_control, plan.controls))
    if plan.embeddings and names_files:
        yield "embedding_hashes", {embedding.name: embedding.sha256 for embedding in plan.embeddings}


def _source_hashes(plan: Plan) -> Iterator[tuple[str, object]]:
    """Yield the hashes of the postprocessing networks, the init image (or saved latents) and the mask."""
    if plan.postprocessing.hashes:
        yield "networks", plan.postprocessing.hashes
    started_from = plan.resume or (None if plan.init is None or plan.init.chained else plan.init)
    if started_from is not None:
        yield "orig_hash", started_from.sha256
    if plan.mask is not None and plan.mask.sha256 and plan.resume is None:
        yield "mask_hash", plan.mask.sha256
