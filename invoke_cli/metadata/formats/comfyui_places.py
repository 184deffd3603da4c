"""Find ComfyUI's graph in an image: in text chunks, or in whichever EXIF tag or comment a saving node put it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from invoke_cli.metadata.builder import json_object
from invoke_cli.metadata.codec import Chunks
from invoke_cli.metadata.containers.exif import PREFIX
from invoke_cli.metadata.formats.comfyui_graph import Graph, read_canvas_graph, read_prompt_graph, with_output_names

API_FORM, CANVAS_FORM = "prompt", "workflow"

_MARK = re.compile(r"\b(prompt|workflow)\"?\s*[:=]\s*(?=\{)", re.IGNORECASE)
_MAX_MARKS = 20


def find_graph(chunks: Chunks) -> Graph:
    """Return the graph from the first place that has one; empty if there is none."""
    canvas: dict[str, Any] | None = None
    graph: Graph = {}
    for form, document in _documents(chunks):
        if form == API_FORM and not graph:
            graph = read_prompt_graph(document)
        elif form == CANVAS_FORM and canvas is None and isinstance(document.get("nodes"), list) and document["nodes"]:
            canvas = document
    if canvas is None:
        return graph
    return with_output_names(graph, canvas) if graph else read_canvas_graph(canvas)


def _documents(chunks: Chunks) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the documents that may be graphs, with their forms: first those in chunks of their own."""
    for form in (API_FORM, CANVAS_FORM):
        document = json_object(chunks.get(form))
        if document:
            yield form, document
    for name, text in chunks.items():
        if name.startswith(PREFIX) or name == "comment":
            yield from _in_text(text)


def _in_text(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the graphs in a text: marked by their form, as members of one object, or a graph alone."""
    whole = json_object(text)
    if whole is not None:
        yield from _in_object(whole)
        return
    for match in list(_MARK.finditer(text))[:_MAX_MARKS]:
        document = _document_at(text, match.end())
        if document:
            yield match[1].lower(), document


def _in_object(whole: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for form in (API_FORM, CANVAS_FORM):
        inner = whole.get(form)
        inner = json_object(inner) if isinstance(inner, str) else inner
        if isinstance(inner, dict):
            yield form, inner
    if any(isinstance(value, Mapping) and "class_type" in value for value in whole.values()):
        yield API_FORM, whole
    elif isinstance(whole.get("nodes"), list):
        yield CANVAS_FORM, whole


def _document_at(text: str, start: int) -> dict[str, Any] | None:
    try:
        document, _ = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
