"""Load a model from a single file: diffusers converts the tensors; configs and tokenizers come from the project."""

from __future__ import annotations

import gzip
import importlib.util
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import diffusers
import torch
from diffusers.loaders.single_file_utils import create_diffusers_clip_model_from_ldm
from diffusers.models.model_loading_utils import load_gguf_checkpoint
from safetensors import safe_open

from invoke_cli.engine.loading.components import Loaded, load_network, load_pipeline, network_classes
from invoke_cli.engine.loading.weights import (
    FILE_ERRORS,
    CheckedOnly,
    WeightsOwner,
    WeightsReport,
    checked_conversion,
    compare,
    component_label,
    first_line,
)
from invoke_cli.errors import ModelError
from invoke_cli.input_files import ASSET, read_input
from invoke_cli.models.files.checkpoint_keys import normalise_names, normalised
from invoke_cli.models.files.folder import ModelFacts
from invoke_cli.models.files.single_file import layout_of
from invoke_cli.models.files.tokenizer import CLIP_MERGES, CLIP_VOCABULARY
from invoke_cli.models.files.weights_header import header_of, shape_of

# The names of a network's tensors start with one of these; others, such as the noise schedule, are not weights.
_NETWORKS = ("model.diffusion_model.", "first_stage_model.", "vae.", "cond_stage_model.", "conditioner.")


def load_single_file(facts: ModelFacts, owner: WeightsOwner, cls: Any, arguments: Mapping[str, Any]) -> Loaded:
    """Load the pipeline of a single file, taking what the file lacks from its base folder.

    Returns:
        The pipeline and the reports on its networks.

    Raises:
        ModelError: The file lacks tensors of a network.
    """
    layout, denoiser = layout_of(facts), facts.family.denoiser
    own = [part for part, files in facts.parts.items() if files == (facts.folder,) and part not in arguments]
    dtype = arguments["torch_dtype"]
    if facts.quantised:
        networks = {denoiser: _load_gguf(facts, layout, owner, dtype)}
        reports: list[WeightsReport] = []
    else:
        tensors = _normalised_tensors(facts.folder)
        networks, reports = _convert_parts(tensors, own, _File(facts.folder, layout, owner, dtype))
    pipeline, others = load_pipeline(cls, layout, facts.parts, owner, {**tokenizers(layout), **networks, **arguments})
    return pipeline, [*reports, *others]


class _File(NamedTuple):
    """A single file, the folder with its configs, what it is loaded for, and in which dtype."""

    path: Path
    layout: Path
    owner: WeightsOwner
    dtype: torch.dtype


def check_single_file(facts: ModelFacts, owner: WeightsOwner) -> None:
    """Check that a single file contains every tensor of its networks, without reading the tensors.

    Raises:
        ModelError: Tensors are missing or have another shape.
    """
    layout = layout_of(facts)
    header = normalised(header_of(facts.folder) or {})
    tensors = {name: torch.empty(shape_of(header, name), device="meta") for name in header}
    file = _File(facts.folder, layout, owner, torch.float32)
    for part in [part for part, files in facts.parts.items() if files == (facts.folder,)]:
        with (
            suppress(CheckedOnly),
            checked_conversion(component_label(part), file.path.name, owner, load=False),
        ):
            _convert(dict(tensors), part, file)


def _normalised_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read the tensors of a file, which are mapped into memory, under the names of the original layout."""
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(own) for name, own in normalise_names(file.keys()).items()}


def _convert_parts(
    tensors: dict[str, torch.Tensor], parts: Sequence[str], file: _File
) -> tuple[dict[str, Any], list[WeightsReport]]:
    """Convert the networks that a file contains. Returns them by component, and a report on unused tensors."""
    networks, used = {}, []
    for part in parts:
        with checked_conversion(component_label(part), file.path.name, file.owner) as converted:
            networks[part] = _convert(dict(tensors), part, file)
        used.extend(converted)
    return networks, [_unused(tensors, used, file.path.name)]


def _convert(tensors: dict[str, torch.Tensor], part: str, file: _File) -> Any:
    """Convert a network from the tensors of a file."""
    cls = network_classes(file.layout)[part]
    options = {"config": str(file.layout), "subfolder": part, "local_files_only": True, "torch_dtype": file.dtype}
    try:
        if hasattr(cls, "from_single_file"):
            return cls.from_single_file(tensors, **options)
        return create_diffusers_clip_model_from_ldm(cls, tensors, **options)
    except FILE_ERRORS as error:
        reason = f"{file.path.name} contains no complete {component_label(part)} ({first_line(error)})"
        message = f"{file.owner.name} cannot be loaded: {reason}"
        raise ModelError(message, hint=file.owner.hint, field=file.owner.field) from None


def _unused(tensors: Mapping[str, torch.Tensor], used: Sequence[torch.Tensor], source: str) -> WeightsReport:
    """Report the tensors that no network took; a converted tensor shares memory with the one in the file."""
    addresses = {tensor.data_ptr() for tensor in used}
    found = {name: tensor for name, tensor in tensors.items() if name.startswith(_NETWORKS) and "_ema" not in name}
    left = {name: () for name, tensor in found.items() if tensor.data_ptr() not in addresses}
    return compare("model", source, {}, left)


def _load_gguf(facts: ModelFacts, layout: Path, owner: WeightsOwner, dtype: torch.dtype) -> Any:
    """Load the denoiser of a GGUF file: its tensors stay quantised and are computed in `dtype`."""
    if importlib.util.find_spec("gguf") is None:
        hint = 'pip install "invoke-cli[gguf]"'
        raise ModelError(f"reading {facts.folder.name} needs the package gguf", hint=hint, field="model")
    denoiser = facts.family.denoiser
    with checked_conversion(component_label(denoiser), facts.folder.name, owner, packed=True):
        return network_classes(layout)[denoiser].from_single_file(
            load_gguf_checkpoint(str(facts.folder)),
            config=str(layout),
            subfolder=denoiser,
            local_files_only=True,
            torch_dtype=dtype,
            quantization_config=diffusers.GGUFQuantizationConfig(compute_dtype=dtype),
        )


def load_vae(facts: ModelFacts, path: Path, owner: WeightsOwner, dtype: torch.dtype) -> Any:
    """Load the VAE from a folder, or from a file of either layout with the config of the model's own VAE."""
    own = layout_of(facts) if facts.single_file else facts.folder
    cls = network_classes(own)[facts.family.vae]
    if path.is_dir():
        return load_network(cls, path, facts.vae_weights, owner, dtype=dtype)[0]
    with checked_conversion("VAE", path.name, owner):
        return cls.from_single_file(
            _normalised_tensors(path), config=str(own), subfolder=facts.family.vae, local_files_only=True,
            torch_dtype=dtype,
        )  # fmt: skip


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

    published = gzip.decompress(read_input(CLIP_VOCABULARY, ASSET)).decode("utf-8")
    merges = [tuple(line.split()) for line in published.split("\n")[1 : CLIP_MERGES + 1]]
    letters = list(bytes_to_unicode().values())
    words = [*letters, *(f"{letter}</w>" for letter in letters), *map("".join, merges)]
    vocabulary = {word: index for index, word in enumerate([*words, "<|startoftext|>", "<|endoftext|>"])}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=77, pad_token=pad_token)
