"""`--json` answers every command with items that the schema describes; the text of a terminal is the same without."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from invoke_cli.commands.table import COMMANDS
from tests.docs.pages import DOCS, shell_pipelines
from tests.frontends.program import Program
from tests.frontends.test_json import EVENTS, SCHEMA
from tests.json_schema import errors
from tests.sample_images import disc, drawing

KINDS = {item["properties"]["kind"]["const"] for item in EVENTS["message"]["properties"]["items"]["items"]["oneOf"]}

PREPARE = """\
a red cat -s2 -S1 -n2
a blue cat -s3 -S2 -I outputs/000001.1.png -f .5
a "quoted \u00e9\u732b" -s2 -S18446744073709551615
!tag 1 good portrait
!rate 1 4
"""

# A line of each command, and the kinds of items in its answer; none for commands that answer with notices, other lines
# or help texts only.
ANSWERS: Mapping[str, tuple[str, set[str]]] = {
    "again": ("!again", set()),
    "plan": ("!plan a cat -s3", set()),
    "dream": ("!dream a cat -s2", set()),
    "check": ("!check a cat -s3 -I sketch.png -M mask.png -U 2", {"finding"}),
    "alias": ("!alias", {"line"}),
    "sweep": ("!sweep a cat -s 1,2 --dry_run", {"line"}),
    "ladder": ("!ladder a cat -I sketch.png -s 2", {"bar", "file"}),
    "final": ("!final 1", set()),
    "edit": ("!edit", set()),
    "strip": ("!strip 1", {"file"}),
    "fetch": ("!fetch 1 lines.txt", {"file"}),
    "replay": ("!replay 1", set()),
    "verify": ("!verify 1", {"verdict"}),
    "info": ("!info 3", {"metadata"}),
    "compare": ("!compare 1 2", {"file"}),
    "grid": ("!grid 1 2", {"file"}),
    "contact": ("!contact 1 2", {"file"}),
    "plot": ("!plot strength -s 20", {"bar", "file"}),
    "mask": ("!mask sketch.png -M mask.png", {"mask"}),
    "fix": ("!fix 1 -U 2", set()),
    "history": ("!history", {"image"}),
    "search": ("!search cat", {"image"}),
    "typed": ("!typed", set()),
    "gallery": ("!gallery cat", {"file"}),
    "tag": ("!tag 2 dull", {"image"}),
    "rate": ("!rate 2 3", {"image"}),
    "tree": ("!tree 1", {"relative"}),
    "diff": ("!diff 1 3", {"difference", "pixels"}),
    "save": ("!save 1 2 kept", {"folder"}),
    "reindex": ("!reindex", {"folder"}),
    "rm": ("!rm 4", set()),
    "models": ("!models", {"model"}),
    "model": ("!model", {"properties"}),
    "switch": ("!switch tiny", set()),
    "import_model": ("!import_model models", {"file"}),
    "edit_model": ("!edit_model tiny", {"entry"}),
    "triggers": ("!triggers", {"triggers"}),
    "help": ("!help strength", set()),
    "show": ("!show", {"default"}),
    "set": ("!set", {"line"}),  # the model of !switch
    "plugins": ("!plugins", set()),
    "mem": ("!mem", {"memory"}),
    "workers": ("!workers", {"workers"}),
    "clear": ("!clear", set()),
}
# They start another program, change a model's files, or wait for a file to change.
NOT_RUN = {"open", "del_model", "convert_model", "watch"}


@pytest.fixture
def prepared(program: Program, tiny_model: Path) -> Program:
    """The program in a folder with images, an alias and a folder of models."""
    drawing().save("sketch.png")
    disc(96, 64).save("mask.png")
    Path("models").mkdir()
    shutil.copytree(tiny_model, "models/other")  # a link to the model would be the same model
    assert program(stdin=f"{PREPARE}!alias oil oil painting -C 9\n".encode()).status == 0
    return program


def items(program: Program, line: str) -> list[dict[str, Any]]:
    """Run a line that must succeed; return the items of its messages, which must be valid."""
    return items_of_each(program, [line])[line]


def items_of_each(program: Program, lines: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Run lines that must succeed in one session; return the items of the messages of each, which must be valid."""
    result = program("--json", stdin="\n".join(lines).encode())
    assert result.status == 0, result.lines
    found: dict[str, list[dict[str, Any]]] = {}
    for event in result.events:
        assert list(errors(event, SCHEMA)) == []
        if event["event"] == "start":
            last = found.setdefault(lines[event["number"] - 1], [])
        last += event.get("items", ())
    return found


@pytest.mark.feature("json-items")
def test_every_command_answers_with_valid_items(prepared: Program) -> None:
    assert set(ANSWERS) | NOT_RUN == {command.name for command in COMMANDS}
    answers = items_of_each(prepared, [line for line, _ in ANSWERS.values()])
    assert {line: {item["kind"] for item in answers[line]} for line in answers} == dict(ANSWERS.values())
    assert set().union(*(kinds for _, kinds in ANSWERS.values())) == KINDS - {"plugin"}


