"""`--json`: every event is valid by the shipped schema, and the schema has no other fields."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import invoke_cli
from invoke_cli.console.json_events import FOR_TERMINALS, NAMES, SCHEMA_VERSION
from invoke_cli.events import Event, Failed, Start
from tests.frontends.program import Program
from tests.json_schema import errors

SCHEMA: dict[str, Any] = json.loads(
    (Path(invoke_cli.__file__).parent / "assets" / "events.schema.json").read_text(encoding="utf-8")
)
EVENTS = {event["title"]: event for event in SCHEMA["oneOf"]}

LINES = """\
a cat -s2 -S1 -n2 --strip
a dog [cat] -I sketch.png -f .5 -s4 -V 9:.3 --trace
a fox -s3 | a red fox -f .5 -U2
a hill -s3 --dry_run
bad -s0
-I nowhere.png
!history
!fetch @last
!clear
a boat --fast nothing
a boat -t -s2
"""


@pytest.mark.feature("json")
def test_all_events_are_valid_and_every_kind_occurs(program: Program, sketch: Path) -> None:
    events = program("--json", stdin=LINES.encode()).events
    for event in events:
        assert list(errors(event, SCHEMA)) == []
    only_with_workers = {"progress"}  # see tests/workers/test_files.py
    assert {event["event"] for event in events} == set(EVENTS) - only_with_workers
    assert all(event["schema"] == SCHEMA_VERSION for event in events if event["event"] == "start")


def test_an_error_before_any_line_is_an_event(program: Program) -> None:
    (event,) = program("--json", "--from_file", "nowhere.txt").events
    assert event["event"] == "error" and list(errors(event, SCHEMA)) == []


@pytest.mark.parametrize(("kind", "name"), NAMES.items())
def test_the_schema_has_exactly_the_fields_of_each_event(kind: type, name: str) -> None:
    properties = set(EVENTS[name]["properties"]) - {"event"}
    if kind is Failed:
        assert properties == {"number", "message", "hint", "line", "span", "exit_status"}
    else:
        named = {field.name for field in fields(kind)} - set(FOR_TERMINALS.get(kind, ()))
        assert properties == named | ({"schema"} if kind is Start else set())


def test_the_schema_has_exactly_the_fields_of_a_plan(program: Program) -> None:
    (plan,) = (event for event in program("--json", "a cat --dry_run").events if event["event"] == "plan")
    assert set(plan["plan"]) == set(EVENTS["plan"]["properties"]["plan"]["properties"])


def test_damaged_events_are_invalid(program: Program) -> None:
    (image,) = (event for event in program("--json", "a cat -s2").events if event["event"] == "image")
    for change in ({"seed": "1"}, {"number": 1.5}, {"event": "picture"}, {"extras": [1]}, {"seconds": None}):
        assert list(errors({**image, **change}, SCHEMA))
    assert list(errors({name: image[name] for name in image if name != "path"}, SCHEMA))


def test_help_lists_every_event_and_field(program: Program) -> None:
    page = re.sub(r"\n(?=\S)(?!\w+: )", " ", program("!help json").out.decode())  # wrapped lines
    for name, event in EVENTS.items():
        assert f"\n{name}: {event['description']}" in page
        assert all(field in page for field in event["properties"])
    assert json.loads(program("!help schema").out) == SCHEMA


def test_json_events_of_a_batch(program: Program) -> None:
    result = program("--json", stdin=b"a cat -s2 -S1 -n2\nbad -s0\n")
    kinds = [event["event"] for event in result.events]
    assert kinds[0] == "start" and kinds.count("image") == 2 and kinds.count("step") == 6 and "done" in kinds
    error = next(event for event in result.events if event["event"] == "error")
    assert error["number"] == 2 and "bad -s0"[slice(*error["span"])] == "0"
    image = next(event for event in result.events if event["event"] == "image")
    assert image["path"] == "outputs/000001.1.png" and image["seed"] == 1 and image["number"] == 1
    plan = next(event for event in result.events if event["event"] == "plan")
    assert plan["plan"]["steps_real"] == 2
    assert result.err == ""


def test_every_event_has_a_name_in_json() -> None:
    assert set(NAMES) == set(Event.__args__)
    assert len(set(NAMES.values())) == len(NAMES)
