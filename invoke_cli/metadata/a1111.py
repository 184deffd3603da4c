"""A1111's `parameters` text: prompt, negative prompt, and one line of `key: value` pairs.

Its parser counts the last line as parameters from three pairs on; a value with a comma, colon or line break is
JSON-quoted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from invoke_cli.language.numbers import format_number
from invoke_cli.language.quoting import escape
from invoke_cli.language.switches import by_field
from invoke_cli.metadata.codec import Chunks, Recalled, Record
from invoke_cli.models.samplers import find_sampler, is_sampler
from invoke_cli.planning.plan import Task
from invoke_cli.request import GenerationRequest

KEYWORD = "parameters"

_PAIR = re.compile(r'\s*(\w[\w \-/]{0,60}):\s*("(?:\\.|[^\\"])*"|[^,]*)(?:,|$)')
_NEGATIVE = "Negative prompt:"
_SYNTAX = re.compile(r"\([^()]*:\d*\.?\d+\)|<(?:lora|hypernet):[^<>]*>|\[[^\[\]]*\]|\bBREAK\b")
_SCHEDULES = {"Karras": " Karras", "Exponential": " exponential", "Beta": " beta", "SGM Uniform": " trailing"}


class A1111Codec:
    """Reads and writes the `parameters` chunk."""

    name = "A1111"
    fields = frozenset({"num_inference_steps", "scheduler", "guidance_scale", "seeds", "strength"})

    def encode(self, record: Record) -> dict[str, str]:
        """The text; a private picture keeps the line of numbers alone."""
        plan = record.plan
        lines = [] if plan.output.private else [plan.prompt.positive]
        if plan.prompt.negative and not plan.output.private:
            lines.append(f"{_NEGATIVE} {plan.prompt.negative}")
        pairs = ", ".join(f"{key}: {_quoted(value)}" for key, value in _pairs(record).items())
        return {KEYWORD: "\n".join([*lines, pairs])}

    def sniff(self, chunks: Chunks) -> bool:
        """Whether the chunk is there and is not JSON."""
        return KEYWORD in chunks and not chunks[KEYWORD].lstrip().startswith("{")

    def decode(self, chunks: Chunks) -> Recalled:
        """The request; the prompt is kept as text, since its syntax is another one."""
        prompt, negative, pairs = split_parameters(chunks[KEYWORD])
        values: dict[str, Any] = {"prompt": escape(prompt)}
        if negative:
            values["negative_prompt"] = escape(negative)
        missing = [f"{match.group()} stays text" for match in _SYNTAX.finditer(f"{prompt}\n{negative}")]
        known: set[str] = set()
        for field, keys, read in _READERS:
            try:
                value = read(pairs)
            except ValueError:
                continue
            if value is not None:
                values[field] = value
                known.update(keys)
        ignored = {"Version", "Model", "Model hash", "Size"}
        missing += [f"{key}: {value}" for key, value in pairs.items() if key not in known | ignored]
        facts = {key.lower(): pairs[key] for key in ("Model", "Model hash", "Version") if key in pairs}
        return Recalled(program="A1111", request=GenerationRequest.of(values), facts=facts, missing=tuple(missing))


def split_parameters(text: str) -> tuple[str, str, dict[str, str]]:
    """Prompt, negative prompt and the pairs of the last line (none when it holds fewer than three)."""
    *lines, last = text.strip().split("\n")
    pairs = {match[1].strip(): _unquoted(match[2].strip()) for match in _PAIR.finditer(last)}
    if len(pairs) < 3:
        lines, pairs = [*lines, last], {}
    body = "\n".join(lines)
    prompt, _, negative = body.partition(_NEGATIVE)
    return prompt.strip(), negative.strip(), pairs


def _pairs(record: Record) -> dict[str, str]:
    """The pairs in A1111's order."""
    plan, image = record.plan, record.image
    label = plan.sampler.label
    pairs = {"Steps": str(plan.steps.scheduled), "Sampler": label.removesuffix(" Karras")}
    if label.endswith(" Karras"):
        pairs["Schedule type"] = "Karras"
    pairs |= {
        "CFG scale": format_number(plan.guidance_scale),
        "Seed": str(image.seed),
        "Size": str(plan.drawn_size),
    }
    if record.model_sha256:
        pairs["Model hash"] = record.model_sha256[:10]
    pairs["Model"] = plan.model
    if len(image.variations) == 1:
        pairs["Variation seed"] = str(image.variations[0].seed)
        pairs["Variation seed strength"] = format_number(image.variations[0].weight)
    if plan.look.clip_skip:
        pairs["Clip skip"] = str(plan.look.clip_skip + 1)
    if plan.look.seamless:
        pairs["Tiling"] = "True"
    if plan.init is not None and plan.task is not Task.FIX:
        pairs["Denoising strength"] = format_number(plan.strength)
    if plan.after.enlarging:
        pairs["Postprocess upscale by"] = format_number(plan.after.enlarging.factor)
    pairs["RNG"] = "CPU"
    pairs["Version"] = f"{record.program} {record.version}"
    return pairs


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if re.search(r"[,:\n]", value) else value


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    try:
        return str(json.loads(value))
    except ValueError:
        return value


# -- reading one field each ------------------------------------------------------------------------------------------


def _checked(field: str, key: str) -> Callable[[Mapping[str, str]], Any]:
    switch = by_field()[field]
    return lambda pairs: switch.value.parse(pairs[key]) if key in pairs else None


def _sampler(pairs: Mapping[str, str]) -> str | None:
    name = pairs.get("Sampler", "") + _SCHEDULES.get(pairs.get("Schedule type", ""), "")
    return find_sampler(name).name if is_sampler(name) else None


def _side(field: str, index: int) -> Callable[[Mapping[str, str]], Any]:
    def read(pairs: Mapping[str, str]) -> Any:
        match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", pairs.get("Size", ""))
        return by_field()[field].value.parse(match[index]) if match else None

    return read


def _clip_skip(pairs: Mapping[str, str]) -> Any:
    """A1111 counts the layer that is used from the end, from 1."""
    return by_field()["clip_skip"].value.parse(str(int(pairs["Clip skip"]) - 1)) if "Clip skip" in pairs else None


def _variations(pairs: Mapping[str, str]) -> Any:
    if "Variation seed" not in pairs:
        return None
    text = f"{pairs['Variation seed']}:{pairs.get('Variation seed strength', 0)}"
    return by_field()["variations"].value.parse(text)


_READERS: tuple[tuple[str, tuple[str, ...], Callable[[Mapping[str, str]], Any]], ...] = (
    ("num_inference_steps", ("Steps",), _checked("num_inference_steps", "Steps")),
    ("scheduler", ("Sampler", "Schedule type"), _sampler),
    ("guidance_scale", ("CFG scale",), _checked("guidance_scale", "CFG scale")),
    ("seeds", ("Seed",), _checked("seeds", "Seed")),
    ("width", ("Size",), _side("width", 1)),
    ("height", ("Size",), _side("height", 2)),
    ("clip_skip", ("Clip skip",), _clip_skip),
    ("strength", ("Denoising strength",), _checked("strength", "Denoising strength")),
    ("variations", ("Variation seed", "Variation seed strength"), _variations),
)
