"""File names from templates: `{prefix}.{seed}.png` and whatever else a user composes, safe on every system."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from typing import Any

from invoke_cli.errors import InvokeError, OutputError
from invoke_cli.language.grammar.line import Generation, parse
from invoke_cli.planning.plan import ImagePlan, Plan
from invoke_cli.request import GenerationRequest

MAX_NAME = 200

_UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f]')
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?$")


_SAMPLE: dict[str, object] = {
    "prefix": "000001", "number": 1, "seed": 1, "prompt": "a cat", "strength": 0.75, "steps": 30, "cfg_scale": 7.5,
    "sampler": "ddim", "model": "model", "width": 512, "height": 512, "source": "sketch",
}  # fmt: skip


class _Template(string.Formatter):
    """Python's templates, with `{prompt:40}` meaning at most 40 characters, and nothing reachable but the fields."""

    def get_field(self, field_name: str, args: Any, kwargs: Mapping[str, Any]) -> Any:  # noqa: ARG002
        if field_name not in kwargs:
            known = ", ".join(kwargs)
            raise OutputError(f"--fnformat knows no field {field_name!r}", hint=f"fields: {known}", field="name_format")
        return kwargs[field_name], field_name

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, str):
            limit = int(format_spec) if format_spec.isdigit() else MAX_NAME
            return safe(value)[:limit].strip()
        return safe(format(value, format_spec))


def file_name(template: str, fields: Mapping[str, object]) -> str:
    """The name that a template gives, possibly with folders in front, ending in .png; OutputError for a bad one."""
    try:
        name = _Template().vformat(template, (), fields)
    except (ValueError, KeyError, IndexError) as error:
        hint = "for example {prefix}.{seed}.{prompt:40}.png"
        raise OutputError(f"--fnformat cannot be used: {error}", hint=hint, field="name_format") from None
    parts = [part for part in name.split("/") if part not in ("", ".", "..")]
    if not parts:
        raise OutputError("--fnformat gives an empty name", hint="for example {prefix}.{seed}.png", field="name_format")
    if not parts[-1].lower().endswith(".png"):
        parts[-1] += ".png"
    return "/".join(_component(part) for part in parts)


def check_template(template: str) -> None:
    """OutputError when a template cannot give a name; to be asked before the work is done."""
    file_name(template, _SAMPLE)


def safe(text: str) -> str:
    """Text without the characters that some system forbids in names."""
    return _UNSAFE.sub("_", text)


def prompt_folder(prompt: str) -> str:
    """The folder for a prompt, for --prompt_as_dir."""
    return _component(safe(prompt)[:MAX_NAME].strip()) or "empty prompt"


def _component(part: str) -> str:
    stem, dot, suffix = part.rpartition(".") if part.lower().endswith(".png") else (part, "", "")
    encoded = stem.encode("utf-8")[:MAX_NAME].decode("utf-8", errors="ignore").rstrip(" .")
    if _RESERVED.match(encoded):
        encoded = f"_{encoded}"
    return f"{encoded or '_'}{dot}{suffix}"


def names_of(number: int, line: str, seed: int) -> dict[str, object]:
    """The fields that a template can use for an image of the history, from its line; of a chain the first prompt and
    the last settings.
    """
    try:
        parsed = parse(line)
    except InvokeError:
        parsed = None
    stages = [stage.request for stage in parsed.stages] if isinstance(parsed, Generation) else [GenerationRequest()]
    last = stages[-1]
    said = {
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
    return {"prefix": f"{number:06d}", "number": number, "seed": seed, **said}


def fields_of(plan: Plan, image: ImagePlan, number: int) -> dict[str, object]:
    """The fields that a template can use for an image."""
    source = plan.resume or plan.init
    return {
        "prefix": f"{number:06d}",
        "number": number,
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
    }
