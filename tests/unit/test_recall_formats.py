"""One picture of each program, put together after the facts of its format: the line it becomes, and what is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from invoke_cli import metadata
from invoke_cli.errors import MetadataError
from invoke_cli.language.formatting import format_line
from invoke_cli.metadata.codec import Recalled
from invoke_cli.metadata.xmp import KEYWORD as XMP
from tests import pictures
from tests.pictures import USER_COMMENT, unicode_comment


def recalled(tmp_path: Path, data: bytes, name: str = "theirs.png") -> Recalled:
    path = tmp_path / name
    path.write_bytes(data)
    return metadata.recall(path)


def as_exif(document: object, prefix: bytes = b"") -> bytes:
    return pictures.exif({}, inner={USER_COMMENT: prefix + json.dumps(document).encode()})


def xmp(properties: str) -> str:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="">{properties}</rdf:Description></rdf:RDF></x:xmpmeta>'
    )


INVOKEAI_5 = {
    "generation_mode": "img2img", "positive_prompt": "a cat [x]", "negative_prompt": "blurry", "width": 512,
    "height": 768, "seed": 5, "cfg_scale": 7.5, "cfg_rescale_multiplier": 0, "steps": 20, "scheduler": "euler_k",
    "clip_skip": 1, "strength": 0.6, "init_image": "abc.png", "rand_device": "cpu", "app_version": "5.1.0",
    "model": {"key": "1-2", "hash": "blake3:ab", "name": "dreamy", "base": "sd-1", "type": "main"},
    "loras": [{"model": {"name": "ink"}, "weight": 0.5}], "seamless_x": True,
    "controlnets": [{"control_model": {"name": "canny"}, "control_weight": 1}],
}  # fmt: skip

A1111 = """a castle, (stone:1.2) <lora:ink:0.8>
on a hill
Negative prompt: blurry
Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 965400086, Size: 512x768, \
Model hash: 45dee52b2e, Model: v1-5, Denoising strength: 0.6, Clip skip: 2, ADetailer model: face.pt, \
ADetailer prompt: "a face, smiling", ADetailer confidence: 0.3, \
ControlNet 0: "Module: canny, Weight: 1", Version: v1.10.1"""
FORGE_HIRES = """a castle
Steps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 1, Distilled CFG Scale: 3.5, Seed: 1, \
Size: 512x512, Model: flux, Denoising strength: 0.4, Hires upscale: 2, Hires upscaler: "4x, sharp", Version: f2.0.1"""
SD_NEXT = """a castle
Steps: 20, Size: 512x512, Sampler: DPM++ 2M, Seed: 1, CFG scale: 6, CFG rescale: 0.7, App: SD.Next, Version: 4d1f, \
Pipeline: StableDiffusionPipeline, Operations: txt2img"""


def comfy(**changes: Any) -> dict[str, Any]:
    inputs = {
        "seed": 1, "steps": 20, "cfg": 7, "sampler_name": "dpmpp_2m", "scheduler": "karras", "denoise": 1.0,
        "model": ["10", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0],
    } | changes  # fmt: skip
    return {
        "3": {"class_type": "KSampler", "inputs": inputs},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sub/v1-5.safetensors"}},
        "10": {"class_type": "LoraLoader", "inputs": {"lora_name": "ink.safetensors", "strength_model": 0.8,
               "model": ["4", 0], "clip": ["4", 1]}},
        "11": {"class_type": "CLIPSetLastLayer", "inputs": {"stop_at_clip_layer": -2, "clip": ["10", 1]}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ["20", 0], "clip": ["11", 0]}},
        "20": {"class_type": "StringConcatenate", "inputs": {"string_a": "a cat", "string_b": ["21", 0],
               "delimiter": ", "}},
        "21": {"class_type": "PrimitiveString", "inputs": {"value": "on a mat"}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "bad", "clip": ["4", 1]}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 768, "batch_size": 1}},
        "12": {"class_type": "LoadImage", "inputs": {"image": "sub/photo.png"}},
        "13": {"class_type": "VAEEncode", "inputs": {"pixels": ["12", 0], "vae": ["4", 2]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "x"}},
    }  # fmt: skip


def comfy_hires() -> dict[str, Any]:
    graph = comfy()
    graph["14"] = {"class_type": "LatentUpscale", "inputs": {"samples": ["3", 0], "width": 1024, "height": 1536}}
    graph["15"] = {"class_type": "KSampler", "inputs": {**graph["3"]["inputs"], "latent_image": ["14", 0],
                   "denoise": 0.5}}  # fmt: skip
    graph["16"] = {"class_type": "FaceMender", "inputs": {"image": ["8", 0]}}
    graph["8"]["inputs"]["samples"] = ["15", 0]
    graph["9"]["inputs"]["images"] = ["16", 0]
    graph["90"] = {"class_type": "PreviewImage", "inputs": {"images": ["12", 0]}}
    return graph


FLUX = {
    "1": {"class_type": "SamplerCustomAdvanced", "inputs": {"noise": ["2", 0], "guider": ["3", 0],
          "sampler": ["4", 0], "sigmas": ["5", 0], "latent_image": ["6", 0]}},
    "2": {"class_type": "RandomNoise", "inputs": {"noise_seed": 77}},
    "3": {"class_type": "BasicGuider", "inputs": {"model": ["7", 0], "conditioning": ["8", 0]}},
    "4": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "euler"}},
    "5": {"class_type": "BasicScheduler", "inputs": {"scheduler": "normal", "steps": 4, "denoise": 1,
          "model": ["7", 0]}},
    "6": {"class_type": "EmptySD3LatentImage", "inputs": {"width": 1024, "height": 512, "batch_size": 1}},
    "7": {"class_type": "UNETLoader", "inputs": {"unet_name": "flux.safetensors"}},
    "8": {"class_type": "FluxGuidance", "inputs": {"guidance": 3.5, "conditioning": ["9", 0]}},
    "9": {"class_type": "CLIPTextEncodeFlux", "inputs": {"clip_l": "a cat", "t5xxl": "a cat", "guidance": 3.5}},
    "10": {"class_type": "VAEDecode", "inputs": {"samples": ["1", 0]}},
    "11": {"class_type": "SaveImage", "inputs": {"images": ["10", 0]}},
}  # fmt: skip
SDXL_ADVANCED = {
    "1": {"class_type": "KSamplerAdvanced", "inputs": {"add_noise": "enable", "noise_seed": 8, "steps": 20, "cfg": 8,
          "sampler_name": "euler_ancestral", "scheduler": "normal", "positive": ["2", 0], "negative": ["3", 0],
          "latent_image": ["4", 0], "start_at_step": 5, "end_at_step": 10000}},
    "2": {"class_type": "ControlNetApplyAdvanced", "inputs": {"positive": ["5", 0], "negative": ["6", 0],
          "strength": 1}},
    "3": {"class_type": "ControlNetApplyAdvanced", "inputs": {"positive": ["5", 0], "negative": ["6", 0]}},
    "5": {"class_type": "CLIPTextEncodeSDXL", "inputs": {"text_g": "a dog", "text_l": "a dog", "width": 1024,
          "height": 1024}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "ugly"}},
    "4": {"class_type": "VAEEncode", "inputs": {"pixels": ["7", 0]}},
    "7": {"class_type": "ImageScale", "inputs": {"image": ["8", 0], "width": 512, "height": 512}},
    "8": {"class_type": "LoadImage", "inputs": {"image": "photo.png"}},
    "9": {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}},
}  # fmt: skip
SDXL_ADVANCED["1"]["inputs"]["negative"] = ["3", 1]  # type: ignore[index]

CANVAS = {
    "nodes": [
        {"id": 3, "type": "KSampler", "mode": 0, "widgets_values": [156, "randomize", 20, 8, "euler", "normal", 1],
         "inputs": [{"name": "model", "link": 1}, {"name": "positive", "link": 4}, {"name": "negative", "link": 6},
                    {"name": "latent_image", "link": 2}]},
        {"id": 4, "type": "CheckpointLoaderSimple", "widgets_values": ["a.ckpt"]},
        {"id": 5, "type": "EmptyLatentImage", "widgets_values": [512, 640, 1]},
        {"id": 6, "type": "CLIPTextEncode", "widgets_values": ["hello"]},
        {"id": 7, "type": "CLIPTextEncode", "widgets_values": ["bye"]},
        {"id": 8, "type": "VAEDecode", "inputs": [{"name": "samples", "link": 7}]},
        {"id": 9, "type": "SaveImage", "inputs": [{"name": "images", "link": 9}], "widgets_values": ["C"]},
    ],
    "links": [[1, 4, 0, 3, 0, "MODEL"], [2, 5, 0, 3, 3, "LATENT"], [4, 6, 0, 3, 1, "C"], [6, 7, 0, 3, 2, "C"],
              [7, 3, 0, 8, 0, "L"], [9, 8, 0, 9, 0, "I"]],
}  # fmt: skip

NOVELAI = {
    "Software": "NovelAI", "Title": "AI generated image", "Description": "{cat}, best", "Source": "SD 8BA2AF87",
    "Comment": json.dumps({"steps": 28, "sampler": "k_euler_ancestral", "seed": 9, "strength": 0.7, "noise": 0.2,
                           "scale": 11, "uc": "lowres"}),
}  # fmt: skip
FOOOCUS = {
    "prompt": "a cat", "negative_prompt": "", "resolution": "(896, 1152)", "styles": "['Fooocus V2']", "steps": 30,
    "guidance_scale": 4.0, "sharpness": 2.0, "sampler": "dpmpp_2m_sde_gpu", "scheduler": "karras", "seed": "123",
    "base_model": "jugger", "base_model_hash": "ab12", "version": "Fooocus v2.5.0", "performance": "Speed",
    "lora_combined_1": "ink : 0.5", "clip_skip": 2,
}  # fmt: skip
SDCPP_JSON = {
    "schema": "sdcpp.image.params/v1", "mode": "txt2img", "seed": 42, "width": 512, "height": 640, "clip_skip": 2,
    "prompt": {"positive": "a cat, <lora:ink:0.5>", "negative": "bad"}, "strength": 0.75,
    "sampling": {"steps": 20, "eta": 0, "method": "dpm++2m", "scheduler": "karras", "custom_sigmas": [14.6, 7, 0],
                 "guidance": {"txt_cfg": 7.0}}, "models": {"model": "a.gguf"}, "loras": [],
}  # fmt: skip
SDCPP = (
    "a cat, <lora:ink:0.5>\nNegative prompt: bad\nSteps: 20, CFG scale: 7.000000, Seed: 42, Size: 512x640, "
    f"Model: a.gguf, RNG: cuda, Sampler: dpm++2m karras, Version: stable-diffusion.cpp, SDCPP: {json.dumps(SDCPP_JSON)}"
)
IMAGINAIRY = {
    "prompt": {"prompt": [{"text": "a cat", "weight": 1}, {"text": "a hat", "weight": 0.5}],
               "negative_prompt": [{"text": "ugly", "weight": 1}], "prompt_strength": 7.5, "init_image": "<Image>",
               "init_image_strength": 0.35, "solver_type": "ddim", "seed": 4, "steps": 30, "size": [512, 640],
               "tile_mode": "", "upscale": True, "model_weights": {"name": "sd15"}},
}  # fmt: skip
MFLUX = {
    "mflux_version": "0.6", "model": "dev", "seed": 7, "steps": 4, "guidance": 3.5, "height": 512, "width": 640,
    "image_path": "/home/u/me.png", "image_strength": 0.3, "prompt": "a cat", "quantize": 8,
    "lora_paths": ["/x/ink.safetensors"], "lora_scales": [0.5],
}  # fmt: skip
KOHYA = {
    "prompt": "a cat", "seed": "5", "sampler": "k_euler_a", "steps": "20", "scale": "7.5", "negative-prompt": "bad",
    "crop-top": "3",
}  # fmt: skip
EASY = {
    "prompt": "a cat", "negative_prompt": "bad", "seed": 5, "use_stable_diffusion_model": "sd-v1-4", "clip_skip": True,
    "sampler_name": "euler_a", "width": 512, "height": 640, "num_inference_steps": 25, "guidance_scale": 7.5,
}  # fmt: skip
EASY_TITLES = {
    "Prompt": "a cat", "Negative Prompt": "bad", "Seed": "5", "Stable Diffusion model": "sd-v1-4", "Clip Skip": "True",
    "Sampler": "euler_a", "Width": "512", "Height": "640", "Steps": "25", "Guidance Scale": "7.5",
}  # fmt: skip
EASY_LINE = "a cat -s 25 -S 5 -W 512 -H 640 -C 7.5 -A k_euler_a --neg bad --clip_skip 1"
SWARM = {
    "sui_image_params": {"prompt": "a cat", "negativeprompt": "bad", "model": "sd15", "seed": 3, "steps": 20,
                         "cfgscale": 7.0, "width": 512, "height": 640, "sampler": "euler", "scheduler": "karras",
                         "clipstopatlayer": -2, "swarm_version": "0.9", "vae": "special"},
    "sui_extra_data": {},
}  # fmt: skip
DRAW_THINGS = {
    "c": "a cat & a <dog>", "uc": "bad", "model": "sd_v1.5.ckpt", "sampler": "DPM++ 2M Karras", "seed": 6,
    "scale": 7.5, "steps": 20, "size": "512x640", "strength": 1,
}  # fmt: skip

FORMATS: dict[str, tuple[bytes, str, str, tuple[str, ...]]] = {
    "InvokeAI 5": (
        pictures.png_of({"invokeai_metadata": json.dumps(INVOKEAI_5), "invokeai_graph": "{}"}),
        "InvokeAI 5.1.0",
        "a cat \\[x\\] -s 20 -S 5 -W 512 -H 768 -C 7.5 -A euler_k --neg blurry -I abc.png -f 0.6 --clip_skip 1 "
        "--seamless_axes x",
        ("LoRA ink at 0.5", "canny"),
    ),
    "A1111 in PNG": (
        pictures.png_of({"parameters": A1111}),
        "A1111 v1.10.1",
        "a castle, \\(stone:1.2\\)\\non a hill -s 20 -S 965400086 -W 512 -H 768 -C 7 -A dpmpp_2m_k --neg blurry -f 0.6 "
        "--clip_skip 1",
        ("LoRA ink at 0.8", "(stone:1.2) stays text", "ADetailer: model face.pt", "ControlNet 0: Module: canny", "-I"),
    ),
    "Forge with a Hires pass": (
        pictures.png_of({"parameters": FORGE_HIRES}),
        "Forge f2.0.1",
        "a castle -s 20 -S 1 -W 512 -H 512 -C 1 -A k_euler_a",
        ("Distilled CFG Scale: 3.5", "strength of the Hires pass: 0.4", "upscaler 4x, sharp"),
    ),
    "SD.Next in WebP": (
        pictures.webp(exif_block=pictures.exif({}, inner={USER_COMMENT: unicode_comment(SD_NEXT, "utf-16-le")})),
        "SD.Next 4d1f",
        "a castle -s 20 -S 1 -W 512 -H 512 -C 6 -A k_dpmpp_2 --cfg_rescale 0.7",
        (),
    ),
    "A1111 in JPEG": (
        pictures.jpeg(exif_block=pictures.exif({}, inner={USER_COMMENT: unicode_comment(FORGE_HIRES)})),
        "Forge f2.0.1",
        "a castle -s 20 -S 1 -W 512 -H 512 -C 1 -A k_euler_a",
        (),
    ),
    "ComfyUI": (
        pictures.png_of({"prompt": json.dumps(comfy()), "workflow": "{}"}),
        "ComfyUI",
        "a cat, on a mat -s 20 -S 1 -W 512 -H 768 -C 7 -A dpmpp_2m_k --neg bad --clip_skip 1",
        ("LoRA ink.safetensors at 0.8",),
    ),
    "ComfyUI from an image": (
        pictures.png_of({"prompt": json.dumps(comfy(denoise=0.6, latent_image=["13", 0]))}),
        "ComfyUI",
        "a cat, on a mat -s 20 -S 1 -C 7 -A dpmpp_2m_k --neg bad -I photo.png -f 0.6 --real_steps 20 --clip_skip 1",
        (),
    ),
    "ComfyUI with a second pass": (
        pictures.png_of({"prompt": json.dumps(comfy_hires())}),
        "ComfyUI",
        "a cat, on a mat -s 20 -S 1 -W 512 -H 768 -C 7 -A dpmpp_2m_k --neg bad --clip_skip 1",
        ("a further pass: KSampler (15), denoise 0.5", "node FaceMender (16)", "node LatentUpscale (14)"),
    ),
    "ComfyUI, advanced nodes": (
        pictures.png_of({"prompt": json.dumps(FLUX)}),
        "ComfyUI",
        "a cat -s 4 -S 77 -W 1024 -H 512 -A k_euler",
        ("distilled guidance: 3.5",),
    ),
    "ComfyUI, a late start": (
        pictures.png_of({"prompt": json.dumps(SDXL_ADVANCED)}),
        "ComfyUI",
        "a dog -s 20 -S 8 -C 8 -A k_euler_a --neg ugly -I photo.png -f 0.75",
        ("node ControlNetApplyAdvanced (2)",),
    ),
    "ComfyUI's canvas alone": (
        pictures.png_of({"workflow": json.dumps(CANVAS)}),
        "ComfyUI",
        "hello -s 20 -S 156 -W 512 -H 640 -C 8 -A k_euler --neg bye",
        (),
    ),
    "ComfyUI in an animated WebP": (
        pictures.webp(exif_block=pictures.exif(
            {0x0110: b"prompt:" + json.dumps(comfy()).encode(), 0x010F: b"workflow:{}"}
        )),
        "ComfyUI",
        "a cat, on a mat -s 20 -S 1 -W 512 -H 768 -C 7 -A dpmpp_2m_k --neg bad --clip_skip 1",
        (),
    ),
    "NovelAI": (
        pictures.png_of(NOVELAI),
        "NovelAI",
        f"\\{{cat\\}}, best -s 28 -S 9 -W {pictures.WIDTH} -H {pictures.HEIGHT} -C 11 -A k_euler_a --neg lowres",
        ("{cat} stays text",),
    ),
    "NovelAI, hidden": (
        pictures.stealth(json.dumps(NOVELAI)),
        "NovelAI",
        "\\{cat\\}, best -s 28 -S 9 -W 96 -H 96 -C 11 -A k_euler_a --neg lowres",
        (),
    ),
    "Fooocus": (
        pictures.png_of({"parameters": json.dumps(FOOOCUS), "fooocus_scheme": "fooocus"}),
        "Fooocus v2.5.0",
        "a cat -s 30 -S 123 -W 896 -H 1152 -C 4 -A dpmpp_2m_sde_k",
        ("LoRA ink at 0.5", "styles: ['Fooocus V2']", "sharpness: 2.0"),
    ),
    "Fooocus in JPEG": (
        pictures.jpeg(exif_block=pictures.exif({USER_COMMENT: json.dumps(FOOOCUS).encode(), 0x927C: b"fooocus"})),
        "Fooocus v2.5.0",
        "a cat -s 30 -S 123 -W 896 -H 1152 -C 4 -A dpmpp_2m_sde_k",
        (),
    ),
    "Fooocus-MRE": (
        pictures.jpeg(comment=json.dumps({"base_model": "x", "prompt": "a cat", "sampler": "euler", "seed": 4,
                                          "cfg": 5, "steps": 6, "width": 64, "height": 96}).encode()),
        "Fooocus-MRE",
        "a cat -s 6 -S 4 -W 64 -H 96 -C 5 -A k_euler",
        (),
    ),
    "stable-diffusion.cpp": (
        pictures.png_of({"parameters": SDCPP}),
        "stable-diffusion.cpp",
        "a cat -s 20 -S 42 -W 512 -H 640 -C 7 -A dpmpp_2m_k --neg bad --clip_skip 1",
        ("LoRA ink at 0.5", "custom_sigmas: [14.6, 7, 0]"),
    ),
    "stable-diffusion.cpp in JPEG": (
        pictures.jpeg(comment=b"parameters\0" + SDCPP.encode() + b"\0"),
        "stable-diffusion.cpp",
        "a cat -s 20 -S 42 -W 512 -H 640 -C 7 -A dpmpp_2m_k --neg bad --clip_skip 1",
        (),
    ),
    "stable-diffusion.cpp in WebP": (
        pictures.webp(xmp=xmp(
            '<sdcpp:parameters xmlns:sdcpp="https://github.com/leejet/stable-diffusion.cpp/ns/1.0/">'
            + SDCPP.replace("<", "&lt;") + "</sdcpp:parameters>"
        )),
        "stable-diffusion.cpp",
        "a cat -s 20 -S 42 -W 512 -H 640 -C 7 -A dpmpp_2m_k --neg bad --clip_skip 1",
        (),
    ),
    "imaginAIry": (
        pictures.jpeg(exif_block=pictures.exif(
            {USER_COMMENT: json.dumps(IMAGINAIRY).encode(), 0x0131: b"Imaginairy / Stable Diffusion v1.5\0"}
        )),
        "Imaginairy / Stable Diffusion v1.5",
        "a cat, a hat -s 30 -S 4 -W 512 -H 640 -C 7.5 -A ddim --neg ugly -f 0.65",
        ("weight: 0.5 of a hat", "upscale: true", "give it with -I"),
    ),
    "mflux": (
        pictures.png(pictures.chunk(b"eXIf", as_exif(MFLUX, b"ASCII\0\0\0"))),
        "mflux 0.6",
        "a cat -s 4 -S 7 -W 640 -H 512 -C 3.5 -I me.png -f 0.7",
        ("LoRA ink.safetensors at 0.5", "quantize: 8"),
    ),
    "kohya": (
        pictures.png_of(KOHYA),
        "kohya gen_img",
        f"a cat -s 20 -S 5 -W {pictures.WIDTH} -H {pictures.HEIGHT} -C 7.5 -A k_euler_a --neg bad",
        ("crop-top: 3",),
    ),
    "Easy Diffusion": (
        pictures.png_of({key: str(value) for key, value in EASY.items()}),
        "Easy Diffusion",
        EASY_LINE,
        (),
    ),
    "Easy Diffusion, title words": (pictures.png_of(EASY_TITLES), "Easy Diffusion", EASY_LINE, ()),
    "Easy Diffusion in JPEG": (pictures.jpeg(exif_block=as_exif(EASY)), "Easy Diffusion", EASY_LINE, ()),
    "SwarmUI": (
        pictures.png_of({"parameters": json.dumps(SWARM)}),
        "SwarmUI 0.9",
        "a cat -s 20 -S 3 -W 512 -H 640 -C 7 -A euler_k --neg bad --clip_skip 1",
        ("vae: special",),
    ),
    "SwarmUI in JPEG": (
        pictures.jpeg(exif_block=pictures.exif({}, inner={USER_COMMENT: unicode_comment(json.dumps(SWARM))})),
        "SwarmUI 0.9",
        "a cat -s 20 -S 3 -W 512 -H 640 -C 7 -A euler_k --neg bad --clip_skip 1",
        (),
    ),
    "Draw Things": (
        pictures.png_of({XMP: xmp(
            '<exif:UserComment xmlns:exif="http://ns.adobe.com/exif/1.0/"><rdf:Alt><rdf:li xml:lang="x-default">'
            + json.dumps(DRAW_THINGS).replace("&", "&amp;").replace("<", "&lt;")
            + "</rdf:li></rdf:Alt></exif:UserComment>"
        )}),
        "Draw Things",
        "a cat & a \\<dog> -s 20 -S 6 -W 512 -H 640 -C 7.5 -A dpmpp_2m_k --neg bad",
        (),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_becomes_a_line(tmp_path: Path, name: str) -> None:
    data, program, line, told = FORMATS[name]
    found = recalled(tmp_path, data, "theirs.bin")
    assert found.program == program
    assert format_line(found.stages) == line
    for text in told:
        assert any(text in entry for entry in found.missing), (text, found.missing)
    assert found.made is None


@pytest.mark.parametrize(
    "name", ["A1111 in PNG", "ComfyUI", "Fooocus", "SwarmUI", "Draw Things", "mflux", "InvokeAI 5"]
)
def test_the_model_s_name_is_a_fact(tmp_path: Path, name: str) -> None:
    assert recalled(tmp_path, FORMATS[name][0]).facts["model"]


def test_both_comfyui_s_graph_and_parameters_the_parameters_win(tmp_path: Path) -> None:
    data = pictures.png_of({"prompt": json.dumps(comfy()), "parameters": A1111})
    assert recalled(tmp_path, data).program == "A1111 v1.10.1"


def test_text_behind_the_pixels_and_utf_8_where_latin_1_should_be(tmp_path: Path) -> None:
    body = b"parameters\0" + "ein schöner Hügel, 東京\nSteps: 5, Seed: 3, Sampler: Euler".encode()
    found = recalled(tmp_path, pictures.png(after=pictures.chunk(b"tEXt", body)))
    assert found.request.prompt == "ein schöner Hügel, 東京"


def test_a_seed_that_is_too_large_is_told_and_not_cut(tmp_path: Path) -> None:
    found = recalled(tmp_path, pictures.png_of({"prompt": json.dumps(comfy(seed=2**63))}))
    assert found.request.seeds is None
    assert any(str(2**63) in text for text in found.missing)


@pytest.mark.parametrize("seed", [-1, "-1", "random", True, [1], 1.5, "0..9", "1,2,3"])
def test_a_seed_that_is_none_never_becomes_one(tmp_path: Path, seed: object) -> None:
    """-1 means "draw one" elsewhere and "the last image's" here."""
    found = recalled(tmp_path, pictures.png_of({"prompt": json.dumps(comfy(seed=seed))}))
    assert found.request.seeds is None


def test_the_seed_of_an_old_file_stands_in_its_name(tmp_path: Path) -> None:
    data = pictures.png_of({"Dream": "a cat -s 20 -W 512 -H 512"})
    assert recalled(tmp_path, data, "000017.42.png").request.seeds == (42,)
    assert recalled(tmp_path, data, "cat.png").request.seeds is None


@pytest.mark.parametrize(
    ("schedule", "sampler"),
    [
        ("DPM++ 2M, Schedule type: Automatic", "dpmpp_2m_k"),
        ("DPM++ 2M Karras", "dpmpp_2m_k"),
        ("DPM++ 2M", "k_dpmpp_2"),
        ("DPM++ 2M SDE, Schedule type: Automatic", "dpmpp_2m_sde_exponential"),
        ("Euler a, Schedule type: Automatic", "k_euler_a"),
        ("Euler, Schedule type: SGM Uniform", "k_euler_trailing"),
        ("DPM2 a, Schedule type: Karras", "kdpm_2_a_k"),
        ("UniPC", "unipc"),
        ("LMS Karras", "lms_k"),
        ("Restart, Schedule type: Automatic", None),
    ],
)
def test_samplers_and_schedules_of_a1111(schedule: str, sampler: str | None) -> None:
    found = metadata.decode({"parameters": f"x\nSteps: 5, Sampler: {schedule}, Seed: 1"})
    assert found is not None
    assert found.request.scheduler == sampler
    assert bool(sampler) != any("Restart" in text for text in found.missing)


DAMAGED: dict[str, bytes] = {
    "InvokeAI 5": pictures.png_of({"invokeai_metadata": json.dumps(INVOKEAI_5)[:-40]}),
    "a graph without a sampler": pictures.png_of({"prompt": json.dumps({"1": {"class_type": "LoadImage"}})}),
    "a Dream line that is a command": pictures.png_of({"Dream": "!fix cat.png -U 2"}),
    "only an upscale": pictures.png_of({"postprocessing": "Postprocess upscale by: 4"}),
    "cut-off Fooocus": pictures.png_of({"parameters": json.dumps(FOOOCUS)[:50]}),
    "a comment by a person": pictures.jpeg(comment=b"my holidays: sea, sun"),
    "a photo's user comment": pictures.jpeg(exif_block=pictures.exif({USER_COMMENT: b"ASCII\0\0\0nice"})),
    "nothing": pictures.png(),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_what_cannot_be_recalled_is_one_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(MetadataError) as error:
        recalled(tmp_path, DAMAGED[name])
    assert error.value.message and error.value.hint
    assert "\n" not in error.value.message


def test_a_damaged_text_gives_way_to_one_that_can_be_read(tmp_path: Path) -> None:
    data = pictures.png_of({"invokeai_metadata": "{", "parameters": A1111})
    assert recalled(tmp_path, data).program == "A1111 v1.10.1"


def test_a_cut_off_tail_of_stable_diffusion_cpp_leaves_the_pairs(tmp_path: Path) -> None:
    found = recalled(tmp_path, pictures.png_of({"parameters": SDCPP[: SDCPP.index("SDCPP:") + 30]}))
    assert (found.request.seeds, found.request.num_inference_steps) == ((42,), 20)
