"""Parse ComfyUI's graphs as data: nodes with inputs that are values or links to other nodes. Nothing is executed.

The API form (`prompt`) is used as it is. The canvas form (`workflow`) stores values by position; only those of known
nodes can be named.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from invoke_cli.metadata.formats.comfyui_nodes import WIDGETS

MAX_NODES = 5_000
MAX_DEPTH = 60

_BYPASSED = 4  # the mode of a node
_SEED_CONTROLS = ("fixed", "increment", "decrement", "randomize", "increment-wrap")
_TEXT_KIND = re.compile(r"text|string|prompt|wildcard", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Connection:
    """An input that is another node's output."""

    node: str
    output: int


@dataclass(frozen=True, slots=True)
class Node:
    """A node: its id, its kind, its inputs, which are values or links, and the names of its outputs where known."""

    id: str
    kind: str
    inputs: Mapping[str, Any]
    outputs: tuple[str, ...] = ()

    @property
    def links(self) -> list[tuple[str, Connection]]:
        """The inputs that are links."""
        return [(name, value) for name, value in self.inputs.items() if isinstance(value, Connection)]

    def link(self, name: str) -> Connection | None:
        """Return the link of this name, if it is one."""
        value = self.inputs.get(name)
        return value if isinstance(value, Connection) else None


Graph = Mapping[str, Node]


def read_prompt_graph(document: Mapping[str, Any]) -> Graph:
    """Parse the API form; entries that are not nodes are ignored."""
    nodes = [item for item in list(document.items())[:MAX_NODES] if isinstance(item[1], dict)]
    return {
        str(key): Node(str(key), str(value["class_type"])[:100], _inputs(value.get("inputs")))
        for key, value in nodes
        if "class_type" in value
    }


def with_output_names(graph: Graph, canvas: Mapping[str, Any]) -> Graph:
    """Add the names of outputs, which only the canvas form has, to the same nodes of the API form."""
    names = {key: node for key, node in read_canvas_graph(canvas).items() if node.outputs}
    return {
        key: replace(node, outputs=names[key].outputs) if key in names and names[key].kind == node.kind else node
        for key, node in graph.items()
    }


def _inputs(inputs: object) -> dict[str, Any]:
    found = inputs if isinstance(inputs, dict) else {}
    return {str(name): _value(value) for name, value in found.items()}


def _value(value: object) -> object:
    """Convert a list of a node id and a number to a link."""
    if isinstance(value, list) and len(value) == 2 and isinstance(value[1], int) and isinstance(value[0], (str, int)):
        return Connection(str(value[0]), value[1])
    return value


def read_canvas_graph(document: Mapping[str, Any]) -> Graph:
    """Parse the canvas form; muted nodes are ignored, bypassed ones pass on their first link of the same type."""
    nodes = document.get("nodes")
    known = [
        node
        for node in (nodes if isinstance(nodes, list) else [])[:MAX_NODES]
        if isinstance(node, dict) and isinstance(node.get("type"), str)
    ]
    rows = {row[0]: row for row in _rows(document.get("links"))}
    links = _without_bypassed(rows, known)
    graph: dict[str, Node] = {}
    for node in known:
        if node.get("mode", 0) == 0:
            key = str(node.get("id"))
            graph[key] = Node(key, node["type"][:100], _canvas_inputs(node, links), _output_names(node))
    return graph


def _without_bypassed(rows: Mapping[int, list[Any]], nodes: list[dict[str, Any]]) -> dict[int, Connection]:
    """Return the links by number, each from the node that it comes from once bypassed nodes are taken out."""
    bypassed = {str(node.get("id")): node for node in nodes if node.get("mode") == _BYPASSED}
    links: dict[int, Connection] = {}
    for number, row in rows.items():
        for _ in range(MAX_DEPTH):
            before = _passed_on(bypassed.get(str(row[1]), {}), row, rows)
            if before is None:
                break
            row = before
        links[number] = Connection(str(row[1]), row[2])
    return links


