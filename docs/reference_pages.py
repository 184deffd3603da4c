"""The pages of the reference, each from one table of the program."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from docs.markdown import code, table
from invoke_cli.commands.table import COMMAND_GROUPS
from invoke_cli.context.paths import PACKAGE
from invoke_cli.errors import ExitStatus
from invoke_cli.language.help.keys import KEYS, When
from invoke_cli.language.help.render import launch_usage, usage
from invoke_cli.language.switches.launch import LAUNCH_OPTIONS
from invoke_cli.language.switches.rejected import REJECTED_SWITCHES
from invoke_cli.language.switches.switch import Group, Needs
from invoke_cli.language.switches.table import SWITCHES, by_field
from invoke_cli.metadata.codec import Codec, ReadOnlyFormat
from invoke_cli.metadata.codecs import CODECS
from invoke_cli.models.families.family import Family, StrengthRule
from invoke_cli.models.families.table import FAMILIES
from invoke_cli.models.samplers import SAMPLERS, WITHOUT_SCHEDULER

EXIT_STATUSES: Mapping[ExitStatus, str] = {
    ExitStatus.OK: "everything succeeded",
    ExitStatus.FAILED: "a line failed (the other lines were run), or `!verify` found a difference",
    ExitStatus.USAGE: "a one-shot line or a launch option could not be parsed",
    ExitStatus.INTERRUPTED: "interrupted by Ctrl-C or SIGTERM; finished images are kept",
}


def switches_page() -> str:
    """Return the page of the switches, by group."""
    parts = [
        "# Switches\n\nA switch may be written with its value glued (`-s20`), after a blank (`-s 20`) or after an "
        "equals sign (`--steps=20`). Long names may be abbreviated while they are unique. `!help NAME` shows one "
        "switch at the prompt. The defaults are the program's; a model's family and its entry in `models.yaml` may set "
        "others, and `!show` prints the values that the next line would use.",
    ]
    for group in Group:
        rows = [
            (code(usage(row)), row.help + _needed(row.needs), code(row.default))
            for row in SWITCHES
            if row.group is group
        ]
        parts.append(f"## {group.value.capitalize()}\n\n{table(('switch', 'what it does', 'default'), rows)}")
    rejected = [(", ".join(map(code, row.flags)), row.what, row.instead) for row in REJECTED_SWITCHES]
    parts.append(
        "## Rejected switches\n\nThese switches of InvokeAI 2.x and AUTOMATIC1111 are recognised, and rejected with an "
        f"error that names the replacement.\n\n{table(('switch', 'what it did', 'instead'), rejected)}"
    )
    return "\n\n".join(parts)


def _needed(needs: Needs) -> str:
    return "" if needs is Needs.NOTHING else f" (needs {needs.value})"


def commands_page() -> str:
    """Return the page of the `!` commands, by theme."""
    parts = [
        "# Commands\n\nA line that begins with `!` is a command. The first letters of a name are enough while they are "
        "unique. Images are named alike everywhere: by number (`17`, `!17`), by recall (`-1`, `@last`, `@last2`), by "
        "path, or by the start of a file name. `!help NAME` shows one command at the prompt."
    ]
    for theme, commands in COMMAND_GROUPS.items():
        rows = [(code(row.synopsis), row.help) for row in commands]
        if theme == [*COMMAND_GROUPS][-1]:
            rows += [(code("!17"), "load the line of image 17 into the next prompt"), (code("q, quit, exit"), "quit")]
        parts.append(f"## {theme.capitalize()}\n\n{table(('command', 'what it does'), rows)}")
    return "\n\n".join(parts)


def launch_options_page() -> str:
    """Return the page of the launch options."""
    rows = [(code(launch_usage(row)), row.help, "yes" if row.in_init else "") for row in LAUNCH_OPTIONS]
    return (
        "# Launch options\n\nThese options are given when the program starts. Options marked in the last column may "
        "also stand in `invoke.init`, one or several on a line. Any [switch](switches.md) that is given at launch "
        "without a prompt becomes a default of the session. Precedence, lowest first: program, family, model entry, "
        f"`invoke.init`, launch, `!set`, the line.\n\n{table(('option', 'what it does', 'in invoke.init'), rows)}"
    )


def keys_page() -> str:
    """Return the page of the key bindings of the prompt."""
    parts = ["# Keys\n\nThe key bindings of the `invoke>` prompt."]
    for when in When:
        rows = [(row.shown, row.help) for row in KEYS if row.when is when]
        parts.append(f"## {when.value.capitalize()}\n\n{table(('key', 'what it does'), rows)}")
    return "\n\n".join(parts)


def samplers_page() -> str:
    """Return the page of the samplers."""
    rows = [
        (
            code(row.name),
            row.label,
            ", ".join(map(code, row.aliases)),
            code(row.karras),
            row.scheduler,
            ", ".join(_sampler_notes(row.calls, row.with_init)),
        )
        for row in SAMPLERS
    ]
    headings = ("sampler", "name in A1111", "other names", "with Karras sigmas", "class in diffusers", "notes")
    nearest = ", ".join(f"`{name}` (closest: `{near}`)" for name, near in WITHOUT_SCHEDULER.items())
    return (
        "# Samplers\n\n`-A NAME` selects the sampler. The names of InvokeAI 2.x, InvokeAI 6 and AUTOMATIC1111 are "
        'accepted (`-A k_euler`, `-A euler`, `-A "DPM++ 2M Karras"`). A name with Karras sigmas also takes the '
        "suffixes `_exponential`, `_beta` and `_trailing` for other schedules (`k_euler_beta`).\n\n"
        f"{table(headings, rows)}\n\nWithout a counterpart in diffusers: {nearest}."
    )


def _sampler_notes(calls: int, with_init: str) -> Iterator[str]:
    if calls > 1:
        yield f"{calls} model calls per step"
    if with_init:
        yield f"`{with_init}` replaces it with an init image"


def families_page() -> str:
    """Return the page of the model families."""
    rows = [
        (
            f"[{row.label}](#{row.name.replace('.', '')})",
            f"{row.native_size}",
            *("yes" if name else "" for name in (row.text_to_image, row.image_to_image, row.inpaint, row.controlled)),
            code(row.defaults),
        )
        for row in FAMILIES
    ]
    headings = ("family", "native size", "text to image", "image to image", "inpainting", "control", "defaults")
    details = "\n\n".join(_family_details(row) for row in FAMILIES)
    return (
        "# Model families\n\nThe family of a model is detected from its folder or file; `!model NAME` shows it. The "
        "native size is the side of a square image, in pixels, unless the model's own config states another. An "
        "unsupported switch is an error that names it, before any weights are loaded.\n\n"
        f"{table(headings, rows)}\n\n{details}"
    )


def _family_details(family: Family) -> str:
    facts = [
        ("pipelines", ", ".join(map(code, family.pipelines))),
        ("sides", f"multiples of {family.multiple} pixels, at least {family.smallest}"),
        ("prompt", f"{family.max_tokens} tokens, start and end tokens included"),
        ("samplers", ", ".join(map(code, family.samplers)) or "all"),
        ("image to image", _image_to_image(family)),
        ("instead", family.alternative),
    ]
    lines = [f"- {name}: {text}" for name, text in facts if text]
    refused = [(code(by_field()[name].name), reason) for name, reason in family.refuses.items()]
    unsupported = f"\n\n{table(('unsupported switch', 'reason'), refused)}" if refused else ""
    return f"## {family.name}\n\n{family.label}\n\n" + "\n".join(lines) + unsupported


def _image_to_image(family: Family) -> str:
    if family.is_instruction:
        return "the prompt is an instruction; there is no strength"
    if family.strength is StrengthRule.SHORT and family.image_to_image:
        return "all steps run, on a schedule that begins at the strength"
    return ""


def metadata_page() -> str:
    """Return the page of the metadata formats and of the names in `sd-metadata`."""
    formats = [(row.name, "" if isinstance(row, ReadOnlyFormat) else "yes", _summary(row)) for row in CODECS]
    recorded = [(code(row.recorded), code(row.spelling), code(row.name)) for row in SWITCHES if row.recorded]
    written = [
        (code("Dream"), "the line that generates the image, as InvokeAI 2.x wrote it"),
        (
            code("sd-metadata"),
            "JSON in the shape of InvokeAI 2.x, with everything that an exact replay needs: steps taken, hashes of "
            "the model and the inputs, versions, device, dtype, threads and batch",
        ),
        (code("parameters"), "text that AUTOMATIC1111, related programs and image sites read"),
        ("XMP", "the digital source type of the IPTC and its fields for generated images"),
    ]
    return (
        "# Metadata formats\n\n## What is written\n\nEvery PNG carries four texts. They hold base names and hashes, "
        "never absolute paths. `--private` leaves out the prompt and all names; `--no_metadata` leaves out "
        "everything.\n\n"
        f"{table(('text', 'content'), written)}\n\n"
        "## What is read\n\n`!info`, `!fetch`, `!replay` and `-I` read these formats from PNG, JPEG, WebP and GIF "
        "files, tried in this order. What a line cannot express is listed by `!info`.\n\n"
        f"{table(('format', 'also written', 'what it is'), formats)}\n\n"
        "## Names in `sd-metadata`\n\nThe settings of an image are stored under these names.\n\n"
        f"{table(('name', 'switch', 'long name'), recorded)}"
    )


def _summary(codec: Codec) -> str:
    """Return the first paragraph of the docstring of a format's module, without its verb."""
    source = codec.decode if isinstance(codec, ReadOnlyFormat) else type(codec)
    text = inspect.getdoc(sys.modules[source.__module__]) or ""
    paragraph = " ".join(text.split("\n\n")[0].split())
    for verb in ("Read and write ", "Write and read ", "Read "):
        if paragraph.startswith(verb):
            return paragraph.removeprefix(verb).rstrip(".")
    return paragraph.rstrip(".")


