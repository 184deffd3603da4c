"""Known nodes of ComfyUI and of node packs: the order of widgets and outputs, and what names of inputs mean."""

from __future__ import annotations

import re
from collections.abc import Mapping

_EFFICIENT = (
    "ckpt_name", "vae_name", "clip_skip", "lora_name", "lora_model_strength", "lora_clip_strength", "positive",
    "negative", "token_normalization", "weight_interpretation", "empty_latent_width", "empty_latent_height",
    "batch_size",
)  # fmt: skip
_EASY = (
    "ckpt_name", "vae_name", "clip_skip", "lora_name", "lora_model_strength", "lora_clip_strength", "resolution",
    "empty_latent_width", "empty_latent_height", "positive", "negative", "batch_size",
)  # fmt: skip
_STYLER = ("text_positive", "text_negative", "style")
_STYLER_ADVANCED = ("text_positive_g", "text_positive_l", "text_negative", "style")

# The values of each canvas node in order; empty names are ignored.
WIDGETS: Mapping[str, tuple[str, ...]] = {
    "KSampler": ("seed", "", "steps", "cfg", "sampler_name", "scheduler", "denoise"),
    "KSamplerAdvanced": (
        "add_noise", "noise_seed", "", "steps", "cfg", "sampler_name", "scheduler", "start_at_step", "end_at_step",
        "return_with_leftover_noise",
    ),
    "SamplerCustom": ("add_noise", "noise_seed", "", "cfg"),
    "CLIPTextEncode": ("text",),
    "CLIPTextEncodeFlux": ("clip_l", "t5xxl", "guidance"),
    "CLIPTextEncodeSD3": ("clip_l", "clip_g", "t5xxl"),
    "CLIPTextEncodeSDXL": ("", "", "", "", "", "", "text_g", "text_l"),
    "CLIPTextEncodeSDXLRefiner": ("", "", "", "text"),
    "CheckpointLoaderSimple": ("ckpt_name",),
    "UNETLoader": ("unet_name", "weight_dtype"),
    "UnetLoaderGGUF": ("unet_name",),
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
    "PrimitiveString": ("value",),
    "PrimitiveStringMultiline": ("value",),
    "PrimitiveInt": ("value", ""),
    "PrimitiveFloat": ("value",),
    "StringConcatenate": ("string_a", "string_b", "delimiter"),
    "SetNode": ("name",),
    "GetNode": ("name",),
    "Efficient Loader": _EFFICIENT,
    "Eff. Loader SDXL": (
        "base_ckpt_name", "base_clip_skip", "refiner_ckpt_name", "refiner_clip_skip", "positive_ascore",
        "negative_ascore", "vae_name", "positive", "negative", "token_normalization", "weight_interpretation",
        "empty_latent_width", "empty_latent_height", "batch_size",
    ),
    "KSampler (Efficient)": ("seed", "", "steps", "cfg", "sampler_name", "scheduler", "denoise"),
    "KSampler SDXL (Eff.)": (
        "noise_seed", "", "steps", "cfg", "sampler_name", "scheduler", "start_at_step", "refine_at_step",
    ),
    "SDXLPromptStyler": _STYLER,
    "SDXLPromptStylerAdvanced": _STYLER_ADVANCED,
    "ImpactWildcardProcessor": ("wildcard_text", "populated_text", "mode", "seed", ""),
    "ImpactWildcardEncode": ("wildcard_text", "populated_text", "mode", "", "", "seed", ""),
    "ImpactSwitch": ("select", "sel_mode"),
    "easy fullLoader": (
        "ckpt_name", "config_name", "vae_name", "clip_skip", "lora_name", "lora_model_strength",
        "lora_clip_strength", "resolution", "empty_latent_width", "empty_latent_height", "positive", "", "",
        "negative", "", "", "batch_size",
    ),
    "easy a1111Loader": _EASY,
    "easy comfyLoader": _EASY,
    "easy preSampling": ("steps", "cfg", "sampler_name", "scheduler", "denoise", "seed", ""),
    "easy positive": ("positive",),
    "easy negative": ("negative",),
    "Text Concatenate": ("delimiter", "clean_whitespace"),
    "StringFunction|pysssss": ("action", "tidy_tags", "text_a", "text_b", "text_c"),
    "CR Text Input Switch": ("Input", "text1", "text2"),
    "Text Input Switch": ("boolean",),
}  # fmt: skip

_FULL_PIPE = ("pipe", "model", "positive", "negative", "latent", "vae", "clip", "image", "seed")
_BASIC = ("model", "clip", "vae", "positive", "negative")
_CONTEXT = ("context", "model", "clip", "vae", "positive", "negative", "latent", "images", "seed")
_TWO = ("positive", "negative")

