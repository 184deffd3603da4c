"""Textual inversion: embeddings added to the tokenizer and text encoder for one job and removed after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, TypeGuard

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from invoke_cli.engine.loading.load import LoadedModel
from invoke_cli.errors import ModelError
from invoke_cli.planning.plan import EmbeddingUse

# The keys of each encoder's vectors in files for two text encoders.
_ENCODER_KEYS = {"text_encoder": "clip_l", "text_encoder_2": "clip_g"}


@contextmanager
def active_embeddings(loaded: LoadedModel, embeddings: Sequence[EmbeddingUse]) -> Iterator[None]:
    """Add `<name>` to the model's vocabulary for each embedding.

    Raises:
        ModelError: An embedding does not fit the model; the message names both.
    """
    with ExitStack() as stack:
        for embedding in embeddings:
            _add(loaded, embedding, stack)
        yield


def _add(loaded: LoadedModel, embedding: EmbeddingUse, stack: ExitStack) -> None:
    pipeline, token = loaded.pipeline, f"<{embedding.name}>"
    if not hasattr(pipeline, "load_textual_inversion"):
        raise _incompatible(loaded, embedding, "models of this kind do not support embeddings")
    for vectors, part in _vectors(loaded, embedding):
        encoder, tokenizer = getattr(pipeline, part), getattr(pipeline, part.replace("text_encoder", "tokenizer"))
        width = encoder.get_input_embeddings().weight.shape[1]
        if vectors.shape[-1] != width:
            raise _incompatible(loaded, embedding, f"its width is {vectors.shape[-1]}, the model's is {width}")
        try:
            pipeline.load_textual_inversion(vectors, token=token, tokenizer=tokenizer, text_encoder=encoder)
        except ValueError as error:
            raise _incompatible(loaded, embedding, str(error).splitlines()[0][:160]) from None
        tokens = [token, *(f"{token}_{number}" for number in range(1, len(vectors)))]
        stack.callback(_remove, pipeline, (tokens, tokenizer, encoder))


def _remove(pipeline: Any, added: tuple[list[str], Any, Any]) -> None:
    tokens, tokenizer, encoder = added
    pipeline.unload_textual_inversion(tokens=tokens, tokenizer=tokenizer, text_encoder=encoder)


def _vectors(loaded: LoadedModel, embedding: EmbeddingUse) -> list[tuple[torch.Tensor, str]]:
    """Return the vectors (n, width) for each text encoder, with the encoder's component name.

    Raises:
        ModelError: The file cannot be read, or lacks the vectors of an encoder.
    """
    try:
        tensors: Mapping[str, torch.Tensor] = load_file(embedding.path)
    except (OSError, SafetensorError) as error:
        raise _incompatible(loaded, embedding, str(error).splitlines()[0][:160]) from None
    parts = [part for part in _ENCODER_KEYS if part in loaded.text_encoders]
    found = _find_tensors(tensors, parts)
    complete = [(tensor.reshape(-1, tensor.shape[-1]), part) for tensor, part in found if _is_filled(tensor)]
    if len(complete) != len(found):
        kind = "two text encoders" if len(parts) > 1 else "one text encoder"
        raise _incompatible(loaded, embedding, f"it contains no vectors for a model with {kind}")
    return complete


def _find_tensors(tensors: Mapping[str, torch.Tensor], parts: Sequence[str]) -> list[tuple[torch.Tensor | None, str]]:
    """Return the tensor of a file for each text encoder, or None, with the encoder's component name."""
    if len(parts) > 1 or set(_ENCODER_KEYS.values()) <= set(tensors):
        return [(tensors.get(_ENCODER_KEYS[part]), part) for part in parts]
    return [(next(iter(tensors.values())) if len(tensors) == 1 else tensors.get("emb_params"), parts[0])]


def _is_filled(tensor: torch.Tensor | None) -> TypeGuard[torch.Tensor]:
    return tensor is not None and tensor.ndim > 0 and tensor.numel() > 0


def _incompatible(loaded: LoadedModel, embedding: EmbeddingUse, reason: str) -> ModelError:
    name = f"<{embedding.name}>"
    message = f"the embedding {name} does not fit {loaded.model.spec.name} ({loaded.family.label}): {reason}"
    hint = "remove it, choose the model it was trained for with -m, or write \\< to keep it as text"
    return ModelError(message, hint=hint, field="prompt")