def json_events_page() -> str:
    """Return the page of the events of `--json`, from their JSON Schema."""
    schema = json.loads((PACKAGE / "assets" / "events.schema.json").read_text(encoding="utf-8"))
    parts = [
        f"# JSON events\n\n{schema['title']}. Each event is an object whose key `event` names its kind. "
        f"{schema['description']} `invoke '!help schema'` prints the JSON Schema."
    ]
    parts += [_fields_section(event, "##") for event in schema["oneOf"]]
    (message,) = (event for event in schema["oneOf"] if event["title"] == "message")
    parts.append("## Items\n\nThe items of a message are objects whose key `kind` names what they describe.")
    parts += [_fields_section(item, "###") for item in message["properties"]["items"]["items"]["oneOf"]]
    return "\n\n".join(parts)


def _fields_section(schema: Mapping[str, Any], mark: str) -> str:
    """Return the section of an event or an item, with a table of its fields."""
    rows = list(_field_rows(schema))
    fields = f"\n\n{table(('field', 'type', 'meaning'), rows)}" if rows else ""
    return f"{mark} `{schema['title']}`\n\n{schema['description']}{fields}"


def _field_rows(schema: Mapping[str, Any], prefix: str = "") -> Iterator[Sequence[str]]:
    required = schema.get("required", ())
    for name, about in schema.get("properties", {}).items():
        if not prefix and name in ("event", "kind") and "const" in about:
            continue
        optional = "" if name in required else " (optional)"
        yield code(prefix + name), _type_of(about) + optional, about.get("description", "")
        yield from _field_rows(about, f"{prefix}{name}.")


def _type_of(about: Mapping[str, Any]) -> str:
    if "enum" in about:
        return "one of " + ", ".join(code(str(value)) for value in about["enum"])
    if "const" in about:
        return code(str(about["const"]))
    kinds = about.get("type", "any")
    text = kinds if isinstance(kinds, str) else " or ".join(kinds)
    items = about.get("items", {})
    return f"{text} of {_type_of(items)}" if text == "array" and items.get("type") else str(text)


def exit_status_page() -> str:
    """Return the page of the exit statuses."""
    rows = [(str(int(status)), text) for status, text in EXIT_STATUSES.items()]
    return f"# Exit status\n\n{table(('status', 'meaning'), rows)}"
