"""Load a model from a single file: diffusers converts the tensors; configs and tokenizers come from the project."""

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
    """Load the pipeline of a single file, taking what the file lacks from its base folder. Raises diffusers' errors."""
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
    """Return the options for a GGUF file: its tensors stay quantised and are computed in `dtype`."""
    if importlib.util.find_spec("gguf") is None:
        hint = 'pip install "invoke-cli[gguf]"'
        raise ModelError(f"reading {path.name} needs the package gguf", hint=hint, field="model")
    return {"quantization_config": diffusers.GGUFQuantizationConfig(compute_dtype=dtype)}


def load_vae(facts: ModelFacts, path: Path, dtype: Any) -> Any:
    """Load the VAE from a folder, or from a file of either layout with the config of the model's own VAE."""
    own = layout_of(facts) if facts.single_file else facts.folder
    cls = getattr(diffusers, _class_of(own, facts.family.vae))
    if path.is_dir():
        variant = variant_of(facts.vae_weights[0])
        return cls.from_pretrained(
            path, torch_dtype=dtype, local_files_only=True, use_safetensors=True, variant=variant
        )
    return cls.from_single_file(
        str(path), config=str(own), subfolder=facts.family.vae, local_files_only=True, torch_dtype=dtype
    )


def _class_of(layout: Path, part: str) -> str:
    import json

    return str(json.loads((layout / "model_index.json").read_text(encoding="utf-8"))[part][1])


def tokenizers(layout: Path) -> dict[str, Any]:
    """Create CLIP's tokenizers for a layout that has none, with each text encoder's padding."""
    from transformers import CLIPTextConfig

    result: dict[str, Any] = {}
    for part in ("text_encoder", "text_encoder_2"):
        name = part.replace("text_encoder", "tokenizer")
        if (layout / part).is_dir() and not (layout / name).is_dir():
            # OpenCLIP's encoders were trained with text padded by zeros.
            padded_with_zeros = CLIPTextConfig.from_pretrained(layout / part).hidden_act == "gelu"
            result[name] = clip_tokenizer("!" if padded_with_zeros else "<|endoftext|>")
    return result


def clip_tokenizer(pad_token: str = "<|endoftext|>") -> Any:
    """Create CLIP's tokenizer from the merges that OpenAI published.

    The vocabulary is 256 bytes, the same at the end of a word, the merged pairs, and two special tokens.
    """
    from transformers import CLIPTokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    with gzip.open(CLIP_VOCABULARY, "rt", encoding="utf-8") as file:
        merges = [tuple(line.split()) for line in file.read().split("\n")[1 : CLIP_MERGES + 1]]
    letters = list(bytes_to_unicode().values())
    words = [*letters, *(f"{letter}</w>" for letter in letters), *map("".join, merges)]
    vocabulary = {word: index for index, word in enumerate([*words, "<|startoftext|>", "<|endoftext|>"])}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=77, pad_token=pad_token)
