"""File names from templates such as `{prefix}.{seed}.png`, valid on every operating system."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from pathlib import PureWindowsPath
from typing import Any

from invoke_cli.errors import InvokeError, OutputError
from invoke_cli.language.grammar.line import Generation, parse
from invoke_cli.output.entries import Entry
from invoke_cli.output.line_images import Place
from invoke_cli.planning.plan import ImagePlan, Plan
from invoke_cli.request import GenerationRequest

MAX_NAME = 200

_UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f]')
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?$")


_SAMPLE_FIELDS: dict[str, object] = {
    "prefix": "000001", "number": 1, "line": "000001", "letter": "a", "index": 1,
    "seed": 1, "prompt": "a cat", "strength": 0.75, "steps": 30, "cfg_scale": 7.5,
    "sampler": "ddim", "model": "model", "width": 512, "height": 512, "source": "sketch",
    "sampler_name": "ddim", "model_id": "model", "threshold": 0.0, "perlin": 0.0, "upscale": "None",
    "gfpgan_strength": 0.0, "facetool_strength": 0.0, "variation_amount": 0.0, "hires_fix": False, "seamless": False,
    "iterations": 1,
}  # fmt: skip


class _Template(string.Formatter):
    """A Python format template. `{prompt:40}` means at most 40 characters; only the fields are accessible."""

    def get_field(self, field_name: str, args: Any, kwargs: Mapping[str, Any]) -> Any:  # noqa: ARG002
        if field_name not in kwargs:
            known = ", ".join(kwargs)
            raise OutputError(f"--fnformat has no field {field_name!r}", hint=f"fields: {known}", field="name_format")
        return kwargs[field_name], field_name

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, str):
            limit = int(format_spec) if format_spec.isdigit() else MAX_NAME
            return safe_name(value)[:limit].strip()
        return safe_name(format(value, format_spec))


def file_name(template: str, fields: Mapping[str, object]) -> str:
    """Format a template as a file name ending in .png, optionally with folders.

    Raises:
        OutputError: The template is invalid.
    """
    _check_folders(template)
    try:
        name = _Template().vformat(template, (), fields)
    except (ValueError, KeyError, IndexError) as error:
        hint = "for example {prefix}.{seed}.{prompt:40}.png"
        raise OutputError(f"invalid --fnformat: {error}", hint=hint, field="name_format") from None
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if not parts:
        raise OutputError(
            "--fnformat results in an empty name", hint="for example {prefix}.{seed}.png", field="name_format"
        )
    if not parts[-1].lower().endswith(".png"):
        parts[-1] += ".png"
    return "/".join(_component(part) for part in parts)


def _check_folders(template: str) -> None:
    """Raise OutputError for a template that leads out of the output folder."""
    is_absolute = PureWindowsPath(template).drive or template.startswith(("/", "\\", "~"))
    if is_absolute or ".." in re.split(r"[/\\]", template):
        message = "--fnformat leads out of the output folder"
        raise OutputError(message, hint="choose the folder with -o: -o ../results", field="name_format")


def named_by_source(template: str) -> str:
    """Return the template with the name of the init image after the number: `000005.photo3.7.png`."""
    return template.replace("{prefix}", "{prefix}.{source}", 1)


def check_template(template: str) -> None:
    """Raise OutputError for an invalid template, before anything is generated."""
    file_name(template, _SAMPLE_FIELDS)


def safe_name(text: str) -> str:
    """Replace the characters that an operating system forbids in file names."""
    return _UNSAFE.sub("_", text)


def prompt_folder(prompt: str) -> str:
    """Return the folder name for a prompt (--prompt_as_dir)."""
    return _component(safe_name(prompt)[:MAX_NAME].strip()) or "empty prompt"


def _component(part: str) -> str:
    stem, dot, suffix = part.rpartition(".") if part.lower().endswith(".png") else (part, "", "")
    encoded = stem.encode("utf-8")[:MAX_NAME].decode("utf-8", errors="ignore").rstrip(" .")
    if _RESERVED.match(encoded):
        encoded = f"_{encoded}"
    return f"{encoded or '_'}{dot}{suffix}"


def _stage_requests(line: str) -> list[GenerationRequest]:
    """Return the requests of a line's stages; one empty request if it is no valid line of images."""
    try:
        parsed = parse(line)
    except InvokeError:
        return [GenerationRequest()]
    return [stage.request for stage in parsed.stages] if isinstance(parsed, Generation) else [GenerationRequest()]


def fields_from_line(entry: Entry, place: Place) -> dict[str, object]:
    """Return the template fields of an image of the history, from its line. For a chain these are the first prompt and
    the last settings.
    """
    stages = _stage_requests(entry.line)
    last = stages[-1]
    settings = {
        "prompt": stages[0].prompt or "",
        "strength": last.strength if last.strength is not None else 1.0,
        "steps": last.num_inference_steps or 0,
        "cfg_scale": last.guidance_scale or 0,
        "sampler": last.scheduler or "",
        "model": last.model or "",
        "width": last.width or 0,
        "height": last.height or 0,
        "source": (stages[0].init_image or "").rsplit(".", 1)[0],
    }
    settings |= _legacy_fields(last, str(settings["sampler"]), str(settings["model"]))
    return {**_numbers(entry.number, place), "seed": entry.seed, **settings}


def _numbers(number: int, place: Place) -> dict[str, object]:
    """Return the fields of an image's number and of its place among the images of its line."""
    line = {"line": f"{place.line:06d}", "letter": place.letter, "index": place.index}
    return {"prefix": f"{number:06d}", "number": number, **line}


def fields_from_plan(stages: Sequence[tuple[Plan, ImagePlan]], number: int, place: Place) -> dict[str, object]:
    """Return the template fields of a planned image: the settings of the last stage, seed and source of the first."""
    (first, image), (plan, _) = stages[0], stages[-1]
    source = first.resume or first.init
    return {
        **_numbers(number, place),
        "seed": image.seed,
        "prompt": "" if plan.output.private else plan.prompt.positive,
        "strength": plan.strength,
        "steps": plan.steps.scheduled,
        "cfg_scale": plan.guidance_scale,
        "sampler": plan.sampler.name,
        "model": plan.model,
        "width": plan.result_size.width,
        "height": plan.result_size.height,
        "source": "" if source is None or plan.output.private else source.name.rsplit(".", 1)[0],
        **_legacy_fields(plan.request, plan.sampler.name, plan.model),
    }


def _legacy_fields(request: GenerationRequest, sampler: str, model: str) -> dict[str, object]:
    """Return the further fields of InvokeAI 2.x, formatted as it did: decimals with a point, `None` for no value."""
    return {
        "sampler_name": sampler,
        "model_id": model,
        "threshold": request.threshold or 0.0,
        "perlin": request.perlin or 0.0,
        "upscale": "x".join(f"{number:g}" for number in request.upscale) if request.upscale else "None",
        "gfpgan_strength": request.facetool_strength or 0.0,
        "facetool_strength": request.facetool_strength or 0.0,
        "variation_amount": request.variation_amount or 0.0,
        "hires_fix": bool(request.hires_fix),
        "seamless": bool(request.seamless),
        "iterations": request.num_images or 1,
    }
