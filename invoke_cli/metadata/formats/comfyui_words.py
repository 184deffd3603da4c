"""Resolve the prompts of ComfyUI's graphs: text and conditioning through any nodes, each side apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from invoke_cli.metadata.formats.comfyui_graph import MAX_DEPTH, Connection, Graph, Node
from invoke_cli.metadata.formats.comfyui_nodes import (
    NEGATIVE,
    POSITIVE,
    is_pipe,
    may_lead_to_words,
    output_name,
    side_of_name,
)
from invoke_cli.metadata.formats.comfyui_values import chosen_branch

_ENCODED = ("text_g", "text_l", "clip_g", "clip_l", "t5xxl", "bert", "mt5xl", "llama")
_CONDITIONING = (
    "conditioning", "conditioning_1", "conditioning_to", "conditioning_2", "conditioning_from", "cond1", "cond2",
)  # fmt: skip
_TEXTS = (
    "populated_text", "wildcard_text", "text", "prompt", "string", "value", "Text", "String", "prompt_text",
    "text_prompt", "prompt_schedule", "text_input", "input_text", "anything", "any", "output",
)  # fmt: skip
_NUMBERED = re.compile(
    r"(?:opt_)?(?:text|string|str|prompt|input_string|input|any|value)[_ ]?(?:[a-h]|\d{1,3})", re.IGNORECASE
)
_WORDS = re.compile(r"text|string|prompt|words|tags|phrase|caption|prefix|suffix|subject", re.IGNORECASE)
_SEPARATORS = ("delimiter", "separator", "join_with", "delim")
_NO_WORDS = re.compile(
    r"delim|separator|clean_whitespace|action|tidy|mode|style|log_prompt|find|replace|join_with|type"
)
_FILLED_IN = re.compile("populated|wildcard")
_SHOWN = ("text_0", "text2", "show_text", "preview", "result", "cached_text")
_MAX_TEXTS = 20
_MAX_VISITS = 400
_MAX_LETTERS = 100_000


@dataclass(kw_only=True)
class Words:
    """The texts of a side of a prompt, and the nodes on the way that are no plain text encoders."""

    texts: list[str] = field(default_factory=list)
    others: list[Node] = field(default_factory=list)


def read_words(graph: Graph, node: Node, side: str) -> Words:
    """Return the words of a side, positive or negative, that reach a sampler, guider or other node."""
    resolver = _Resolver(graph)
    names = _inputs_of(node, side)
    if not names and side == POSITIVE:
        names = [name for name in _CONDITIONING if name in node.inputs]
    seen = frozenset({node.id})
    found = [text for name in names or _pipes_of(node) for text in resolver.resolve(node.inputs[name], side, seen)]
    texts = dict.fromkeys(text.strip() for text in found if text.strip())
    return Words(texts=list(texts), others=resolver.others)


def _pipes_of(node: Node) -> list[str]:
    return [name for name, _ in node.links if is_pipe(name)]


def read_text(graph: Graph, value: object, asking: str) -> str:
    """Return the text of one input of the node `asking`."""
    found = _Resolver(graph).resolve(value, "positive", frozenset({asking}))
    return ", ".join(dict.fromkeys(text.strip() for text in found if text.strip()))


def _inputs_of(node: Node, side: str) -> list[str]:
    """Return the names of a node's inputs that are words of a side or lead to some."""
    return [
        name
        for name, value in node.inputs.items()
        if isinstance(value, (str, Connection)) and side_of_name(name) == side
    ]


