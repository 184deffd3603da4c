"""ComfyUI: the graph that made a picture, walked back from where it is saved to the sampler that began it."""

from __future__ import annotations

import re
from typing import Any

from invoke_cli.errors import MetadataError
from invoke_cli.metadata.builder import MetadataBuilder, json_object
from invoke_cli.metadata.codec import Chunks, ParsedMetadata, Reading
from invoke_cli.metadata.formats.comfyui_graph import Graph, Node, along, read_canvas_graph, read_prompt_graph, upstream
from invoke_cli.metadata.formats.comfyui_values import number, prompt

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
_HELPER = re.compile(r"Primitive|String|Text|Int|Float|Number|Seed|Note|Reroute")  # their values are used


def _graph(chunks: Chunks) -> Graph:
    """The graph from whichever place holds one; empty when there is none."""
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
    samplers, way = _samplers(graph)
    if not samplers:
        hint = "!info shows the graph; the picture can be used with -I"
        raise MetadataError("its ComfyUI graph has no sampler that is known", hint=hint)
    draft = MetadataBuilder("ComfyUI")
    first = samplers[-1]
    _Pass(graph, first, draft).read()
    for node in samplers[:-1]:
        draft.missing.append(f"a further pass: {_called(node)}, denoise {node.inputs.get('denoise', '?')}")
    for key in way:
        kind = graph[key].kind
        if kind not in _KNOWN and not _HELPER.search(kind) and graph[key] not in samplers:
            draft.missing.append(f"node {_called(graph[key])}")
    return draft.recalled()


def _called(node: Node) -> str:
    return f"{node.kind} ({node.id[:20]})"


def _samplers(graph: Graph) -> tuple[list[Node], dict[str, int]]:
    """The samplers of the longest way to a saved picture, the last one first, and the whole way."""
    ends = [node for node in graph.values() if "image" in node.kind.lower() and node.link("images") is not None]
    ways = [upstream(graph, node.id) for node in ends[:20]] or [dict.fromkeys(graph, 0)]
    found = [[graph[key] for key in sorted(way, key=way.__getitem__) if _is_sampler(graph[key])] for way in ways]
    return max(zip(found, ways, strict=True), key=lambda pair: (bool(pair[0]), len(pair[1])))


def _is_sampler(node: Node) -> bool:
    return any(name in node.inputs for name in _LATENT) and any(name in node.inputs for name in _SAMPLER_KEYS)


class _Pass:
    """One sampler and what leads to it."""

    def __init__(self, graph: Graph, node: Node, draft: MetadataBuilder) -> None:
        self.graph, self.node, self.draft = graph, node, draft

    def read(self) -> None:
        draft = self.draft
        self._words()
        draft.take("num_inference_steps", self._value("steps", "sigmas"), "steps")
        draft.take("guidance_scale", self._value("cfg", "guider"), "cfg")
        seed = self._value("seed") if "seed" in self.node.inputs else self._value("noise_seed", "noise")
        draft.take("seeds", seed, "seed")
        draft.sampler(self._value("sampler_name", "sampler"), self._value("scheduler", "sigmas"))
        self._model()
        self._start()

    def _value(self, name: str, via: str = "") -> Any:
        """An input of the sampler's own, or of the node that one of its links leads to."""
        if name in self.node.inputs:
            return number(self.graph, self.node.inputs[name])
        beyond = next(along(self.graph, self.node.link(via), ()), None) if via else None
        return number(self.graph, beyond.inputs.get(name)) if beyond is not None else None

    def _words(self) -> None:
        guider = next(along(self.graph, self.node.link("guider"), ()), None) or self.node
        positive = guider.link("positive") or guider.link("conditioning")
        texts, others = prompt(self.graph, positive, "positive")
        negatives, more = prompt(self.graph, guider.link("negative"), "negative")
        self.draft.words(", ".join(texts), ", ".join(negatives))
        if len(texts) > 1:
            self.draft.missing.append(f"{len(texts)} prompts of one picture, joined by commas")
        for node in {node.id: node for node in (*others, *more)}.values():
            if node.kind == "FluxGuidance":
                self.draft.lose("distilled guidance", number(self.graph, node.inputs.get("guidance")))

    def _model(self) -> None:
        """The checkpoint, the LoRAs on the way to it and the layers of the text encoder that are left out."""
        guider = next(along(self.graph, self.node.link("guider"), ()), None) or self.node
        for node in along(self.graph, guider.link("model"), ("model",)):
            inputs = node.inputs
            if "lora_name" in inputs:
                self.draft.lora(inputs["lora_name"], number(self.graph, inputs.get("strength_model")) or "")
            self.draft.model(number(self.graph, inputs.get("ckpt_name") or inputs.get("unet_name")))
        ways = upstream(self.graph, self.node.id)
        for key in ways:
            stop = self.graph[key].inputs.get("stop_at_clip_layer")
            if isinstance(stop, int) and stop < -1:
                self.draft.take("clip_skip", -stop - 1, "stop_at_clip_layer")

    def _start(self) -> None:
        """The size of the noise, or the image that it began from."""
        link = next((found for name in _LATENT if (found := self.node.link(name)) is not None), None)
        way = list(along(self.graph, link, (*_LATENT, "pixels", "image", "images")))
        loaded = next((node for node in way if isinstance(node.inputs.get("image"), str)), None)
        encoded = any(node.link("pixels") is not None for node in way)
        if loaded is None and not encoded:
            sized = next((node for node in way if {"width", "height"} <= node.inputs.keys()), None)
            for side in ("width", "height"):
                self.draft.take(side, number(self.graph, sized.inputs[side]) if sized else None, side)
            return
        self.draft.init(loaded.inputs["image"] if loaded else None)
        self._strength()
        if any("mask" in name for node in way for name, _ in node.links):
            self.draft.missing.append("the mask it was painted under; give it with -M")

    def _strength(self) -> None:
        """ComfyUI takes all its steps, from a schedule made longer; the advanced sampler leaves the first ones out."""
        steps, first = self._value("steps", "sigmas"), self._value("start_at_step")
        if isinstance(first, int) and isinstance(steps, int) and 0 < first < steps:
            self.draft.strength(round((steps - first) / steps, 4))
            return
        denoise = self._value("denoise", "sigmas")
        self.draft.strength(1 if denoise is None else denoise)
        if isinstance(denoise, (int, float)) and denoise < 1:
            self.draft.take("real_steps", steps, "steps")


COMFYUI = Reading(name="ComfyUI", sniff=_sniff, decode=_decode)
