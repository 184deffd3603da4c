"""Encode prompts exactly as the stock pipeline would, and cache the embeddings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from invoke_cli.engine import Tokens
from invoke_cli.engine.counters import Counters
from invoke_cli.engine.loading.load import LoadedModel
from invoke_cli.engine.lru_cache import LRUCache
from invoke_cli.language.prompt.ast import Blend, Tree, text_phrase

MAX_CACHED_PROMPTS = 64
Encode = Callable[..., Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptSpec:
    """A prompt to encode.

    Attributes:
        tree: The parsed prompt.
        clip_skip: How many of the encoder's last layers to skip.
        is_negative: Whether it is the negative prompt.
    """

    tree: Tree
    clip_skip: int = 0
    is_negative: bool = False

    @property
    def text(self) -> str:
        """The prompt without operators."""
        return self.tree.text


@dataclass(frozen=True, kw_only=True, slots=True)
class Embedding:
    """A prompt's embedding: `states` (n, tokens, width) and, if the family has it, `pooled` (n, width)."""

    states: torch.Tensor
    pooled: torch.Tensor | None = None

    @property
    def has_pooled(self) -> bool:
        """Whether there is a pooled embedding."""
        return self.pooled is not None

    def to(self, device: torch.device) -> Embedding:
        """Return the embedding on a device."""
        return Embedding(states=self.states.to(device), pooled=None if self.pooled is None else self.pooled.to(device))

    def repeated(self, count: int) -> Embedding:
        """Return the embedding repeated for a batch of `count` images."""
        pooled = None if self.pooled is None else self.pooled.repeat(count, 1)
        return Embedding(states=self.states.repeat(count, 1, 1), pooled=pooled)

    def padded_with(self, other: Embedding, tokens: int) -> Embedding:
        """Return the embedding padded to `tokens` states with copies of another one."""
        windows = [other.states] * ((tokens - self.states.shape[1]) // other.states.shape[1])
        return Embedding(states=torch.cat([self.states, *windows], dim=1), pooled=self.pooled)

    def zeros(self) -> Embedding:
        """Return zeros of the same shape."""
        pooled = None if self.pooled is None else torch.zeros_like(self.pooled)
        return Embedding(states=torch.zeros_like(self.states), pooled=pooled)


class Conditioning:
    """A cache of embeddings in the text encoder's dtype, keyed by model and text."""

    def __init__(self) -> None:
        self._cache: LRUCache[Embedding] = LRUCache(MAX_CACHED_PROMPTS)
        self._pipeline_outputs: LRUCache[Any] = LRUCache(MAX_CACHED_PROMPTS)

    def encode(self, loaded: LoadedModel, prompt: PromptSpec, counters: Counters) -> Embedding:
        """Encode one prompt, or return its cached embedding."""
        is_zeroed = (
            prompt.is_negative and not prompt.text and loaded.pipeline.config.get("force_zeros_for_empty_prompt")
        )

        def make() -> Embedding:
            counters.text_encoded(prompt.text)
            if not prompt.tree.plain or needs_windows(loaded, prompt.text):
                return _encode_with_compel(loaded, prompt)
            if prompt.clip_skip and not _is_dual(loaded):
                return Embedding(states=_encode_with_clip_skip(loaded, prompt.text, prompt.clip_skip))
            found = _encode_with_pipeline(loaded, prompt)
            return found.zeros() if is_zeroed else found

        return self._cache.get((loaded.text_key, prompt.tree, prompt.clip_skip, bool(is_zeroed)), make)

    def encode_padded(self, loaded: LoadedModel, prompts: Sequence[PromptSpec], counters: Counters) -> list[Embedding]:
        """Encode several prompts to the same number of states; shorter ones are padded with the empty prompt."""
        found = [self.encode(loaded, prompt, counters) for prompt in prompts]
        longest = max(embedding.states.shape[1] for embedding in found)
        padded: list[Embedding] = []
        for prompt, embedding in zip(prompts, found, strict=True):
            short = embedding.states.shape[1] < longest
            empty = self.encode(loaded, replace(prompt, tree=text_phrase("")), counters) if short else embedding
            padded.append(embedding.padded_with(empty, longest))
        return padded

    def cached(self, loaded: LoadedModel, encode: Encode, counters: Counters) -> Encode:
        """Wrap a pipeline's own `encode_prompt` in a cache keyed by its arguments."""

        def encode_once(*arguments: Any, **named: Any) -> Any:
            key = (*arguments, *sorted(named.items(), key=lambda pair: pair[0]))

            def make() -> Any:
                counters.text_encoded(str(named.get("prompt", arguments[0] if arguments else "")))
                return encode(*arguments, **named)

            return self._pipeline_outputs.get((loaded.text_key, repr(key)), make) if _is_plain(key) else make()

        return encode_once

    def clear(self) -> None:
        """Remove all embeddings."""
        self._cache.clear()
        self._pipeline_outputs.clear()


def _is_plain(value: object) -> bool:
    """Return whether a value's repr identifies it: no tensor, no image."""
    if isinstance(value, (tuple, list)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (str, int, float, torch.device, torch.dtype))


def _is_dual(loaded: LoadedModel) -> bool:
    return "text_encoder_2" in loaded.text_encoders


def _encode_with_pipeline(loaded: LoadedModel, prompt: PromptSpec) -> Embedding:
    """Encode with the pipeline itself; with two encoders, include the second one's pooled output."""
    device = next(iter(loaded.text_encoders.values())).device
    arguments = {"device": device, "num_images_per_prompt": 1, "do_classifier_free_guidance": False}
    if not _is_dual(loaded):
        return Embedding(states=loaded.pipeline.encode_prompt(prompt.text, **arguments)[0])
    layers = min(encoder.config.num_hidden_layers for encoder in loaded.text_encoders.values())
    skip = min(prompt.clip_skip, layers - 1) or None
    states, _, pooled, _ = loaded.pipeline.encode_prompt(prompt.text, clip_skip=skip, **arguments)
    return Embedding(states=states, pooled=pooled)


def needs_windows(loaded: LoadedModel, text: str) -> bool:
    """Return whether a text has more tokens than the encoder reads at once, so that it needs several windows."""
    window, tokenizer = loaded.family.max_tokens - 2, loaded.tokenizer
    text = loaded.expand_embeddings(text, tokenizer)
    return len(text) > window and len(tokenizer(text, add_special_tokens=False).input_ids) > window


def _encode_with_compel(loaded: LoadedModel, prompt: PromptSpec) -> Embedding:
    """Encode a weighted, blended or long prompt: the states by compel, the pooled embedding from the text alone."""
    from invoke_cli.engine.conditioning.weighted import embed  # slow to import, and most prompts do not need it

    states = embed(loaded, prompt.tree, prompt.clip_skip)
    if not _is_dual(loaded):
        return Embedding(states=states)
    if not isinstance(prompt.tree, Blend):
        return Embedding(states=states, pooled=_encode_with_pipeline(loaded, prompt).pooled)
    pooled = [_encode_with_pipeline(loaded, replace(prompt, tree=phrase)).pooled for phrase in prompt.tree.phrases]
    total = sum(prompt.tree.weights) if prompt.tree.normalize else 1.0
    parts = zip(pooled, prompt.tree.weights, strict=True)
    blended = torch.stack([part * (weight / total) for part, weight in parts if part is not None])
    return Embedding(states=states, pooled=blended.sum(dim=0))


def _encode_with_clip_skip(loaded: LoadedModel, text: str, count: int) -> torch.Tensor:
    """Return the normed hidden states of an earlier layer.

    The stock pipeline does the same, but looks for the norm where transformers 5 no longer has it.
    """
    tokenizer, encoder = loaded.pipeline.tokenizer, loaded.pipeline.text_encoder
    ids = tokenizer(
        loaded.expand_embeddings(text, tokenizer),
        padding="max_length",
        max_length=tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    ).input_ids
    states = encoder(ids.to(encoder.device), output_hidden_states=True).hidden_states
    norm = getattr(encoder, "text_model", encoder).final_layer_norm
    embeddings: torch.Tensor = norm(states[-(min(count, len(states) - 1) + 1)])
    return embeddings


def read_tokens(loaded: LoadedModel, text: str) -> Tokens:
    """Tokenize a text: the tokens read, those that the window cuts off, or the sizes of the windows it fills."""
    tokenizer = loaded.tokenizer
    ids = tokenizer(loaded.expand_embeddings(text, tokenizer), add_special_tokens=False).input_ids
    words = [str(tokenizer.decode([token])).strip() for token in ids]
    window = loaded.family.max_tokens - 2
    if loaded.family.staged and len(ids) > window:
        from invoke_cli.engine.conditioning.weighted import tokens_per_window

        return Tokens(read=tuple(words), cut=(), windows=tuple(tokens_per_window(loaded, text)))
    return Tokens(read=tuple(words[:window]), cut=tuple(words[window:]))