class _Resolver:
    """Follows the links of a graph to texts; `budget` bounds the work, since links can branch and form circles."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.budget = _MAX_VISITS
        self.others: list[Node] = []

    def resolve(self, value: object, side: str, seen: frozenset[str]) -> list[str]:
        """Return the texts of an input: several if conditionings were combined."""
        if isinstance(value, str):
            return [value[:_MAX_LETTERS]]
        node = self.graph.get(value.node) if isinstance(value, Connection) else None
        if node is None or not isinstance(value, Connection) or self.budget <= 0 or len(seen) > MAX_DEPTH:
            return []
        self.budget -= 1
        key = f"{node.id}/{value.output}/{side}"
        if key in seen or node.kind == "ConditioningZeroOut":
            return []
        return self._of_node(node, value.output, side, seen | {key})

    def _of_node(self, node: Node, output: int, side: str, seen: frozenset[str]) -> list[str]:
        branch = chosen_branch(self.graph, node)
        name = branch or output_name(node.kind, node.outputs, output)
        if branch is not None or isinstance(node.inputs.get(name), (str, Connection)):
            return self.resolve(node.inputs[name], side, seen)
        if node.kind == "GetNode":
            return self._joined(node, list(self._set_nodes(node)), side, seen)[:1]
        side = side_of_name(name) or side
        names = self._names_of_side(node, output, side)
        if names is not None:
            self.others.append(node)
            return self._each(node, names, side, seen)
        return self._of_encoder(node, side, seen)

    def _of_encoder(self, node: Node, side: str, seen: frozenset[str]) -> list[str]:
        """Return the texts of a node that does not tell sides apart."""
        encoded = [name for name in _ENCODED if name in node.inputs]
        if encoded:
            return self._each(node, encoded, side, seen)
        conditioning = [name for name in _CONDITIONING if node.link(name) is not None]
        if conditioning:
            self.others.append(node)
            return self._each(node, conditioning, side, seen)
        return self._of_text_node(node, side, seen)

    def _names_of_side(self, node: Node, output: int, side: str) -> list[str] | None:
        """Return the inputs of a side, or the pipes that hold it; None for a node that does not tell sides apart."""
        sides = {found: _inputs_of(node, found) for found in (POSITIVE, NEGATIVE)}
        pipes = _pipes_of(node)
        if not any(sides.values()):
            return pipes or None
        if all(sides.values()):
            return sides[self._side_of_pair(node, output, side)]
        if not pipes and len(self._outputs_used(node)) < 2:
            return sides[POSITIVE] or sides[NEGATIVE]  # a node for the words of either side
        return sides[side] or pipes

    def _side_of_pair(self, node: Node, output: int, side: str) -> str:
        """Return the side of an output whose name is unknown, by its position if the node passes on two texts."""
        is_known = bool(output_name(node.kind, node.outputs, output))
        return (POSITIVE, NEGATIVE)[output] if not is_known and output in (0, 1) and self._is_text_pair(node) else side

    def _is_text_pair(self, node: Node) -> bool:
        """Return whether a node passes on two texts, not conditionings: its outputs then are in the same order."""
        consumers = {
            name
            for other in self.graph.values()
            for name, link in other.links
            if link.node == node.id and link.output < 2
        }
        return bool(consumers) and consumers <= {"text", "text_g", "text_l", "prompt", "string", "clip_l", "t5xxl"}

    def _outputs_used(self, node: Node) -> set[int]:
        return {link.output for other in self.graph.values() for _, link in other.links if link.node == node.id}

    def _set_nodes(self, node: Node) -> Iterator[Connection]:
        """Yield what the canvas's "set" nodes of the same name store."""
        for other in self.graph.values():
            if other.kind == "SetNode" and other.inputs.get("name") == node.inputs.get("name"):
                yield from (link for _, link in other.links)

    def _each(self, node: Node, names: list[str], side: str, seen: frozenset[str]) -> list[str]:
        """Return the texts of several inputs, equal ones once."""
        texts = [text for name in names[:_MAX_TEXTS] for text in self.resolve(node.inputs[name], side, seen)]
        return list(dict.fromkeys(text for text in texts if text.strip()))

    def _of_text_node(self, node: Node, side: str, seen: frozenset[str]) -> list[str]:
        """Return the text of a node that joins, changes or passes on texts."""
        parts = list(_text_parts(node))[:_MAX_TEXTS]
        if len(parts) == 1 and isinstance(parts[0], Connection):
            found = self.resolve(parts[0], side, seen)
        else:
            found = self._joined(node, parts, side, seen)
        if any(text.strip() for text in found):
            return [_replaced(node, text) for text in found]
        shown = (node.inputs[name] for name in _SHOWN if isinstance(node.inputs.get(name), str))
        return [text for text in shown if text.strip()][:1]

    def _joined(self, node: Node, parts: list[object] | list[Connection], side: str, seen: frozenset[str]) -> list[str]:
        """Return the texts of the parts, joined by the node's separator, as one text."""
        texts = [text for part in parts for text in self.resolve(part, side, seen)]
        separator = next((node.inputs[name] for name in _SEPARATORS if isinstance(node.inputs.get(name), str)), " ")
        joined = str(separator).replace("\\n", "\n").join(text for text in texts if text)
        return [joined[:_MAX_LETTERS]] if joined else []


def _replaced(node: Node, text: str) -> str:
    """Apply the replacement of a node that has one."""
    find, by = node.inputs.get("find"), node.inputs.get("replace")
    if isinstance(find, str) and isinstance(by, str) and find:
        return text.replace(find, by)[:_MAX_LETTERS]
    return text


def _text_parts(node: Node) -> Iterator[object]:
    """Yield the inputs that are a node's text."""
    for name in _text_names(node):
        value = node.inputs[name]
        if isinstance(value, list):
            value = " ".join(part for part in value if isinstance(part, str))
        if isinstance(value, (str, Connection)):
            yield value


def _text_names(node: Node) -> list[str]:
    """Return numbered inputs, or the first known one, otherwise all that may be text."""
    numbered = [name for name in node.inputs if _NUMBERED.fullmatch(name) and name not in _SHOWN]
    known = [name for name in _TEXTS if node.inputs.get(name) not in (None, "")][:1]
    if known and (not numbered or _FILLED_IN.match(known[0])):
        return known
    return list(dict.fromkeys((*known, *numbered))) or _possible_texts(node)


def _possible_texts(node: Node) -> list[str]:
    return [name for name, value in node.inputs.items() if _may_be_text(name, value)]


def _may_be_text(name: str, value: object) -> bool:
    """Return whether an input of an unknown name is text, or a link that may lead to some."""
    if _NO_WORDS.search(name):
        return False
    return may_lead_to_words(name) if isinstance(value, Connection) else bool(_WORDS.search(name))
