"""Resolve numbers and names in ComfyUI's graphs: through helper nodes, switches and pipes, by output."""

from __future__ import annotations

import re
from collections.abc import Iterator

from invoke_cli.metadata.formats.comfyui_graph import MAX_DEPTH, Connection, Graph, Node
from invoke_cli.metadata.formats.comfyui_nodes import is_pipe, output_name

_NUMBERS = (
    "value", "seed", "noise_seed", "int", "float", "number", "Value", "Number", "width", "height", "steps", "cfg",
)  # fmt: skip
_SELECTORS = (
    "select", "index", "Input", "input", "boolean", "boolean_number", "boolean_value", "bool", "switch", "condition",
    "cond", "choice", "selected", "text_switch", "select_input", "switch_1",
)  # fmt: skip
_FIRST_OF_SEVERAL = re.compile(r"^Any Switch|Switch \(rgthree\)$")
_SWITCH = re.compile(r"switch|select|index|branch|ifelse|if$", re.IGNORECASE)
_BRANCH = re.compile(r"(?:.*?[a-z])?[_ ]?(\d{1,3}|[a-h])", re.IGNORECASE)
_TRUE, _FALSE = re.compile(r"true|^tt_|^if$|_yes$", re.IGNORECASE), re.compile(r"false|^ff_|^else$|_no$", re.IGNORECASE)


def resolve_number(graph: Graph, value: object, wanted: str = "") -> object:
    """Resolve a number or text, following links; each node is visited once.

    Args:
        graph: The graph.
        value: The value, or a link to it.
        wanted: The name of the input, which is preferred among those of a linked node.
    """
    waiting, seen = [value], set[str]()
    while waiting and len(seen) < MAX_DEPTH:
        current = waiting.pop()
        if not isinstance(current, Connection):
            if isinstance(current, (int, float, str)) and not isinstance(current, bool):
                return current
            continue
        node = graph.get(current.node)
        if node is not None and node.id not in seen:
            seen.add(node.id)
            waiting += reversed(list(_number_inputs(graph, node, current.output, wanted)))
    return None


def _number_inputs(graph: Graph, node: Node, output: int, wanted: str) -> Iterator[object]:
    """Yield the inputs of a node that may hold a number, the likeliest first."""
    if (branch := chosen_branch(graph, node)) is not None:
        yield node.inputs[branch]
        return
    name = output_name(node.kind, node.outputs, output).lower()
    likely = (name, wanted) if name in node.inputs else (wanted, *_NUMBERS)
    found = [key for key in likely if key in node.inputs]
    yield from (node.inputs[key] for key in found)
    yield from (link for key, link in node.links if is_pipe(key))
    if not found and len(node.links) == 1:
        yield node.links[0][1]


def chosen_branch(graph: Graph, node: Node) -> str | None:
    """Return the input that a switch passes on; None for other nodes and if the choice is unknown."""
    if _FIRST_OF_SEVERAL.search(node.kind):
        return min((name for name, _ in node.links), default=None)
    selector = next((name for name in _SELECTORS if name in node.inputs), None)
    if selector is None or not _SWITCH.search(node.kind):
        return None
    value = _boolean(graph, node.inputs[selector])
    names = [name for name in node.inputs if name not in _SELECTORS]
    return _by_truth(names, value) if isinstance(value, bool) else _by_number(names, value, selector)


def _boolean(graph: Graph, link: object) -> object:
    """Return the value of a selector, which may be a link; a boolean stays one."""
    if not isinstance(link, Connection):
        return link
    node = graph.get(link.node)
    supplied = node.inputs.get("value", node.inputs.get("boolean")) if node is not None else None
    return supplied if isinstance(supplied, bool) else resolve_number(graph, link)


def _by_truth(names: list[str], value: bool) -> str | None:
    wanted = next((name for name in names if (_TRUE if value else _FALSE).search(name)), None)
    return wanted if wanted is not None else _by_number(names, 1 if value else 2, "")


def _by_number(names: list[str], value: object, selector: str) -> str | None:
    """Return the input of this number, counted from 1, or from 0 where the selector is an index."""
    if not re.fullmatch(r"\d{1,3}", str(value)):
        return str(value) if value in names else None
    numbers: dict[int, str] = {}
    for name in names:
        match = _BRANCH.fullmatch(name)
        if match:
            numbers.setdefault(int(match[1]) if match[1].isdigit() else ord(match[1].lower()) - 96, name)
    if not numbers:
        return None
    from_zero = selector == "index" or 0 in numbers
    wanted = int(str(value))
    if from_zero and 0 not in numbers:
        wanted += 1
    return numbers.get(wanted)
