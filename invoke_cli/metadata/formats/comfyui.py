"""Read ComfyUI's graph, from the node that saves the image back to the sampler that started it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from invoke_cli.errors import MetadataError
from invoke_cli.metadata.builder import MetadataBuilder
from invoke_cli.metadata.codec import Chunks, ParsedMetadata, ReadOnlyFormat
from invoke_cli.metadata.formats.comfyui_graph import Connection, Graph, Node, along, upstream
from invoke_cli.metadata.formats.comfyui_nodes import NEGATIVE, POSITIVE, is_pipe
from invoke_cli.metadata.formats.comfyui_places import find_graph
from invoke_cli.metadata.formats.comfyui_service import read_service
from invoke_cli.metadata.formats.comfyui_values import resolve_number
from invoke_cli.metadata.formats.comfyui_words import read_words

_SAMPLER_KEYS = ("sampler_name", "sampler", "scheduler", "guider", "sigmas")
_LATENT = ("latent_image", "samples", "latent")
_ENDS = re.compile(r"image|save|preview|output", re.IGNORECASE)
_SIZES = (("width", "height"), ("empty_latent_width", "empty_latent_height"))
_PRESET = re.compile(r"(\d{2,5}) ?[x×] ?(\d{2,5})")
_LORA_NAME = re.compile(r"lora(?:_?(\d+))?_name(?:_(\d+))?")
_MODELS = ("ckpt_name", "base_ckpt_name", "unet_name", "gguf_name")
_KNOWN = {
    "SaveImage", "PreviewImage", "VAEDecode", "VAEDecodeTiled", "VAEEncode", "KSampler", "KSamplerAdvanced",
    "SamplerCustom", "SamplerCustomAdvanced", "CLIPTextEncode", "CLIPTextEncodeSDXL", "CLIPTextEncodeFlux",
    "CheckpointLoaderSimple", "UNETLoader", "DualCLIPLoader", "CLIPLoader", "VAELoader", "EmptyLatentImage",
    "EmptySD3LatentImage", "LoraLoader", "LoraLoaderModelOnly", "CLIPSetLastLayer", "LoadImage", "RandomNoise",
    "KSamplerSelect", "BasicScheduler", "BasicGuider", "CFGGuider", "FluxGuidance", "PrimitiveNode",
    "ConditioningZeroOut", "ConditioningCombine", "ConditioningConcat", "Note", "Reroute",
}  # fmt: skip
# Nodes that only supply, join or pass on values, or bundle what is read.
_HELPER = re.compile(
    r"Primitive|String|Text|Int|Float|Number|Seed|Note|Reroute|Switch|[Pp]ipe|Context|[Ll]oader|Node$|Tuple|Wildcard"
    r"|^easy (?:positive|negative|showAnything|preSampling)|Concat"
)
_WITHOUT_IMAGE = ("image", "images")


def _sniff(chunks: Chunks) -> bool:
    return bool(find_graph(chunks))


def _decode(chunks: Chunks) -> ParsedMetadata:
    graph = find_graph(chunks)
    samplers, path = _samplers(graph)
    if not samplers:
        if (service := read_service(graph, path)) is not None:
            return service
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


def _loras(node: Node) -> Iterator[tuple[object, object]]:
    """Yield name and weight of the LoRAs of a node: one, a numbered list, or a list of objects."""
    for name, value in node.inputs.items():
        match = _LORA_NAME.fullmatch(name)
        if match and value:
            yield value, _lora_weight(node, match[1] or match[2] or "")
        elif isinstance(value, Mapping) and isinstance(value.get("lora"), str) and value.get("on", True):
            yield value["lora"], value.get("strength", "")


def _lora_weight(node: Node, number: str) -> object:
    keys = ("strength_model", "lora_model_strength", f"lora_wt_{number}", f"model_str_{number}",
            f"lora_{number}_strength", f"lora_{number}_model_strength")  # fmt: skip
    return next((node.inputs[key] for key in keys if key in node.inputs), "")


def _label(node: Node) -> str:
    return f"{node.kind} ({node.id[:20]})"


def _samplers(graph: Graph) -> tuple[list[Node], dict[str, int]]:
    """Return the samplers on the longest path to a saved image, the last one first, and the whole path."""
    ends = [node for node in graph.values() if _ENDS.search(node.kind) and _image_link(node) is not None]
    paths = [upstream(graph, node.id) for node in ends[:20]] or [dict.fromkeys(graph, 0)]
    found = [[graph[key] for key in sorted(path, key=path.__getitem__) if _is_sampler(graph[key])] for path in paths]
    return max(zip(found, paths, strict=True), key=lambda pair: (bool(pair[0]), len(pair[1])))


def _image_link(node: Node) -> Connection | None:
    return next(filter(None, map(node.link, _WITHOUT_IMAGE)), None)


def _is_sampler(node: Node) -> bool:
    """Return whether a node denoises a latent image, which may be in a pipe; not one that repairs a finished image."""
    if not any(name in node.inputs for name in _SAMPLER_KEYS) or _image_link(node) is not None:
        return False
    if any(name in node.inputs for name in _LATENT):
        return True
    return any(is_pipe(name) for name, _ in node.links) and {"steps", "sampler_name"} <= node.inputs.keys()


def _model_links(name: str) -> bool:
    return name in ("model", "base_model") or is_pipe(name)


def _latent_links(name: str) -> bool:
    return name in (*_LATENT, "pixels", "image", "images") or is_pipe(name)


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
            return resolve_number(self.graph, self.node.inputs[name], name)
        linked = next(along(self.graph, self.node.link(via), ()), None) if via else None
        return resolve_number(self.graph, linked.inputs.get(name), name) if linked is not None else None

    def _read_prompts(self) -> None:
        guider = next(along(self.graph, self.node.link("guider"), ()), None) or self.node
        positive, negative = (read_words(self.graph, guider, side) for side in (POSITIVE, NEGATIVE))
        if set(negative.texts) and set(negative.texts) <= set(positive.texts):
            self.builder.missing.append("a negative prompt that is the same text as the prompt")
            negative.texts.clear()
        self.builder.foreign_prompts(", ".join(positive.texts), ", ".join(negative.texts))
        if len(positive.texts) > 1:
            self.builder.missing.append(f"{len(positive.texts)} prompts of one image, joined by commas")
        for node in {node.id: node for node in (*positive.others, *negative.others)}.values():
            if node.kind == "FluxGuidance":
                self.builder.drop("distilled guidance", resolve_number(self.graph, node.inputs.get("guidance")))
            self.builder.drop(f"style of {node.kind}", node.inputs.get("style") if "tyler" in node.kind else None)

    def _read_model(self) -> None:
        """Set the checkpoint, the LoRAs on the path to it, and the number of skipped text encoder layers."""
        guider = next(along(self.graph, self.node.link("guider"), ()), None) or self.node
        start = next((link for name, link in guider.links if _model_links(name)), None)
        for node in along(self.graph, start, _model_links):
            for name, weight in _loras(node):
                self.builder.lora(resolve_number(self.graph, name), resolve_number(self.graph, weight) or "")
            model = next((node.inputs[name] for name in _MODELS if name in node.inputs), None)
            self.builder.model(resolve_number(self.graph, model))
        self._read_clip_skip()

    def _read_clip_skip(self) -> None:
        for key in upstream(self.graph, self.node.id):
            for name in ("stop_at_clip_layer", "clip_skip", "base_clip_skip"):
                stop = resolve_number(self.graph, self.graph[key].inputs.get(name), name)
                if isinstance(stop, int) and -100 < stop < -1:
                    self.builder.take("clip_skip", -stop - 1, name)

    def _read_size(self, path: Sequence[Node]) -> None:
        """Set the size from the first node on the path that has one."""
        for node in path:
            preset = next((node.inputs[name] for name in ("resolution", "dimensions") if name in node.inputs), None)
            match = _PRESET.match(str(preset)) if isinstance(preset, str) else None
            if match:
                self._take_size(match[1], match[2])
                return
            for width, height in _SIZES:
                if {width, height} <= node.inputs.keys():
                    sides = ((node.inputs[name], name) for name in (width, height))
                    self._take_size(*(resolve_number(self.graph, value, name) for value, name in sides))
                    return

    def _take_size(self, width: object, height: object) -> None:
        self.builder.take("width", width, "width")
        self.builder.take("height", height, "height")

    def _start_link(self) -> Connection | None:
        """Return the link to the latent image that the sampler starts from."""
        start = next(filter(None, map(self.node.link, _LATENT)), None)
        return start or next((link for name, link in self.node.links if is_pipe(name)), None)

    def _read_start(self) -> None:
        """Set the size of the initial noise, or the init image."""
        path = list(along(self.graph, self._start_link(), _latent_links))
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
