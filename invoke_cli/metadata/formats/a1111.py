"""Read and write A1111's parameters, which related programs (Forge, SD.Next) and image sites read, too.

In PNG files they are the `parameters` chunk, elsewhere the EXIF user comment or the file's comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import PurePath

from invoke_cli.errors import MetadataError
from invoke_cli.language.switches.numbers import format_number
from invoke_cli.metadata.builder import MetadataBuilder
from invoke_cli.metadata.codec import Chunks, ParsedMetadata, Record
from invoke_cli.metadata.formats.civitai import CIVITAI_KEYS, read_resources
from invoke_cli.metadata.formats.infotext import escape_brackets, join_parameters, split_parameters
from invoke_cli.metadata.sampler_aliases import AUTOMATIC
from invoke_cli.planning.plan import LoraUse, Plan, Task
from invoke_cli.request import Variation
from invoke_cli.version import RECORDED_METHODS

KEYWORD = "parameters"
PLACES = (KEYWORD, "EXIF:UserComment", "comment")

_EXTRAS = ("postprocessing", "extras")
_WRITTEN_SCHEDULES = {"Karras": "Karras", "exponential": "Exponential", "beta": "Beta", "trailing": "SGM Uniform"}
_KNOWN = {
    "Steps", "Sampler", "Schedule type", "Scheduler", "CFG scale", "Seed", "Size", "Clip skip", "Tiling", "Model",
    "Model hash", "Version", "App", "Denoising strength", "Variation seed", "Variation seed strength", "Variations",
    "RNG", "Size-1", "Size-2", "CFG rescale", "Guidance rescale", "Backend", "Parser",
    "Pipeline", "VAE hash", "TI hashes", "Operations", "Raw prompt", "Raw negative prompt",
}  # fmt: skip
_EXTENSIONS = re.compile(
    r"ADetailer|ControlNet(?: \d+)?|Hires|Refiner|Regional Prompter|Dynamic thresholding|Mask|FreeU"
)


class A1111Codec:
    """Reads and writes the parameters."""

    name = "A1111"
    fields = frozenset(
        {
            "prompt", "negative_prompt", "num_inference_steps", "scheduler", "guidance_scale", "seeds", "width",
            "height", "clip_skip", "strength", "variations", "guidance_rescale",
        }
    )  # fmt: skip

    def encode(self, record: Record) -> dict[str, str]:
        """Return the parameters; a private image keeps only the numbers."""
        prompt, private = record.plan.prompt, record.plan.output.private
        texts = ("", "") if private else (escape_brackets(prompt.positive), escape_brackets(prompt.negative))
        positive = " ".join(filter(None, [texts[0], *_lora_tags(record.plan)]))
        return {KEYWORD: join_parameters(positive, texts[1], _pairs(record))}

    def sniff(self, chunks: Chunks) -> bool:
        """Return whether one of the texts is present and is not JSON."""
        if any(key in chunks for key in _EXTRAS):
            return True
        return (KEYWORD in chunks and not chunks[KEYWORD].lstrip().startswith("{")) or _text(chunks) is not None

    def decode(self, chunks: Chunks) -> ParsedMetadata:
        """Parse the parameters; the prompt is kept as text, since its syntax differs from ours."""
        text = _text(chunks) or chunks.get(KEYWORD)
        if text is None:
            hint = "the image can still be used with -I"
            raise MetadataError("its metadata covers only the upscaling in A1111's extras tab", hint=hint)
        parsed = read_parameters(text)
        extras = [key for key in _EXTRAS if key in chunks]
        return parsed if not extras else _with_missing(parsed, f"{extras[0]}: {chunks[extras[0]][:100]}")


def read_parameters(text: str, program: str = "") -> ParsedMetadata:
    """Parse A1111's parameters; `program` overrides the program's name."""
    prompt, negative, pairs = split_parameters(text)
    builder = MetadataBuilder(program or _program(pairs))
    builder.foreign_prompts(prompt, negative)
    builder.take("num_inference_steps", pairs.get("Steps"), "Steps")
    builder.sampler(pairs.get("Sampler"), pairs.get("Schedule type") or pairs.get("Scheduler"))
    builder.take("guidance_scale", pairs.get("CFG scale"), "CFG scale")
    builder.take("guidance_rescale", pairs.get("CFG rescale") or pairs.get("Guidance rescale"), "CFG rescale")
    builder.take("seeds", pairs.get("Seed"), "Seed")
    read_size(builder, pairs.get("Size"))
    _read_clip_skip(builder, pairs.get("Clip skip"))
    _read_variations(builder, pairs)
    _read_strength(builder, pairs)
    if pairs.get("Tiling") == "True":
        builder.values["seamless"] = True
    builder.model(pairs.get("Model"), pairs.get("Model hash"))
    read_resources(builder, pairs)
    builder.add_fact("version", pairs.get("Version"))
    for key, value in _unknown_pairs(pairs):
        builder.drop(key, value)
    return builder.build()


def read_size(builder: MetadataBuilder, text: object) -> None:
    """Set the size from text such as `512x768`."""
    match = re.fullmatch(r"(\d{1,5}) ?[x×] ?(\d{1,5})", str(text or "").strip())
    if match:
        builder.take("width", match[1], "width")
        builder.take("height", match[2], "height")


def _text(chunks: Chunks) -> str | None:
    """Return the parameters from the first place that contains any."""
    found = (chunks[key].removeprefix("parameters\0") for key in PLACES if key in chunks)
    return next((text for text in found if not text.lstrip().startswith("{") and split_parameters(text)[2]), None)


def _program(pairs: Mapping[str, str]) -> str:
    """Guess the program that wrote the text."""
    version = pairs.get("Version", "")
    if "App" in pairs:
        return f"{pairs['App']} {version}".strip()
    if re.match(r"f\d|.*forge", version, re.IGNORECASE):
        return f"Forge {version}"
    if not version or version.startswith("v"):
        return f"A1111 {version}".strip()
    return version


def _unknown_pairs(pairs: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the unknown pairs; the keys of one extension become one entry."""
    rest = [(key, value) for key, value in pairs.items() if key not in _KNOWN and key not in CIVITAI_KEYS]
    for name, entries in groupby(rest, key=lambda pair: match[0] if (match := _EXTENSIONS.match(pair[0])) else pair[0]):
        group = list(entries)
        if len(group) == 1:
            yield group[0]
        else:
            yield name, ", ".join(f"{key.removeprefix(name).strip()} {value}" for key, value in group)


