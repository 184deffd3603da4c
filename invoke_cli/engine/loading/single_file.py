"""Loading a model from a single file: diffusers converts the tensors, the configs and tokenizers come from here."""

from __future__ import annotations

import gzip
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers

from invoke_cli.errors import ModelError
from invoke_cli.models.files.folder import ModelFacts, variant_of
from invoke_cli.models.files.single_file import layout_of
from invoke_cli.models.files.tokenizer import CLIP_MERGES, CLIP_VOCABULARY


def load_single_file(facts: ModelFacts, cls: Any, arguments: Mapping[str, Any]) -> Any:
    """The pipeline of a single file, what the file lacks from its base; errors are those of diffusers."""
    layout = layout_of(facts)
    denoiser = facts.family.denoiser
    own = {path for part, files in facts.parts.items() if part not in arguments for path in files}
    if denoiser == "unet" and own == {facts.folder}:
        return cls.from_single_file(
            str(facts.folder), config=str(layout), local_files_only=True, **tokenizers(layout), **arguments
        )
    network = getattr(diffusers, _class_of(layout, denoiser)).from_single_file(
        str(facts.folder),
        config=str(layout),
        subfolder=denoiser,
        local_files_only=True,
        torch_dtype=arguments["torch_dtype"],
        **(_gguf(facts.folder, arguments["torch_dtype"]) if facts.quantised else {}),
    )
    return cls.from_pretrained(layout, local_files_only=True, use_safetensors=True, **{denoiser: network}, **arguments)


def _gguf(path: Path, dtype: Any) -> dict[str, Any]:
    """How diffusers is told of a GGUF file, whose tensors stay quantised and are worked with in `dtype`."""
    if importlib.util.find_spec("gguf") is None:
        hint = 'pip install "invoke-cli[gguf]"'
        raise ModelError(f"{path.name} needs the package gguf to be read", hint=hint, field="model")
    return {"quantization_config": diffusers.GGUFQuantizationConfig(compute_dtype=dtype)}


def load_vae(facts: ModelFacts, place: Path, dtype: Any) -> Any:
    """The VAE in a folder or in a file of either layout, for which the model's own VAE lends its config."""
    own = layout_of(facts) if facts.single_file else facts.folder
    cls = getattr(diffusers, _class_of(own, facts.family.vae))
    if place.is_dir():
        variant = variant_of(facts.vae_weights[0])
        return cls.from_pretrained(
            place, torch_dtype=dtype, local_files_only=True, use_safetensors=True, variant=variant
        )
    return cls.from_single_file(
        str(place), config=str(own), subfolder=facts.family.vae, local_files_only=True, torch_dtype=dtype
    )


def _class_of(layout: Path, part: str) -> str:
    import json

    return str(json.loads((layout / "model_index.json").read_text(encoding="utf-8"))[part][1])


def tokenizers(layout: Path) -> dict[str, Any]:
    """The tokenizers of a layout that has none of its own: CLIP's, padded as each text encoder wants it."""
    from transformers import CLIPTextConfig

    made: dict[str, Any] = {}
    for part in ("text_encoder", "text_encoder_2"):
        name = part.replace("text_encoder", "tokenizer")
        if (layout / part).is_dir() and not (layout / name).is_dir():
            # The encoders of OpenCLIP were trained with zeros behind the text.
            padded_with_zeros = CLIPTextConfig.from_pretrained(layout / part).hidden_act == "gelu"
            made[name] = clip_tokenizer("!" if padded_with_zeros else "<|endoftext|>")
    return made


def clip_tokenizer(pad_token: str = "<|endoftext|>") -> Any:
    """CLIP's tokenizer, from the merges that OpenAI published: 256 bytes, the same at a word's end, what the merges
    make of them, and two marks.
    """
    from transformers import CLIPTokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    with gzip.open(CLIP_VOCABULARY, "rt", encoding="utf-8") as file:
        merges = [tuple(line.split()) for line in file.read().split("\n")[1 : CLIP_MERGES + 1]]
    letters = list(bytes_to_unicode().values())
    words = [*letters, *(f"{letter}</w>" for letter in letters), *map("".join, merges)]
    vocabulary = {word: index for index, word in enumerate([*words, "<|startoftext|>", "<|endoftext|>"])}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=77, pad_token=pad_token)
