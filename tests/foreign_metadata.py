"""The metadata that other programs write into their images, following their own documentation."""

from __future__ import annotations

import json
from typing import Any

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
    """ComfyUI's graph of one pass; changes are inputs of its sampler."""
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
    """The same with a second, larger pass and a node of an extension."""
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
