"""Prompts in ComfyUI's graphs: in loaders, stylers, switches, pipes and text nodes, each side apart."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from invoke_cli.metadata import codecs
from invoke_cli.metadata.codec import ParsedMetadata
from tests import image_files

Graph = dict[str, dict[str, Any]]


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


def encode(text: Any) -> dict[str, Any]:
    return node("CLIPTextEncode", text=text, clip=["c", 1])


def graph(positive: Any, negative: Any, **nodes: dict[str, Any]) -> Graph:
    """A pass whose sampler has these links."""
    return {
        "s": node("KSampler", seed=3, steps=9, cfg=5, sampler_name="euler", scheduler="normal", denoise=1,
                  model=["c", 0], positive=positive, negative=negative, latent_image=["l", 0]),
        "c": node("CheckpointLoaderSimple", ckpt_name="a.safetensors"),
        "l": node("EmptyLatentImage", width=512, height=640, batch_size=1),
        "d": node("VAEDecode", samples=["s", 0], vae=["c", 2]),
        "o": node("SaveImage", images=["d", 0]),
        **nodes,
    }  # fmt: skip


def encoded(positive: Any, negative: Any, **nodes: dict[str, Any]) -> Graph:
    """The same with two text encoders of these texts or links."""
    return graph(["p", 0], ["n", 0], p=encode(positive), n=encode(negative), **nodes)


def read(document: Graph, **chunks: str) -> ParsedMetadata:
    found = codecs.decode({"prompt": json.dumps(document), **chunks})
    assert found is not None
    return found


PIPE = node("ToBasicPipe", model=["c", 0], clip=["c", 1], positive=["p", 0], negative=["n", 0])
STYLER = node("SDXLPromptStyler", text_positive="a hare", text_negative="ugly", style="film", log_prompt="No")
LOADER = node("easy a1111Loader", ckpt_name="a.safetensors", positive=["t", 0], negative="ugly", clip_skip=-1,
              resolution="768 x 1344", empty_latent_width=512, empty_latent_height=512)  # fmt: skip
CONTEXT = node("Context (rgthree)", model=["c", 0], positive=["p", 0], negative=["n", 0], latent=["l", 0])
SWITCHES = {
    "Impact, by number": node("ImpactSwitch", select=2, input1=["x", 0], input2=["p", 0]),
    "easy-use, by index": node("easy anythingIndexSwitch", index=1, value0=["x", 0], value1=["p", 0]),
    "by a linked boolean": node("easy ifElse", boolean=["b", 0], on_true=["p", 0], on_false=["x", 0]),
    "Impact, by condition": node("ImpactConditionalBranch", cond=False, tt_value=["x", 0], ff_value=["p", 0]),
    "Comfyroll": node("CR Conditioning Input Switch", Input=1, conditioning1=["p", 0], conditioning2=["x", 0]),
    "WAS": node("Conditioning Input Switch", boolean=False, conditioning_a=["x", 0], conditioning_b=["p", 0]),
}
SERVICE: Graph = {
    "1": node("IdeogramV3", prompt=["2", 0], negative_prompt="ugly", seed=3, size="512x640", rendering_speed="TURBO"),
    "2": node("PrimitiveString", value="a hare"),
    "3": node("SaveImage", images=["1", 0]),
}
GRAPHS: dict[str, Graph] = {
    "styler": encoded(["t", 0], ["t", 1], t=STYLER),
    "shown text": encoded(["t", 0], "ugly", t=node("ShowText|pysssss", text=["u", 0], text_0="old"),
                          u=node("CR Text", text="a hare")),
    "text shown that nothing supplies": encoded(["t", 0], "ugly", t=node("ShowText|pysssss", text=["gone", 0],
                                                                         text_0="a hare")),
    "joined": encoded(["t", 0], ["q", 0], t=node("Text Concatenate", delimiter=" ", clean_whitespace="true",
                      text_a=["u", 0], text_b="hare"), u=node("Text Multiline", text="a"),
                      q=node("easy negative", negative="ugly")),
    "replaced": encoded(["t", 0], "ugly", t=node("StringReplace", string="a cat", find="cat", replace="hare")),
    "wildcards": graph(["t", 2], ["n", 0], n=encode("ugly"), t=node("ImpactWildcardEncode", model=["c", 0],
                       clip=["c", 1], wildcard_text="{a hare|a cat}", populated_text="a hare", mode="populate")),
    "wildcards as text": encoded(["t", 0], "ugly", t=node("ImpactWildcardProcessor", populated_text="a hare",
                                 wildcard_text="__animal__", mode="fixed", seed=1)),
    "basic pipe": graph(["f", 3], ["f", 4], p=encode("a hare"), n=encode("ugly"), t=PIPE,
                        f=node("FromBasicPipe", basic_pipe=["t", 0])),
    "context": graph(["f", 4], ["f", 5], p=encode("a hare"), n=encode("ugly"), t=CONTEXT,
                     f=node("Context (rgthree)", base_ctx=["t", 0])),
    "context that replaces one side": graph(["f", 4], ["f", 5], p=encode("a cat"), n=encode("ugly"), t=CONTEXT,
                                            f=node("Context (rgthree)", base_ctx=["t", 0], positive=["g", 0]),
                                            g=encode("a hare")),
    "nodes with a model output first": graph(["i", 1], ["i", 2], p=encode("a hare"), n=encode("ugly"),
                                             i=node("ApplyInstantID", positive=["p", 0], negative=["n", 0])),
    "an unknown loader": graph(["t", 1], ["t", 2], t=node("Handy Loader", positive="a hare", negative="ugly")),
    "zeroed out and concatenated": graph(["k", 0], ["n", 0], p=encode("a hare"), n=encode("ugly"), z=node(
        "ConditioningZeroOut", conditioning=["p", 0]), k=node("ConditioningConcat", conditioning_to=["p", 0],
                                                              conditioning_from=["z", 0])),
    "texts of SDXL": graph(["x", 0], ["n", 0], n=encode("ugly"), x=node("CLIPTextEncodeSDXL", text_g=["t", 0],
                           text_l=["t", 0], width=1024, height=1024), t=node("ttN text", text="a hare")),
    "a circle": encoded(["t", 0], "ugly", t=node("CR Text Concatenate", text1="a hare", text2=["t", 0], separator=" ")),
    **{f"switch: {name}": graph(["w", 0], ["n", 0], p=encode("a hare"), n=encode("ugly"), x=encode("a cat"), w=switch,
                                b=node("PrimitiveBoolean", value=True)) for name, switch in SWITCHES.items()},
    "service": SERVICE,
}  # fmt: skip


@pytest.mark.parametrize("name", GRAPHS)
def test_prompts_are_followed_through_nodes(name: str) -> None:
    request = read(GRAPHS[name]).request
    assert (request.prompt, request.negative_prompt, request.seeds) == ("a hare", "ugly", (3,))
    assert (request.width, request.height) == (512, 640)


def test_a_pipe_supplies_prompts_model_and_size() -> None:
    document = {
        "k": node("easy kSampler", pipe=["r", 0], image_output="Save"),
        "r": node("easy preSampling", pipe=["g", 0], steps=9, cfg=5, sampler_name="euler", scheduler="normal", seed=3),
        "g": LOADER,
        "t": node("easy positive", positive="a hare"),
        "o": node("SaveImage", images=["k", 1]),
    }
    found = read(document)
    assert (found.request.prompt, found.request.negative_prompt, found.request.seeds) == ("a hare", "ugly", (3,))
    assert (found.request.width, found.request.height, found.facts["model"]) == (768, 1344, "a.safetensors")


def test_a_side_without_words_takes_none_of_the_other_s() -> None:
    zeroed = graph(["p", 0], ["z", 0], p=encode("a hare"), z=node("ConditioningZeroOut", conditioning=["p", 0]))
    assert read(zeroed).request.negative_prompt is None
    lonely = graph(["t", 1], ["t", 2], t=node("Half a Loader", positive="a hare", ckpt_name="a"))
    assert read(lonely).request.negative_prompt is None
    same = graph(["p", 0], ["p", 0], p=encode("a hare"))
    assert read(same).request.negative_prompt is None and any("same text" in text for text in read(same).missing)


def test_crossed_wires_are_followed_by_output() -> None:
    request = read(encoded(["t", 1], ["t", 0], t=STYLER)).request
    assert (request.prompt, request.negative_prompt) == ("ugly", "a hare")


def test_the_style_and_the_service_are_reported() -> None:
    assert any("film" in text for text in read(GRAPHS["styler"]).missing)
    assert any("IdeogramV3" in text for text in read(SERVICE).missing)
    assert "rendering_speed: TURBO" in read(SERVICE).missing


def test_numbers_come_from_the_output_that_is_linked() -> None:
    document = encoded("a hare", "ugly", q=node("KSampler Config (rgthree)", steps_total=12, refiner_step=8, cfg=4.5,
                       sampler_name="euler", scheduler="karras"))  # fmt: skip
    document["s"]["inputs"] |= {"steps": ["q", 0], "cfg": ["q", 2], "scheduler": ["q", 4]}
    request = read(document).request
    assert (request.num_inference_steps, request.guidance_scale, request.scheduler) == (12, 4.5, "euler_k")


CANVAS = {
    "nodes": [
        {"id": 1, "type": "Efficient Loader", "widgets_values": ["a.safetensors", "Baked VAE", -1, "None", 1, 1,
         "a hare", "ugly", "none", "comfy", 512, 640, 1],
         "outputs": [{"name": name} for name in ("MODEL", "CONDITIONING+", "CONDITIONING-", "LATENT", "VAE", "CLIP")]},
        {"id": 2, "type": "KSampler (Efficient)", "widgets_values": [3, None, 9, 5, "euler", "normal", 1, "auto"],
         "inputs": [{"name": "model", "link": 1}, {"name": "positive", "link": 2}, {"name": "negative", "link": 3},
                    {"name": "latent_image", "link": 4}]},
        {"id": 3, "type": "SaveImage", "inputs": [{"name": "images", "link": 5}]},
        {"id": 4, "type": "Reroute", "inputs": [{"name": "", "link": 6}]},
        {"id": 5, "type": "Odd Loader", "mode": 4, "inputs": [{"name": "conditioning", "link": 7}]},
    ],
    "links": [[1, 1, 0, 2, 0, "MODEL"], [2, 1, 1, 2, 1, "CONDITIONING"], [3, 4, 0, 2, 2, "CONDITIONING"],
              [4, 1, 3, 2, 3, "LATENT"], [5, 2, 5, 3, 0, "IMAGE"], [6, 5, 0, 4, 0, "*"],
              [7, 1, 2, 5, 0, "CONDITIONING"]],
}  # fmt: skip


def test_the_canvas_form_is_read_through_reroutes_and_bypassed_nodes() -> None:
    found = codecs.decode({"workflow": json.dumps(CANVAS)})
    assert found is not None
    request = found.request
    assert (request.prompt, request.negative_prompt, request.seeds, request.width) == ("a hare", "ugly", (3,), 512)


def test_the_canvas_s_set_and_get_nodes_and_its_named_widgets_are_read() -> None:
    widgets = [
        {"name": name, "widget": {"name": name}} for name in ("seed", "steps", "cfg", "sampler_name", "scheduler")
    ]
    document = {
        "nodes": [
            {"id": 1, "type": "My Text", "inputs": [{"name": "words", "widget": {"name": "text"}}],
             "widgets_values": ["a hare"]},
            {"id": 2, "type": "SetNode", "widgets_values": ["good"], "inputs": [{"name": "STRING", "link": 1}]},
            {"id": 3, "type": "GetNode", "widgets_values": ["good"]},
            {"id": 4, "type": "CLIPTextEncode", "widgets_values": ["old"], "inputs": [{"name": "text", "link": 2}]},
            {"id": 5, "type": "Odd KSampler", "widgets_values": [3, "fixed", 9, 5, "euler", "normal"],
             "inputs": [{"name": "positive", "link": 3}, {"name": "latent_image", "link": 4}, *widgets]},
            {"id": 6, "type": "SaveImage", "inputs": [{"name": "images", "link": 5}]},
        ],
        "links": [[1, 1, 0, 2, 0, "S"], [2, 3, 0, 4, 0, "S"], [3, 4, 0, 5, 0, "C"], [5, 5, 0, 6, 0, "I"]],
    }  # fmt: skip
    found = codecs.decode({"workflow": json.dumps(document)})
    assert found is not None
    assert (found.request.prompt, found.request.num_inference_steps, found.request.seeds) == ("a hare", 9, (3,))


def test_the_canvas_names_the_outputs_of_nodes_in_the_other_form() -> None:
    canvas = {"nodes": [{"id": "t", "type": "New Loader", "outputs": [{"name": "neg"}, {"name": "pos"}]}], "links": []}
    document = graph(["t", 1], ["t", 0], t=node("New Loader", good_words="x", positive="a hare", negative="ugly"))
    request = read(document, workflow=json.dumps(canvas)).request
    assert (request.prompt, request.negative_prompt) == ("a hare", "ugly")


@pytest.mark.parametrize("place", ["EXIF:Make", "EXIF:ImageDescription", "EXIF:UserComment", "comment"])
@pytest.mark.parametrize("form", ["Prompt: {}", "workflow:{{}}\nprompt:{}", '{{"prompt": {}, "workflow": {{}}}}', "{}"])
def test_the_graph_is_found_wherever_a_node_saved_it(place: str, form: str) -> None:
    found = codecs.decode({place: form.format(json.dumps(GRAPHS["styler"]))})
    assert found is not None and found.request.prompt == "a hare"


def test_hostile_graphs_cost_little() -> None:
    start = time.monotonic()
    fan = {str(n): node("CR Text Concatenate", **{f"text{k}": [str(n + 1), 0] for k in range(9)}) for n in range(4000)}
    read(encoded(["0", 0], [["x"], 0], **fan))
    circle = {str(n): node("ConditioningCombine", conditioning_1=[str((n + 1) % 4000), 0],
                           conditioning_2=[str((n + 7) % 4000), 0]) for n in range(4000)}  # fmt: skip
    read(graph(["0", 0], ["1", 0], **circle))
    for broken in (
        {"1": node("KSampler", positive=["1", 0], latent_image=["1", -5], sampler_name=None)},
        {"1": node("x")},
    ):
        codecs.decode({"parameters": "x", "workflow": json.dumps({"nodes": 3}), "prompt": json.dumps(broken)})
    assert time.monotonic() - start < 10


@pytest.mark.parametrize("tag", [0x010D, 0x010E, 0x9C9C])
def test_the_graph_is_read_from_any_exif_tag_of_a_webp(tmp_path: Path, tag: int) -> None:
    text = f"prompt:{json.dumps(GRAPHS['styler'])}"
    data = text.encode("utf-16-le" if tag == 0x9C9C else "utf-8")
    path = tmp_path / "theirs.webp"
    path.write_bytes(image_files.webp(exif_block=image_files.exif({0x010C: b"made by hand\0", tag: data})))
    assert codecs.recall(path).request.prompt == "a hare"