# The outputs of nodes that have a positive and a negative one.
_OUTPUTS: Mapping[str, tuple[str, ...]] = {
    "Efficient Loader": ("model", "positive", "negative", "latent", "vae", "clip"),
    "KSampler (Efficient)": ("model", "positive", "negative", "latent", "vae", "image"),
    "Unpack SDXL Tuple": ("base_model", "base_clip", "base_positive", "base_negative", "refiner_model",
                          "refiner_clip", "refiner_positive", "refiner_negative"),
    "FromBasicPipe": _BASIC, "FromDetailerPipe": _BASIC,
    "FromBasicPipe_v2": ("basic_pipe", *_BASIC), "FromDetailerPipe_v2": ("detailer_pipe", *_BASIC),
    "easy fullLoader": ("pipe", "model", "vae", "clip", "positive", "negative", "latent"),
    "easy pipeOut": _FULL_PIPE, "easy pipeEdit": _FULL_PIPE, "ttN pipeOUT": _FULL_PIPE, "ttN pipeEDIT": _FULL_PIPE,
    "ttN pipeLoader": ("pipe", "model", "positive", "negative", "latent", "vae", "clip", "seed"),
    "ttN pipeLoader_v2": ("pipe", "model", "positive", "negative", "latent", "vae", "clip", "seed", "width", "height",
                          "positive", "negative"),
    "ttN pipeLoaderSDXL_v2": ("sdxl_pipe", "model", "positive", "negative", "vae", "clip"),
    "Context (rgthree)": _CONTEXT, "Context Switch (rgthree)": _CONTEXT, "Context Merge (rgthree)": _CONTEXT,
    "Context Big (rgthree)": (*_CONTEXT, "steps", "step_refiner", "cfg", "ckpt_name", "sampler", "scheduler",
                              "clip_width", "clip_height", "text_pos_g", "text_pos_l", "text_neg_g", "text_neg_l"),
    "SDXLPromptStylerAdvanced": ("positive_g", "positive_l", "positive", "negative_g", "negative_l", "negative"),
    "SDXLPromptStyler": _TWO, "ControlNetApplyAdvanced": _TWO, "ControlNetApplySD3": _TWO,
    "InpaintModelConditioning": _TWO, "easy stylesSelector": _TWO,
    "ApplyInstantID": ("model", "positive", "negative"),
    "Text String": ("text", "text_b", "text_c", "text_d"),
    "KSampler Config (rgthree)": ("steps_total", "refiner_step", "cfg", "sampler_name", "scheduler"),
}  # fmt: skip

POSITIVE, NEGATIVE = "positive", "negative"

_SIDES = {
    POSITIVE: re.compile(r"(?:^|[^a-z])pos(?:itives?)?(?![a-z])|conditioning\+|\bcond(?:itioning)? ?\+", re.IGNORECASE),
    NEGATIVE: re.compile(r"(?:^|[^a-z])neg(?:atives?)?(?![a-z])|conditioning-|\bcond(?:itioning)? ?-", re.IGNORECASE),
}
_SETTING_OF_A_SIDE = re.compile(
    r"ascore|normali[sz]ation|interpretation|strength|weight|prompt_to|style|_to$|mode|token|seed|preset", re.IGNORECASE
)
_PIPE = re.compile(r"pipe|tuple|ctx|context", re.IGNORECASE)
# Links that never lead to words.
_NO_TEXT = re.compile(
    r"model|clip(?!_l$|_g$)|vae|image|pixels|latent|samples|mask|control_net|noise$|sigmas|sampler|lora|seed|width"
    r"|height|steps|cfg|denoise|strength|style_model|hypernet|bbox|sam_",
    re.IGNORECASE,
)


def output_name(kind: str, outputs: tuple[str, ...], output: int) -> str:
    """Return the name of an output: that of the canvas, or of a known node; empty if unknown."""
    known = _OUTPUTS.get(kind, ()) or outputs
    return known[output] if 0 <= output < len(known) else ""


def side_of_name(name: str) -> str:
    """Return the side, positive or negative, that the name of an input or output means; empty if neither or both."""
    found = [side for side, pattern in _SIDES.items() if pattern.search(name)]
    return found[0] if len(found) == 1 and not _SETTING_OF_A_SIDE.search(name) else ""


def is_pipe(name: str) -> bool:
    """Return whether an input of this name bundles models and prompts."""
    return bool(_PIPE.search(name))


def may_lead_to_words(name: str) -> bool:
    """Return whether an input of this name may supply text."""
    return not _NO_TEXT.search(name)
