"""A1111's parameters, which its kin (Forge, SD.Next) and the picture sites read too: written and read.

In PNG files the `parameters` chunk, elsewhere the EXIF user comment or the file's comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import groupby

from invoke_cli.errors import MetadataError
from invoke_cli.language.switches.numbers import format_number
from invoke_cli.metadata.builder import MetadataBuilder
from invoke_cli.metadata.codec import Chunks, ParsedMetadata, Record
from invoke_cli.metadata.formats.infotext import bracketed, join_parameters, split_parameters
from invoke_cli.metadata.sampler_aliases import AUTOMATIC
from invoke_cli.planning.plan import Task

KEYWORD = "parameters"
PLACES = (KEYWORD, "EXIF:UserComment", "comment")

_EXTRAS = ("postprocessing", "extras")
_WRITTEN_SCHEDULES = {"Karras": "Karras", "exponential": "Exponential", "beta": "Beta", "trailing": "SGM Uniform"}
_KNOWN = {
    "Steps", "Sampler", "Schedule type", "Scheduler", "CFG scale", "Seed", "Size", "Clip skip", "Tiling", "Model",
    "Model hash", "Version", "App", "Denoising strength", "Variation seed", "Variation seed strength", "Variations",
    "RNG", "Size-1", "Size-2", "CFG rescale", "Guidance rescale", "Hashes", "Lora hashes", "Backend", "Parser",
    "Pipeline", "VAE hash", "TI hashes", "Operations", "Raw prompt", "Raw negative prompt",
}  # fmt: skip
_TOGETHER = re.compile(r"ADetailer|ControlNet(?: \d+)?|Hires|Refiner|Regional Prompter|Dynamic thresholding|Mask|FreeU")


class A1111Codec:
    """Reads and writes the text."""

    name = "A1111"
    fields = frozenset(
        {
            "prompt", "negative_prompt", "num_inference_steps", "scheduler", "guidance_scale", "seeds", "width",
            "height", "clip_skip", "strength", "variations", "guidance_rescale",
        }
    )  # fmt: skip

    def encode(self, record: Record) -> dict[str, str]:
        """The text; a private picture keeps the line of numbers alone."""
        prompt, private = record.plan.prompt, record.plan.output.private
        words = ("", "") if private else (bracketed(prompt.positive), bracketed(prompt.negative))
        return {KEYWORD: join_parameters(*words, _pairs(record))}

    def sniff(self, chunks: Chunks) -> bool:
        """Whether one of the texts is there and is not JSON."""
        if any(key in chunks for key in _EXTRAS):
            return True
        return (KEYWORD in chunks and not chunks[KEYWORD].lstrip().startswith("{")) or _text(chunks) is not None

    def decode(self, chunks: Chunks) -> ParsedMetadata:
        """The request; the prompt is kept as text, since its syntax is another one."""
        text = _text(chunks) or chunks.get(KEYWORD)
        if text is None:
            hint = "the picture can still be used with -I"
            raise MetadataError("it says only how it was upscaled in A1111's extras tab", hint=hint)
        recalled = read_parameters(text)
        said = [key for key in _EXTRAS if key in chunks]
        return recalled if not said else _and_missing(recalled, f"{said[0]}: {chunks[said[0]][:100]}")


def read_parameters(text: str, program: str = "") -> ParsedMetadata:
    """What a text of parameters says."""
    prompt, negative, pairs = split_parameters(text)
    draft = MetadataBuilder(program or _program(pairs))
    draft.words(prompt, negative)
    draft.take("num_inference_steps", pairs.get("Steps"), "Steps")
    draft.sampler(pairs.get("Sampler"), pairs.get("Schedule type") or pairs.get("Scheduler"))
    draft.take("guidance_scale", pairs.get("CFG scale"), "CFG scale")
    draft.take("guidance_rescale", pairs.get("CFG rescale") or pairs.get("Guidance rescale"), "CFG rescale")
    draft.take("seeds", pairs.get("Seed"), "Seed")
    read_size(draft, pairs.get("Size"))
    _read_clip_skip(draft, pairs.get("Clip skip"))
    _read_variations(draft, pairs)
    _read_strength(draft, pairs)
    if pairs.get("Tiling") == "True":
        draft.values["seamless"] = True
    draft.model(pairs.get("Model"), pairs.get("Model hash"))
    draft.fact("version", pairs.get("Version"))
    for key, value in _left(pairs):
        draft.lose(key, value)
    return draft.recalled()


def read_size(draft: MetadataBuilder, text: object) -> None:
    """A size such as `512x768`."""
    match = re.fullmatch(r"(\d{1,5}) ?[x×] ?(\d{1,5})", str(text or "").strip())
    if match:
        draft.take("width", match[1], "width")
        draft.take("height", match[2], "height")


def _text(chunks: Chunks) -> str | None:
    """The text of parameters, where one of its places holds one."""
    found = (chunks[key].removeprefix("parameters\0") for key in PLACES if key in chunks)
    return next((text for text in found if not text.lstrip().startswith("{") and split_parameters(text)[2]), None)


def _program(pairs: Mapping[str, str]) -> str:
    """Who wrote the text, as far as it shows."""
    version = pairs.get("Version", "")
    if "App" in pairs:
        return f"{pairs['App']} {version}".strip()
    if re.match(r"f\d|.*forge", version, re.IGNORECASE):
        return f"Forge {version}"
    if not version or version.startswith("v"):
        return f"A1111 {version}".strip()
    return version


def _left(pairs: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What is not known here; the keys of one extension become one entry."""
    rest = [(key, value) for key, value in pairs.items() if key not in _KNOWN]
    for name, entries in groupby(rest, key=lambda pair: match[0] if (match := _TOGETHER.match(pair[0])) else pair[0]):
        several = list(entries)
        if len(several) == 1:
            yield several[0]
        else:
            yield name, ", ".join(f"{key.removeprefix(name).strip()} {value}" for key, value in several)


