"""`!help`: pages that are generated from the tables and the topics."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from invoke_cli.commands.command import Call, Command
from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import PACKAGE, read_text
from invoke_cli.errors import CommandError
from invoke_cli.language.grammar.names import nearest
from invoke_cli.language.grammar.spellings import all_spellings
from invoke_cli.language.help import render as pages
from invoke_cli.language.help.first_screen import PROMPT_EXAMPLES, first_screen
from invoke_cli.language.help.keys import KEYS, When
from invoke_cli.language.help.topics import TOPICS
from invoke_cli.language.switches.switch import Switch
from invoke_cli.models.recommended import RecommendedModel
from invoke_cli.models.samplers import WITHOUT_SCHEDULER, all_samplers

_SCHEMA = "schema"  # the page that a program reads
_MODELS = "models"


def show_help(context: SessionContext, call: Call) -> None:
    """Show the overview, the page of a topic, or the help on one switch or command."""
    topic = " ".join(call.words)
    page = Page(
        width=context.streams.width(),
        defaults=context.settings.model_defaults(),
        commands=call.commands(),
        recommended=tuple(context.settings.recommended_models()) if topic.lower() == _MODELS else (),
    )
    context.say(help_text(topic, page), paged=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """What the pages depend on.

    Attributes:
        width: The columns of the window.
        defaults: The defaults of the model in use, by field, as they would be typed.
        commands: The commands.
        recommended: The models to begin with.
    """

    width: int = pages.WIDTH
    defaults: Mapping[str, str] = field(default_factory=dict)
    commands: Sequence[Command] = ()
    recommended: Sequence[RecommendedModel] = ()

    def table(self, rows: Sequence[pages.Row]) -> str:
        """Return rows as two columns."""
        return pages.columns(rows, self.width)


def help_text(topic: str, shown: Page) -> str:
    """Return the page of a topic, switch or command. Raises CommandError, with the topics, if there is none."""
    page = _pages(shown).get(topic.lower())
    if page is not None:
        return page() if topic == _SCHEMA else pages.fit(page(), shown.width)
    switch = _find_switch(topic)
    if switch is not None:
        return shown.table([(pages.usage(switch), pages.switch_description(switch, shown.defaults))])
    command = topic.lower().lstrip("!")
    rows = [row for row in command_rows(shown.commands) if row[0].split()[0] == f"!{command}"]
    if rows:
        return shown.table(rows)
    suggestion = nearest(topic.lower(), topic_names())
    hint = f"did you mean {suggestion}? " if suggestion else ""
    raise CommandError(f"no help on {topic[:40]!r}", hint=hint + f"topics: {', '.join(topic_names())}")


def _recommended(shown: Page) -> str:
    """Return the models to begin with, from the smallest to the largest, and how to get them."""
    rows: list[pages.Row] = []
    for model in shown.recommended:
        gate = f" First {model.gate}." if model.gate else ""
        text = (
            f"{model.about}. {model.command} downloads about {model.download}; needs {model.memory}. {model.licence}."
        )
        rows.append((model.name, text + gate))
    return f"Models to begin with, from the least memory to the most:\n{shown.table(rows)}" if rows else ""


def _find_switch(topic: str) -> Switch | None:
    """Return the switch of this name, with or without dashes; -c and -C are different switches."""
    words = (f"{dashes}{spelling}" for spelling in (topic, topic.lower()) for dashes in ("", "-", "--"))
    return next((all_spellings()[word] for word in words if word in all_spellings()), None)


def topic_names() -> list[str]:
    """Return the names of the topics, in order."""
    return [name for name in _pages(Page()) if name]


def command_rows(commands: Sequence[Command]) -> list[pages.Row]:
    """Return the synopsis and the description of each command."""
    rows = [(command.synopsis, command.help) for command in commands]
    return [*rows, ("!17", "load the line of image 17 into the next prompt"), ("q, quit, exit", "quit")]


def _pages(shown: Page) -> Mapping[str, Callable[[], str]]:
    texts = {name: (lambda text=text: text) for name, text in TOPICS.items()}
    return {
        "": lambda: _overview(shown),
        "switches": lambda: pages.switch_help(width=shown.width, defaults=shown.defaults),
        "commands": lambda: shown.table(command_rows(shown.commands)),
        "samplers": lambda: _samplers(shown),
        **texts,
        _MODELS: lambda: f"{TOPICS[_MODELS]}\n\n{_recommended(shown)}".rstrip(),
        "keys": lambda: _keys(shown),
        "json": lambda: _events(shown),
        _SCHEMA: _schema_text,
        "launch": lambda: pages.launch_help(shown.width),
        "gone": lambda: pages.rejected_help(shown.width),
    }


def _schema_text() -> str:
    """Return the JSON Schema of the --json events, as packaged."""
    return read_text(PACKAGE / "assets" / "events.schema.json").rstrip("\n")


def _events(shown: Page) -> str:
    """Describe every --json event and its fields, from the schema."""
    schema = json.loads(_schema_text())
    (message,) = (event for event in schema["oneOf"] if event["title"] == "message")
    items = message["properties"]["items"]["items"]["oneOf"]
    parts = [*(("", event) for event in schema["oneOf"]), *(("item ", item) for item in items)]
    event_pages = [
        f"{prefix}{part['title']}: {part['description']}\n{_fields(part, shown)}".rstrip() for prefix, part in parts
    ]
    intro = f"{schema['title']}; each is an object whose key event contains its kind, that of an item is kind.\n"
    return "\n\n".join([intro + schema["description"], *event_pages, "!help schema prints the JSON Schema."])


def _fields(event: Mapping[str, Any], shown: Page) -> str:
    rows: list[pages.Row] = []
    for name, schema in event["properties"].items():
        rows += [(f"  {name}", schema.get("description", ""))] if "const" not in schema or name == "schema" else []
        rows += [
            (f"  {name}.{key}", inner.get("description", "")) for key, inner in schema.get("properties", {}).items()
        ]
    return shown.table(rows)


def _overview(shown: Page) -> str:
    usage = "Type a prompt, followed by switches, or a command. Ctrl-C stops, q quits."
    more = [
        "More: !help TOPIC, !help commands, !help switches, !help -s. Topics:",
        *textwrap.wrap(", ".join(TOPICS), min(shown.width, 100)),
    ]
    return first_screen(usage, PROMPT_EXAMPLES, more, width=shown.width, defaults=shown.defaults)


def _keys(shown: Page) -> str:
    sections = [
        f"{when.value}\n{shown.table([(key.shown, key.help) for key in KEYS if key.when is when])}" for when in When
    ]
    return "\n\n".join(sections)


def _samplers(shown: Page) -> str:
    rows = [(row.name, f"{row.label}, {row.scheduler}") for row in all_samplers()]
    karras = ", ".join(row.karras for row in all_samplers() if row.karras)
    without = ", ".join(WITHOUT_SCHEDULER)
    return (
        f"{shown.table(rows)}\n\nWith Karras sigmas: {karras}.\n"
        "Append _exponential, _beta or _trailing to a name to change its schedule.\n"
        f"The names of InvokeAI 6 and A1111 (DPM++ 2M Karras) work too. Not available: {without}."
    )
