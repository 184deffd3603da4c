"""Parse ComfyUI's graphs as data: nodes with inputs that are values or links to other nodes. Nothing is executed.

The API form (`prompt`) is used as it is. The canvas form (`workflow`) stores values by position; only those of known
nodes can be named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MAX_NODES = 5_000
MAX_DEPTH = 60

# The values of each canvas node in order; empty names are ignored.
_WIDGETS: Mapping[str, tuple[str, ...]] = {
    "KSampler": ("seed", "", "steps", "cfg", "sampler_name", "scheduler", "denoise"),
    "KSamplerAdvanced": (
        "add_noise", "noise_seed", "", "steps", "cfg", "sampler_name", "scheduler", "start_at_step", "end_at_step",
        "return_with_leftover_noise",
    ),
    "CLIPTextEncode": ("text",),
    "CLIPTextEncodeFlux": ("clip_l", "t5xxl", "guidance"),
    "CheckpointLoaderSimple": ("ckpt_name",),
    "UNETLoader": ("unet_name", "weight_dtype"),
    "EmptyLatentImage": ("width", "height", "batch_size"),
    "EmptySD3LatentImage": ("width", "height", "batch_size"),
    "LoraLoader": ("lora_name", "strength_model", "strength_clip"),
    "LoraLoaderModelOnly": ("lora_name", "strength_model"),
    "CLIPSetLastLayer": ("stop_at_clip_layer",),
    "LoadImage": ("image", ""),
    "VAELoader": ("vae_name",),
    "RandomNoise": ("noise_seed", ""),
    "KSamplerSelect": ("sampler_name",),
    "BasicScheduler": ("scheduler", "steps", "denoise"),
    "FluxGuidance": ("guidance",),
    "CFGGuider": ("cfg",),
    "PrimitiveNode": ("value", ""),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Connection:
    """An input that is another node's output."""

    node: str
    output: int


@dataclass(frozen=True, slots=True)
class Node:
    """A node: its id, its kind, and its inputs, which are values or links."""

    id: str
    kind: str
    inputs: Mapping[str, Any]

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


def _inputs(inputs: object) -> dict[str, Any]:
    found = inputs if isinstance(inputs, dict) else {}
    return {str(name): _value(value) for name, value in found.items()}


def _value(value: object) -> object:
    """Convert a list of a node id and a number to a link."""
    if isinstance(value, list) and len(value) == 2 and isinstance(value[1], int) and isinstance(value[0], (str, int)):
        return Connection(str(value[0]), value[1])
    return value


def read_canvas_graph(document: Mapping[str, Any]) -> Graph:
    """Parse the canvas form; muted and bypassed nodes are ignored."""
    links = {row[0]: Connection(str(row[1]), row[2]) for row in _rows(document.get("links")) if isinstance(row[2], int)}
    graph: dict[str, Node] = {}
    nodes = document.get("nodes")
    for node in (nodes if isinstance(nodes, list) else [])[:MAX_NODES]:
        if isinstance(node, dict) and node.get("mode", 0) == 0 and isinstance(node.get("type"), str):
            key = str(node.get("id"))
            graph[key] = Node(key, node["type"][:100], _canvas_inputs(node, links))
    return graph


def _rows(links: object) -> Iterator[list[Any]]:
    for row in links if isinstance(links, list) else []:
        if isinstance(row, list) and len(row) >= 5 and isinstance(row[0], int):
            yield row


def _widget_values(node: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a node's widgets by name; lists contain them in the order of the node's type."""
    values = node.get("widgets_values")
    if isinstance(values, list):
        names = _WIDGETS.get(str(node["type"]), ())
        return {name: value for name, value in zip(names, values, strict=False) if name}
    return {str(name): value for name, value in values.items()} if isinstance(values, dict) else {}


def _canvas_inputs(node: Mapping[str, Any], links: Mapping[int, Connection]) -> dict[str, Any]:
    found = _widget_values(node)
    inputs = node.get("inputs")
    for entry in inputs if isinstance(inputs, list) else []:
        number = entry.get("link") if isinstance(entry, dict) else None
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


def along(graph: Graph, link: Connection | None, names: tuple[str, ...]) -> Iterator[Node]:
    """Yield the node of a link, then the one that its first link of these names leads to, and so on."""
    for _ in range(MAX_DEPTH):
        node = graph.get(link.node) if link is not None else None
        if node is None:
            return
        yield node
        link = next((found for name in names if (found := node.link(name)) is not None), None)
