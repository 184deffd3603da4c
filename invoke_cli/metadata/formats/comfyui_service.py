"""Read the prompt of a ComfyUI graph without a sampler, in which one node asks an online service for the image."""

from __future__ import annotations

import re
from collections.abc import Mapping

from invoke_cli.metadata.builder import MetadataBuilder
from invoke_cli.metadata.codec import ParsedMetadata
from invoke_cli.metadata.formats.comfyui_graph import Connection, Graph, Node
from invoke_cli.metadata.formats.comfyui_nodes import NEGATIVE, side_of_name
from invoke_cli.metadata.formats.comfyui_values import resolve_number
from invoke_cli.metadata.formats.comfyui_words import read_text

_PROMPTS = ("prompt", "positive_prompt", "text_prompt", "prompt_text", "positive")
_SIZE = re.compile(r"(\d{2,5}) ?[x×] ?(\d{2,5})")
_HIDDEN = re.compile(r"auth|token|api_?key|comfy_org|control_after", re.IGNORECASE)


def read_service(graph: Graph, path: Mapping[str, int]) -> ParsedMetadata | None:
    """Return the prompt and the numbers of the node nearest to the saved image that has a prompt; None without one."""
    nodes = [graph[key] for key in sorted(path, key=path.__getitem__) if key in graph]
    found = next((node for node in nodes if _prompt_key(node) and node.link("clip") is None), None)
    if found is None:
        return None
    builder = MetadataBuilder("ComfyUI")
    prompt = _prompt_key(found)
    negative = next((name for name in found.inputs if side_of_name(name) == NEGATIVE), "")
    builder.foreign_prompts(*(read_text(graph, found.inputs.get(name), found.id) for name in (prompt, negative)))
    _read_values(builder, _values(graph, found, (prompt, negative)))
    builder.missing.append(f"the model: node {found.kind} asked an online service for the image")
    return builder.build()


def _values(graph: Graph, node: Node, prompts: tuple[str, ...]) -> dict[str, object]:
    """Return the inputs of a node that are no prompts and no secrets."""
    return {
        name: resolve_number(graph, value, name) if isinstance(value, Connection) else value
        for name, value in node.inputs.items()
        if name not in prompts and not _HIDDEN.search(name)
    }


def _read_values(builder: MetadataBuilder, values: dict[str, object]) -> None:
    builder.take_all(values, {"seed": "seeds", "width": "width", "height": "height", "steps": "num_inference_steps"})
    size = _SIZE.search(str(values.pop("size", "")))
    if size:
        builder.take("width", size[1])
        builder.take("height", size[2])
    builder.drop_rest(values, ("seed", "width", "height", "steps"))


def _prompt_key(node: Node) -> str:
    """Return the name of the input that is a service's prompt; empty for other nodes."""
    return next((name for name in _PROMPTS if isinstance(node.inputs.get(name), (str, Connection))), "")
