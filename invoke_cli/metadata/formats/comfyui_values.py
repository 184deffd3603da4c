"""What the inputs of ComfyUI's nodes come to: numbers and words through helper nodes, prompts through conditioning."""

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
_MAX_ASKED = 300


def number(graph: Graph, value: object) -> object:
    """A number or word as it stands, or what the nodes behind a link hold; each node is asked once."""
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


def words(graph: Graph, value: object, seen: frozenset[str] = frozenset(), room: list[int] | None = None) -> str:
    """A text as it stands, or what the nodes behind a link put together; `room` counts down the nodes to be asked."""
    if isinstance(value, str):
        return value
    room = [_MAX_ASKED] if room is None else room
    node = graph.get(value.node) if isinstance(value, Connection) else None
    if node is None or node.id in seen or room[0] <= 0 or len(seen) > MAX_DEPTH:
        return ""
    room[0] -= 1
    glue = node.inputs.get("delimiter", node.inputs.get("separator", " "))
    texts = [words(graph, part, seen | {node.id}, room) for part in list(_text_parts(node))[:_MAX_TEXTS]]
    return (glue if isinstance(glue, str) else " ").join(text for text in texts if text)


def _text_parts(node: Node) -> Iterator[object]:
    """The inputs of a node that are its text: the known ones, else every text and link but how they are joined."""
    known = [node.inputs[name] for name in _TEXTS if name in node.inputs]
    if known:
        yield from known[:1]
        return
    for name, value in node.inputs.items():
        if name not in ("delimiter", "separator", "clean_whitespace") and isinstance(value, (str, Connection)):
            yield value


def prompt(graph: Graph, link: Connection | None, wanted: str) -> tuple[list[str], list[Node]]:
    """The texts that a conditioning says, and the nodes on the way that are no plain text encoders.

    `wanted` is the input to follow through nodes that have both, by which of their outputs the link names.
    """
    texts: list[str] = []
    others: list[Node] = []
    seen: set[str] = set()
    waiting = [(link, wanted)]
    while waiting and len(seen) < MAX_DEPTH:
        current, side = waiting.pop(0)
        node = graph.get(current.node) if current is not None else None
        if current is None or node is None or node.id in seen:
            continue
        seen.add(node.id)
        if node.kind == "ConditioningZeroOut":
            continue
        if (said := _encoded(graph, node)) is not None:
            texts += [text for text in said if text not in texts]
            continue
        others.append(node)
        side = ("positive", "negative")[current.output] if "negative" in node.inputs and current.output < 2 else side
        names = [side] if side in node.inputs and "negative" in node.inputs else list(_NEXT)
        waiting += [(node.link(name), side) for name in names if node.link(name) is not None]
    return texts, others


def _encoded(graph: Graph, node: Node) -> list[str] | None:
    """The texts of a node that encodes text; None for another kind."""
    keys = [name for name in ("text", "text_g", "text_l", "clip_l", "t5xxl", "prompt") if name in node.inputs]
    if not keys or any(name.startswith("conditioning") for name in node.inputs):
        return None
    texts = [words(graph, node.inputs[name]).strip() for name in keys]
    return list(dict.fromkeys(text for text in texts if text))
