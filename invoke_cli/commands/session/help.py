"""`!help`: pages that are generated from the tables and the topics."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from invoke_cli.commands.command import Call, Command
from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import PACKAGE, read_text
from invoke_cli.errors import CommandError
from invoke_cli.language.grammar.names import nearest
from invoke_cli.language.grammar.spellings import all_spellings
from invoke_cli.language.help import render as pages
from invoke_cli.language.help.keys import KEYS, When
from invoke_cli.language.help.topics import OVERVIEW, TOPICS
from invoke_cli.language.switches.switch import Group
from invoke_cli.models.samplers import WITHOUT_SCHEDULER, all_samplers


def show_help(context: SessionContext, call: Call) -> None:
    """Show the overview, the page of a topic, or the help on one switch or command."""
    topic = " ".join(call.words).lower()
    context.say(help_text(topic, call.commands()))


def help_text(topic: str, commands: Sequence[Command]) -> str:
    """Return the page of a topic, switch or command. Raises CommandError, with the topics, if there is none."""
    page = _pages(commands).get(topic)
    if page is not None:
        return page()
    switch = all_spellings().get(topic) or all_spellings().get(f"-{topic}") or all_spellings().get(f"--{topic}")
    if switch is not None:
        return pages.columns([(pages.usage(switch), pages.switch_description(switch))])
    command = topic.lstrip("!")
    rows = [row for row in command_rows(commands) if row[0].split()[0] == f"!{command}"]
    if rows:
        return pages.columns(rows)
    suggestion = nearest(topic, topic_names())
    hint = f"did you mean {suggestion}? " if suggestion else ""
    raise CommandError(f"no help on {topic[:40]!r}", hint=hint + f"topics: {', '.join(topic_names())}")


def topic_names() -> list[str]:
    """Return the names of the topics, in order."""
    return [name for name in _pages(()) if name]


def command_rows(commands: Sequence[Command]) -> list[pages.Row]:
    """Return the synopsis and the description of each command."""
    rows = [(command.synopsis, command.help) for command in commands]
    return [*rows, ("!17", "load the line of image 17 into the next prompt"), ("q, quit, exit", "quit")]


def _pages(commands: Sequence[Command]) -> Mapping[str, Callable[[], str]]:
    texts = {name: (lambda text=text: text) for name, text in TOPICS.items()}
    return {
        "": lambda: _overview(commands),
        "switches": pages.switch_help,
        "commands": lambda: pages.columns(command_rows(commands)),
        "samplers": _samplers,
        **texts,
        "keys": _keys,
        "json": _events,
        "schema": _schema_text,
        "launch": pages.launch_help,
        "gone": pages.rejected_help,
    }


def _schema_text() -> str:
    """Return the JSON Schema of the --json events, as packaged."""
    return read_text(PACKAGE / "assets" / "events.schema.json").rstrip("\n")


def _events() -> str:
    """Describe every --json event and its fields, from the schema."""
    schema = json.loads(_schema_text())
    event_pages = [f"{event['title']}: {event['description']}\n{_fields(event)}".rstrip() for event in schema["oneOf"]]
    intro = f"{schema['title']}; each is an object whose key event contains its kind.\n{schema['description']}"
    return "\n\n".join([intro, *event_pages, "!help schema prints the JSON Schema."])


def _fields(event: Mapping[str, Any]) -> str:
    rows: list[pages.Row] = []
    for name, schema in event["properties"].items():
        rows += [(f"  {name}", schema.get("description", ""))] if name != "event" else []
        rows += [
            (f"  {name}.{key}", inner.get("description", "")) for key, inner in schema.get("properties", {}).items()
        ]
    return pages.columns(rows)


def _overview(commands: Sequence[Command]) -> str:
    basic = pages.switch_help([Group.BASIC, Group.INIT_IMAGE])
    listed = pages.columns(command_rows(commands))
    return f"{OVERVIEW}\n\n{basic}\n\ncommands\n{listed}\n\nMore: !help {' | '.join(topic_names())}"


def _keys() -> str:
    sections = [
        f"{when.value}\n{pages.columns([(key.shown, key.help) for key in KEYS if key.when is when])}" for when in When
    ]
    return "\n\n".join(sections)


def _samplers() -> str:
    rows = [(row.name, f"{row.label}, {row.scheduler}") for row in all_samplers()]
    karras = ", ".join(row.karras for row in all_samplers() if row.karras)
    without = ", ".join(WITHOUT_SCHEDULER)
    return (
        f"{pages.columns(rows)}\n\nWith Karras sigmas: {karras}.\n"
        "Append _exponential, _beta or _trailing to a name to change its schedule.\n"
        f"The names of InvokeAI 6 and A1111 (DPM++ 2M Karras) work too. Not available: {without}."
    )