def _read_clip_skip(draft: MetadataBuilder, text: str | None) -> None:
    """A1111 counts the layer that is used from the end, from 1."""
    if text is not None and re.fullmatch(r"\d{1,3}(\.0)?", text):
        skipped = max(0, int(float(text)) - 1)
        draft.take("clip_skip", skipped or None, "Clip skip")


def _read_variations(draft: MetadataBuilder, pairs: Mapping[str, str]) -> None:
    seed, weight = pairs.get("Variation seed"), pairs.get("Variation seed strength", "0")
    if seed is not None:
        draft.take("variations", f"{seed}:{weight}", "Variation seed")
    draft.take("variations", pairs.get("Variations"), "Variations")


def _read_strength(draft: MetadataBuilder, pairs: Mapping[str, str]) -> None:
    """The strength of image to image; beside the keys of the high-resolution pass it is that pass's."""
    strength = pairs.get("Denoising strength")
    if any(key.startswith("Hires") for key in pairs) or "hires" in pairs.get("Operations", ""):
        draft.lose("strength of the Hires pass", strength)
        return
    draft.strength(strength)


def _and_missing(recalled: ParsedMetadata, text: str) -> ParsedMetadata:
    return replace(recalled, missing=(*recalled.missing, text))


# -- writing ---------------------------------------------------------------------------------------------------------


def _pairs(record: Record) -> dict[str, str]:
    """The pairs in A1111's order."""
    plan, image = record.plan, record.image
    pairs = {"Steps": str(plan.steps.scheduled), **_sampler_pairs(plan.sampler.label)}
    pairs |= {
        "CFG scale": format_number(plan.guidance_scale),
        "Seed": str(image.seed),
        "Size": str(plan.generated_size),
    }
    if record.model_sha256:
        pairs["Model hash"] = record.model_sha256[:10]
    pairs["Model"] = plan.model
    if len(image.variations) == 1:
        pairs["Variation seed"] = str(image.variations[0].seed)
        pairs["Variation seed strength"] = format_number(image.variations[0].weight)
    elif image.variations:
        pairs["Variations"] = ",".join(f"{v.seed}:{format_number(v.weight)}" for v in image.variations)
    if plan.init is not None and plan.task is not Task.POSTPROCESS:
        pairs["Denoising strength"] = format_number(plan.strength)
    if plan.latent_effects.clip_skip:
        pairs["Clip skip"] = str(plan.latent_effects.clip_skip + 1)
    if plan.latent_effects.guidance_rescale:
        pairs["CFG rescale"] = format_number(plan.latent_effects.guidance_rescale)
    if plan.latent_effects.seamless == "xy":
        pairs["Tiling"] = "True"
    if plan.postprocessing.enlarging:
        pairs["Postprocess upscale by"] = format_number(plan.postprocessing.enlarging.factor)
    return pairs | {"RNG": "CPU", "Version": f"{record.program} {record.version}"}


def _sampler_pairs(label: str) -> dict[str, str]:
    """The sampler and its schedule; a plain one is said where A1111 would take another."""
    for ending, schedule in _WRITTEN_SCHEDULES.items():
        if label.endswith(f" {ending}"):
            return {"Sampler": label.removesuffix(f" {ending}"), "Schedule type": schedule}
    key = label.lower().replace("dpm++", "dpmpp").replace(" ", "_")
    return {"Sampler": label, "Schedule type": "Uniform"} if key in AUTOMATIC else {"Sampler": label}