def test_images_of_the_history_have_their_settings_opinions_and_parents(prepared: Program) -> None:
    first, second, third, last = items(prepared, "!history")
    assert (first["number"], first["seed"], first["rating"], first["tags"]) == (1, 1, 4, ["good", "portrait"])
    assert first["path"] == "outputs/000001.1.png" and Path(first["path"]).is_file() and first["parents"] == []
    assert (second["rating"], second["tags"], second["sheet"]) == (None, [], None)
    (parent,) = third["parents"]
    assert (parent["name"], parent["number"]) == ("000001.1.png", 1)
    assert last["seed"] == 2**64 - 1 and "\u00e9\u732b" in last["line"]
    assert items(prepared, "!search nothing at all") == []
    found = [(item["number"], item["depth"], item["requested"]) for item in items(prepared, "!tree 3")]
    assert found == [(1, 0, False), (3, 1, True)]


def test_differences_and_findings_have_values(prepared: Program) -> None:
    changes = {item["name"]: (item["first"], item["second"]) for item in items(prepared, "!diff 1 3")[:-1]}
    assert changes["prompt"] == ("a red cat", "a blue cat") and changes["steps"] == ("-s 2", "-s 3")
    assert changes["strength"] == (None, "-f 0.5")
    (pixels,) = items(prepared, "!diff 1 1")
    assert (pixels["mean"], pixels["maximum"], pixels["share"]) == (0, 0, 0)
    found = {item["part"]: item for item in items(prepared, "!check a cat -I sketch.png -M mask.png")}
    assert found["prompt"]["tokens"] >= 2 and found["memory"]["needed"] > 0 and 0 < found["mask"]["share"] < 1
    assert found["image"]["size"] == [96, 64]


def test_the_metadata_of_foreign_and_broken_files_are_items_too(prepared: Program) -> None:
    (own,) = items(prepared, "!info 3")
    assert own["stages"][0]["steps"] == "3" and own["line"].startswith("a blue cat") and own["width"] == 64
    (foreign,) = items(prepared, "!info sketch.png")
    assert (foreign["program"], foreign["line"], foreign["stages"]) == (None, None, [])
    data = Path("outputs/000003.2.png").read_bytes()
    Path("cut.png").write_bytes(data[: data.index(b"IDAT") + 8])
    (cut,) = items(prepared, "!info cut.png")
    assert cut["width"] is None and cut["line"] == own["line"]


def test_a_model_that_cannot_be_used_says_why(prepared: Program) -> None:
    models = Path("root/configs/models.yaml")
    models.write_text(f"{models.read_text()}gone:\n  path: nowhere\n", encoding="utf-8")
    found = {item["name"]: item for item in items(prepared, "!models")}
    assert found["tiny"]["active"] and found["tiny"]["problem"] is None and found["tiny"]["bytes"] > 0
    assert found["gone"]["type"] is None and "nowhere" in found["gone"]["problem"]


def test_the_text_for_people_is_the_same_without_json(prepared: Program) -> None:
    for line in ("!history", "!models", "!tree 1", "!diff 1 3"):
        (message,) = (event for event in prepared("--json", line).events if event["event"] == "message")
        assert prepared(line).out.decode() == f"{message['text']}\n"


# -- the examples of the guide -----------------------------------------------------------------------------------------

# What the filter of each example returns, in Python, where jq is not installed.
Filter = Callable[[list[dict[str, Any]]], Iterator[object]]


def answered(events: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the items of all messages."""
    return (item for event in events if event["event"] == "message" for item in event["items"])


FILTERS: Mapping[str, Filter] = {
    'select(.event == "image") | .path': lambda events: (e["path"] for e in events if e["event"] == "image"),
    '.items[]? | select(.rating != null and .rating >= 4) | .path': lambda events: (
        item["path"] for item in answered(events) if item["rating"] is not None and item["rating"] >= 4
    ),
    '.items[]? | [.number, .seed] | @tsv': lambda events: (
        f"{item['number']}\t{item['seed']}" for item in answered(events)
    ),
    '.items[]? | .stages[0].steps': lambda events: (item["stages"][0]["steps"] for item in answered(events)),
    '.items[]? | select(.problem == null) | .name': lambda events: (
        item["name"] for item in answered(events) if item["problem"] is None
    ),
    'select(.event == "plan") | .plan.seeds[]': lambda events: (
        seed for event in events if event["event"] == "plan" for seed in event["plan"]["seeds"]
    ),
    '.items[]? | select(.kind == "memory") | .free': lambda events: (
        item["free"] for item in answered(events) if item["kind"] == "memory"
    ),
    '.items[]? | select(.kind == "difference") | "\\(.name): \\(.first) -> \\(.second)"': lambda events: (
        f"{item['name']}: {item['first'] or 'null'} -> {item['second'] or 'null'}"
        for item in answered(events)
        if item["kind"] == "difference"
    ),
}  # fmt: skip

EXAMPLES = shell_pipelines(DOCS / "guides" / "scripting.md")


@pytest.mark.feature("json-items")
def test_the_examples_with_jq_work(prepared: Program) -> None:
    assert {example.filter for example in EXAMPLES} == set(FILTERS)
    Path("lines.txt").write_text("a cat -s4 -S1\na dog -s4 -S2\n", encoding="utf-8")
    for example in EXAMPLES:
        result = prepared(*example.words)
        expected = [str(value) for value in FILTERS[example.filter](result.events)]
        assert expected, example
        if shutil.which("jq"):
            words = ["jq", "-r", example.filter]
            done = subprocess.run(words, input=result.out, capture_output=True, check=True)
            assert done.stdout.decode().splitlines() == expected