def _passed_on(node: Mapping[str, Any], row: list[Any], rows: Mapping[int, list[Any]]) -> list[Any] | None:
    """Return the link into a bypassed node that continues in the link `row` out of it: the first of its type."""
    numbers = [entry.get("link") for entry in _entries_of(node.get("inputs"))]
    before = [rows[number] for number in numbers if isinstance(number, int) and number in rows]
    return next((found for found in before if found[5:6] == row[5:6] or row[5:6] == ["*"]), None)


def _output_names(node: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(entry.get("name", ""))[:100] for entry in _entries_of(node.get("outputs"))[:100])


def _entries_of(value: object) -> list[dict[str, Any]]:
    """Return a list whose entries are objects; those that are not become empty ones, so that positions stay."""
    return [entry if isinstance(entry, dict) else {} for entry in value] if isinstance(value, list) else []


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _rows(links: object) -> Iterator[list[Any]]:
    for row in links if isinstance(links, list) else []:
        if isinstance(row, dict):
            row = [row.get(key) for key in ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")]
        if isinstance(row, list) and len(row) >= 5 and _is_number(row[0]) and _is_number(row[2]):
            yield row


def _widget_values(node: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a node's widgets by name; lists contain them in the order of the node's type."""
    values = node.get("widgets_values")
    if isinstance(values, list):
        names = _widget_names(node, values) or WIDGETS.get(str(node["type"]), ())
        found = {name: value for name, value in zip(names, values, strict=False) if name}
        return found or _only_text(str(node["type"]), values)
    return {str(name): value for name, value in values.items()} if isinstance(values, dict) else {}


def _widget_names(node: Mapping[str, Any], values: list[Any]) -> list[str]:
    """Return the names of a node's widgets if it lists them all; a control of the seed follows it without a name."""
    widgets = [entry for entry in _entries_of(node.get("inputs")) if isinstance(entry.get("widget"), dict)]
    names: list[str] = []
    for entry in widgets:
        names.append(str(entry["widget"].get("name", "")))
        if len(names) < len(values) and str(values[len(names)]) in _SEED_CONTROLS:
            names.append("")
    return names if len(names) == len(values) else []


def _only_text(kind: str, values: list[Any]) -> dict[str, Any]:
    """Return the first text of an unknown node whose kind is a kind of text."""
    flat = (part for value in values for part in (value if isinstance(value, list) else [value]))
    text = next((value for value in flat if isinstance(value, str)), None)
    return {"text": text} if text is not None and _TEXT_KIND.search(kind) else {}


def _canvas_inputs(node: Mapping[str, Any], links: Mapping[int, Connection]) -> dict[str, Any]:
    found = _widget_values(node)
    for entry in _entries_of(node.get("inputs")):
        number = entry.get("link")
        if isinstance(number, int) and number in links:
            found[str(entry.get("name"))] = links[number]
    return found


def upstream(graph: Graph, start: str) -> dict[str, int]:
    """Return every node that leads to `start`, including itself, with its distance."""
    distances = {start: 0}
    waiting = [start]
    for key in waiting:
        node = graph.get(key)
        for _, link in node.links if node is not None else []:
            if link.node in graph and link.node not in distances:
                distances[link.node] = distances[key] + 1
                waiting.append(link.node)
    return distances


def along(graph: Graph, link: Connection | None, follow: Callable[[str], bool] | tuple[()]) -> Iterator[Node]:
    """Yield the node of a link, then the one that its first link to follow leads to, and so on.

    A node with a single link is passed through, whatever the link's name.
    """
    seen: set[str] = set()
    while link is not None and len(seen) < MAX_DEPTH:
        node = graph.get(link.node)
        if node is None or node.id in seen:
            return
        seen.add(node.id)
        yield node
        link = _next_link(node, follow) if follow else None


def _next_link(node: Node, follow: Callable[[str], bool]) -> Connection | None:
    links = [found for name, found in node.links if follow(name)]
    return links[0] if links else node.links[0][1] if len(node.links) == 1 else None
