"""Resolve the inputs of ComfyUI's nodes: numbers and text through helper nodes, prompts through conditioning."""

from __future__ import annotations

from collections.abc import Iterator

from invoke_cli.metadata.formats.comfyui_graph import MAX_DEPTH, Connection, Graph, Node

_TEXTS = ("text", "text_g", "text_l", "t5xxl", "clip_l", "prompt", "string", "value", "populated_text", "wildcard_text")
_NUMBERS = (
    "value",
    "seed",
    "noise_seed",
    "int",
    "float",
    "number",
    "Value",
    "Number",
    "width",
    "height",
    "steps",
    "cfg",
)
_NEXT = ("conditioning", "conditioning_1", "conditioning_to", "conditioning_2", "conditioning_from", "positive")
_MAX_TEXTS = 20
_MAX_VISITS = 300


def resolve_number(graph: Graph, value: object) -> object:
    """Resolve a number or text, following links; each node is visited once."""
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
            waiting += [node.inputs[name] for name in reversed(_NUMBERS) if name in node.inputs]
    return None


def resolve_text(
    graph: Graph, value: object, seen: frozenset[str] = frozenset(), budget: list[int] | None = None
) -> str:
    """Resolve text, joining what linked nodes supply; `budget` counts down the nodes that may be visited."""
    if isinstance(value, str):
        return value
    budget = [_MAX_VISITS] if budget is None else budget
    node = graph.get(value.node) if isinstance(value, Connection) else None
    if node is None or node.id in seen or budget[0] <= 0 or len(seen) > MAX_DEPTH:
        return ""
    budget[0] -= 1
    texts = [resolve_text(graph, part, seen | {node.id}, budget) for part in list(_text_parts(node))[:_MAX_TEXTS]]
    return _separator(node).join(filter(None, texts))


def _separator(node: Node) -> str:
    """Return the separator with which a node joins texts."""
    separator = node.inputs.get("delimiter", node.inputs.get("separator", " "))
    return separator if isinstance(separator, str) else " "


def _text_parts(node: Node) -> Iterator[object]:
    """Yield the inputs that are a node's text: the known ones, otherwise every text and link except separators."""
    known = [node.inputs[name] for name in _TEXTS if name in node.inputs]
    if known:
        yield from known[:1]
        return
    for name, value in node.inputs.items():
        if name not in ("delimiter", "separator", "clean_whitespace") and isinstance(value, (str, Connection)):
            yield value


def resolve_prompt(graph: Graph, link: Connection | None, wanted: str) -> tuple[list[str], list[Node]]:
    """Return the texts of a conditioning, and the nodes on the path that are not plain text encoders.

    `wanted` is the input to follow through nodes that have both; the link's output number may override it.
    """
    texts: list[str] = []
    others: list[Node] = []
    seen: set[str] = set()
    waiting = [(link, wanted)] if link is not None else []
    while waiting and len(seen) < MAX_DEPTH:
        current, side = waiting.pop(0)
        node = graph.get(current.node)
        if node is None or node.id in seen:
            continue
        seen.add(node.id)
        if node.kind == "ConditioningZeroOut":
            continue
        if (encoded := _encoded(graph, node)) is not None:
            texts += [text for text in encoded if text not in texts]
            continue
        others.append(node)
        waiting += _next_links(node, current.output, side)
    return texts, others


def _next_links(node: Node, output: int, side: str) -> Iterator[tuple[Connection, str]]:
    """Yield the links to follow from a node, each with the side to follow from there."""
    has_sides = "negative" in node.inputs
    if has_sides and output < 2:
        side = ("positive", "negative")[output]
    for name in (side,) if has_sides and side in node.inputs else _NEXT:
        link = node.link(name)
        if link is not None:
            yield link, side


def _encoded(graph: Graph, node: Node) -> list[str] | None:
    """Return the texts of a text-encoding node; None for other nodes."""
    keys = [name for name in ("text", "text_g", "text_l", "clip_l", "t5xxl", "prompt") if name in node.inputs]
    if not keys or any(name.startswith("conditioning") for name in node.inputs):
        return None
    texts = [resolve_text(graph, node.inputs[name]).strip() for name in keys]
    return list(dict.fromkeys(text for text in texts if text))