def _read_clip_skip(builder: MetadataBuilder, text: str | None) -> None:
    """Set clip_skip; A1111 stores the number of the layer from the end, starting at 1."""
    if text is not None and re.fullmatch(r"\d{1,3}(\.0)?", text):
        skipped = max(0, int(float(text)) - 1)
        builder.take("clip_skip", skipped or None, "Clip skip")


def _read_variations(builder: MetadataBuilder, pairs: Mapping[str, str]) -> None:
    seed, weight = pairs.get("Variation seed"), pairs.get("Variation seed strength", "0")
    if seed is not None:
        builder.take("variations", f"{seed}:{weight}", "Variation seed")
    builder.take("variations", pairs.get("Variations"), "Variations")


def _read_strength(builder: MetadataBuilder, pairs: Mapping[str, str]) -> None:
    """Set the strength of image to image; with the keys of the high-resolution pass it belongs to that pass."""
    strength = pairs.get("Denoising strength")
    if any(key.startswith("Hires") for key in pairs) or "hires" in pairs.get("Operations", ""):
        builder.drop("strength of the Hires pass", strength)
        return
    builder.strength(strength)


def _with_missing(parsed: ParsedMetadata, text: str) -> ParsedMetadata:
    return replace(parsed, missing=(*parsed.missing, text))


# -- writing ---------------------------------------------------------------------------------------------------------


def _variation_pairs(variations: Sequence[Variation]) -> dict[str, str]:
    if len(variations) == 1:
        strength = format_number(variations[0].weight)
        return {"Variation seed": str(variations[0].seed), "Variation seed strength": strength}
    if variations:
        return {"Variations": ",".join(f"{v.seed}:{format_number(v.weight)}" for v in variations)}
    return {}


def _written_loras(plan: Plan) -> Mapping[str, LoraUse]:
    """Return the LoRAs to write, by the names that A1111 gives them: without folders."""
    if plan.output.private or plan.schema_version < RECORDED_METHODS:
        return {}
    named = {PurePath(use.name).name: use for use in plan.loras}
    return {name: use for name, use in named.items() if not set("<>:,") & set(name)}


def _lora_tags(plan: Plan) -> Iterator[str]:
    for name, use in _written_loras(plan).items():
        yield f"<lora:{name}:{format_number(use.weight)}>"


def _method_pairs(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield the upscaler, and the hashes of the LoRAs as sites look them up."""
    if plan.schema_version < RECORDED_METHODS:
        return
    enlarging = plan.postprocessing.enlarging
    if enlarging is not None and not plan.output.private:
        yield "Postprocess upscaler", str(enlarging.facts()[0]["upscaler"])
    hashes = [f"{name}: {use.sha256[:10]}" for name, use in _written_loras(plan).items() if use.sha256]
    if hashes:
        yield "Lora hashes", ", ".join(hashes)


def _pairs(record: Record) -> dict[str, str]:
    """Return the pairs in A1111's order."""
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
    pairs |= _variation_pairs(image.variations)
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
    pairs |= dict(_method_pairs(plan))
    return pairs | {"RNG": "CPU", "Version": f"{record.program} {record.version}"}


def _sampler_pairs(label: str) -> dict[str, str]:
    """Return the sampler and its schedule; a plain schedule is written where A1111 would choose another."""
    for ending, schedule in _WRITTEN_SCHEDULES.items():
        if label.endswith(f" {ending}"):
            return {"Sampler": label.removesuffix(f" {ending}"), "Schedule type": schedule}
    key = label.lower().replace("dpm++", "dpmpp").replace(" ", "_")
    return {"Sampler": label, "Schedule type": "Uniform"} if key in AUTOMATIC else {"Sampler": label}
