"""Prompts into embeddings, kept for the next time. A prompt is encoded exactly as the stock pipeline would."""

from __future__ import annotations

import torch

from invoke_cli.engine import Tokens
from invoke_cli.engine.caches import RecentlyUsed
from invoke_cli.engine.loading import LoadedModel
from invoke_cli.engine.tracing import Tally

KEPT_PROMPTS = 64


class Conditioning:
    """Embeddings of shape (1, tokens, width) in the text encoder's dtype, by model and text."""

    def __init__(self) -> None:
        self._cache: RecentlyUsed[torch.Tensor] = RecentlyUsed(KEPT_PROMPTS)

    def encode(self, loaded: LoadedModel, text: str, tally: Tally, clip_skip: int = 0) -> torch.Tensor:
        """The embedding of one prompt, without the encoder's last `clip_skip` layers; a repeated one costs nothing."""

        def make() -> torch.Tensor:
            tally.text_encoded(text)
            device = loaded.pipeline.text_encoder.device
            if clip_skip:
                return _without_last_layers(loaded, text, clip_skip)
            embeddings: torch.Tensor = loaded.pipeline.encode_prompt(text, device, 1, False)[0]
            return embeddings

        return self._cache.get((loaded.key, text, clip_skip), make)

    def clear(self) -> None:
        """Forget all embeddings."""
        self._cache.clear()


def _without_last_layers(loaded: LoadedModel, text: str, count: int) -> torch.Tensor:
    """The normed states of an earlier layer, as the stock pipeline takes them; it looks for the norm where
    transformers 5 no longer has it.
    """
    tokenizer, encoder = loaded.pipeline.tokenizer, loaded.pipeline.text_encoder
    ids = tokenizer(
        text, padding="max_length", max_length=tokenizer.model_max_length, truncation=True, return_tensors="pt"
    ).input_ids
    states = encoder(ids.to(encoder.device), output_hidden_states=True).hidden_states
    norm = getattr(encoder, "text_model", encoder).final_layer_norm
    embeddings: torch.Tensor = norm(states[-(min(count, len(states) - 1) + 1)])
    return embeddings


def read_tokens(loaded: LoadedModel, text: str) -> Tokens:
    """The words that the model's tokenizer makes of a text, and those that its window cuts off."""
    tokenizer = loaded.pipeline.tokenizer
    ids = tokenizer(text, add_special_tokens=False).input_ids
    words = [str(tokenizer.decode([token])).strip() for token in ids]
    window = int(tokenizer.model_max_length) - 2
    return Tokens(read=tuple(words[:window]), cut=tuple(words[window:]))
