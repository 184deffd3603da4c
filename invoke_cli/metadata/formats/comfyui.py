"""Read ComfyUI's graph, from the node that saves the image back to the sampler that started it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from invoke_cli.errors import MetadataError
from invoke_cli.metadata.builder import MetadataBuilder, json_object
from invoke_cli.metadata.codec import Chunks, ParsedMetadata, ReadOnlyFormat
from invoke_cli.metadata.formats.comfyui_graph import Graph, Node, along, read_canvas_graph, read_prompt_graph, upstream
from invoke_cli.metadata.formats.comfyui_values import resolve_number, resolve_prompt

_ANIMATED = {"EXIF:Make": "workflow:", "EXIF:Model": "prompt:"}
_SAMPLER_KEYS = ("sampler_name", "sampler", "scheduler", "guider", "sigmas")
_LATENT = ("latent_image", "samples", "latent")
_KNOWN = {
    "SaveImage", "PreviewImage", "VAEDecode", "VAEDecodeTiled", "VAEEncode", "KSampler", "KSamplerAdvanced",
    "SamplerCustom", "SamplerCustomAdvanced", "CLIPTextEncode", "CLIPTextEncodeSDXL", "CLIPTextEncodeFlux",
    "CheckpointLoaderSimple", "UNETLoader", "DualCLIPLoader", "CLIPLoader", "VAELoader", "EmptyLatentImage",
    "EmptySD3LatentImage", "LoraLoader", "LoraLoaderModelOnly", "CLIPSetLastLayer", "LoadImage", "RandomNoise",
    "KSamplerSelect", "BasicScheduler", "BasicGuider", "CFGGuider", "FluxGuidance", "PrimitiveNode",
    "ConditioningZeroOut", "ConditioningCombine", "ConditioningConcat", "Note", "Reroute",
}  # fmt: skip
_HELPER = re.compile(r"Primitive|String|Text|Int|Float|Number|Seed|Note|Reroute")  # nodes that only supply values


def _graph(chunks: Chunks) -> Graph:
    """Return the graph from the first place that has one; empty if there is none."""
    texts = dict(chunks)
    for place, mark in _ANIMATED.items():
        if chunks.get(place, "").lower().startswith(mark):
            texts.setdefault(mark[:-1], chunks[place][len(mark) :])
    document = json_object(texts.get("prompt"))
    graph = read_prompt_graph(document) if document else {}
    canvas = json_object(texts.get("workflow")) if not graph else None
    return read_canvas_graph(canvas) if canvas else graph


def _sniff(chunks: Chunks) -> bool:
    return bool(_graph(chunks))


def _decode(chunks: Chunks) -> ParsedMetadata:
    graph = _graph(chunks)
    samplers, path = _samplers(graph)
    if not samplers:
        hint = "!info shows the graph; the image can be used with -I"
        raise MetadataError("its ComfyUI graph contains no known sampler", hint=hint)
    builder = MetadataBuilder("ComfyUI")
    first = samplers[-1]
    _Pass(graph, first, builder).read()
    for node in samplers[:-1]:
        builder.missing.append(f"a further pass: {_label(node)}, denoise {node.inputs.get('denoise', '?')}")
    for key in path:
        kind = graph[key].kind
        if kind not in _KNOWN and not _HELPER.search(kind) and graph[key] not in samplers:
            builder.missing.append(f"node {_label(graph[key])}")
    return builder.build()


def _label(node: Node) -> str:
    return f"{node.kind} ({node.id[:20]})"


def _samplers(graph: Graph) -> tuple[list[Node], dict[str, int]]:
    """Return the samplers on the longest path to a saved image, the last one first, and the whole path."""
    ends = [node for node in graph.values() if "image" in node.kind.lower() and node.link("images") is not None]
    paths = [upstream(graph, node.id) for node in ends[:20]] or [dict.fromkeys(graph, 0)]
    found = [[graph[key] for key in sorted(path, key=path.__getitem__) if _is_sampler(graph[key])] for path in paths]
    return max(zip(found, paths, strict=True), key=lambda pair: (bool(pair[0]), len(pair[1])))


def _is_sampler(node: Node) -> bool:
    return any(name in node.inputs for name in _LATENT) and any(name in node.inputs for name in _SAMPLER_KEYS)


class _Pass:
    """A sampler and the nodes that lead to it."""

    def __init__(self, graph: Graph, node: Node, builder: MetadataBuilder) -> None:
        self.graph, self.node, self.builder = graph, node, builder

    def read(self) -> None:
        builder = self.builder
        self._read_prompts()
        builder.take("num_inference_steps", self._value("steps", "sigmas"), "steps")
        builder.take("guidance_scale", self._value("cfg", "guider"), "cfg")
        seed = self._value("seed") if "seed" in self.node.inputs else self._value("noise_seed", "noise")
        builder.take("seeds", seed, "seed")
        builder.sampler(self._value("sampler_name", "sampler"), self._value("scheduler", "sigmas"))
        self._read_model()
        self._read_start()

    def _value(self, name: str, via: str = "") -> Any:
        """Return an input of the sampler, or of the node that its link `via` leads to."""
        if name in self.node.inputs:
            return resolve_number(self.graph, self.node.inputs[name])
        linked = next(along(self.graph, self.node.link(via), ()), None) if via else None
        return resolve_number(self.graph, linked.inputs.get(name)) if linked is not None else None

    def _read_prompts(self) -> None:
        guider = next(along(self.graph, self.node.link("guider"), ()), None) or self.node
        positive = guider.link("positive") or guider.link("conditioning")
        texts, others = resolve_prompt(self.graph, positive, "positive")
        negatives, more = resolve_prompt(self.graph, guider.link("negative"), "negative")
        self.builder.foreign_prompts(", ".join(texts), ", ".join(negatives))
        if len(texts) > 1:
            self.builder.missing.append(f"{len(texts)} prompts of one image, joined by commas")
        for node in {node.id: node for node in (*others, *more)}.values():
            if node.kind == "FluxGuidance":
                self.builder.drop("distilled guidance", resolve_number(self.graph, node.inputs.get("guidance")))

    def _read_model(self) -> None:
        """Set the checkpoint, the LoRAs on the path to it, and the number of skipped text encoder layers."""
        guider = next(along(self.graph, self.node.link("guider"), ()), None) or self.node
        for node in along(self.graph, guider.link("model"), ("model",)):
            inputs = node.inputs
            if "lora_name" in inputs:
                self.builder.lora(inputs["lora_name"], resolve_number(self.graph, inputs.get("strength_model")) or "")
            self.builder.model(resolve_number(self.graph, inputs.get("ckpt_name") or inputs.get("unet_name")))
        paths = upstream(self.graph, self.node.id)
        for key in paths:
            stop = self.graph[key].inputs.get("stop_at_clip_layer")
            if isinstance(stop, int) and stop < -1:
                self.builder.take("clip_skip", -stop - 1, "stop_at_clip_layer")

    def _read_size(self, path: Sequence[Node]) -> None:
        """Set the size from the first node on the path that has one."""
        sized = next((node for node in path if {"width", "height"} <= node.inputs.keys()), None)
        for side in ("width", "height"):
            self.builder.take(side, resolve_number(self.graph, sized.inputs[side]) if sized else None, side)

    def _read_start(self) -> None:
        """Set the size of the initial noise, or the init image."""
        link = next(filter(None, map(self.node.link, _LATENT)), None)
        path = list(along(self.graph, link, (*_LATENT, "pixels", "image", "images")))
        loaded = next((node for node in path if isinstance(node.inputs.get("image"), str)), None)
        encoded = any(node.link("pixels") is not None for node in path)
        if loaded is None and not encoded:
            self._read_size(path)
            return
        self.builder.init(loaded.inputs["image"] if loaded else None)
        self._read_strength()
        if any("mask" in name for node in path for name, _ in node.links):
            self.builder.missing.append("the inpainting mask; pass it with -M")

    def _read_strength(self) -> None:
        """Set the strength.

        ComfyUI takes all its steps, from a longer schedule; its advanced sampler skips the first ones.
        """
        steps, first = self._value("steps", "sigmas"), self._value("start_at_step")
        if isinstance(first, int) and isinstance(steps, int) and 0 < first < steps:
            self.builder.strength(round((steps - first) / steps, 4))
            return
        denoise = self._value("denoise", "sigmas")
        self.builder.strength(1 if denoise is None else denoise)
        if isinstance(denoise, (int, float)) and denoise < 1:
            self.builder.take("real_steps", steps, "steps")


COMFYUI = ReadOnlyFormat(name="ComfyUI", sniff=_sniff, decode=_decode)
