"""Encode prompts exactly as the stock pipeline would, and cache the embeddings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from invoke_cli.engine import Tokens
from invoke_cli.engine.counters import Counters
from invoke_cli.engine.loading.load import LoadedModel
from invoke_cli.engine.lru_cache import RecentlyUsed
from invoke_cli.language.prompt.ast import Blend, Tree, plain_tree

KEPT_PROMPTS = 64
Encode = Callable[..., Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptSpec:
    """A prompt to encode.

    Attributes:
        tree: The parsed prompt.
        clip_skip: How many of the encoder's last layers to skip.
        avoided: Whether it is the negative prompt.
    """

    tree: Tree
    clip_skip: int = 0
    avoided: bool = False

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

    def to(self, place: torch.device) -> Embedding:
        """Return the embedding on a device."""
        return Embedding(states=self.states.to(place), pooled=None if self.pooled is None else self.pooled.to(place))

    def repeated(self, count: int) -> Embedding:
        """Return the embedding repeated for a batch of `count` images."""
        pooled = None if self.pooled is None else self.pooled.repeat(count, 1)
        return Embedding(states=self.states.repeat(count, 1, 1), pooled=pooled)

    def followed_by(self, other: Embedding, tokens: int) -> Embedding:
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
        self._cache: RecentlyUsed[Embedding] = RecentlyUsed(KEPT_PROMPTS)
        self._whole: RecentlyUsed[Any] = RecentlyUsed(KEPT_PROMPTS)

    def encode(self, loaded: LoadedModel, wish: PromptSpec, counters: Counters) -> Embedding:
        """Encode one prompt, or return its cached embedding."""
        without_words = wish.avoided and not wish.text and loaded.pipeline.config.get("force_zeros_for_empty_prompt")

        def make() -> Embedding:
            counters.text_encoded(wish.text)
            if not wish.tree.plain or needs_windows(loaded, wish.text):
                return _by_its_tree(loaded, wish)
            if wish.clip_skip and not _is_dual(loaded):
                return Embedding(states=_without_last_layers(loaded, wish.text, wish.clip_skip))
            found = _by_the_pipeline(loaded, wish)
            return found.zeros() if without_words else found

        return self._cache.get((loaded.text_key, wish.tree, wish.clip_skip, bool(without_words)), make)

    def encode_evenly(self, loaded: LoadedModel, wishes: Sequence[PromptSpec], counters: Counters) -> list[Embedding]:
        """Encode several prompts to the same number of states; shorter ones are padded with the empty prompt."""
        found = [self.encode(loaded, wish, counters) for wish in wishes]
        most = max(embedding.states.shape[1] for embedding in found)
        evened: list[Embedding] = []
        for wish, embedding in zip(wishes, found, strict=True):
            short = embedding.states.shape[1] < most
            nothing = self.encode(loaded, replace(wish, tree=plain_tree("")), counters) if short else embedding
            evened.append(embedding.followed_by(nothing, most))
        return evened

    def remembering(self, loaded: LoadedModel, encode: Encode, counters: Counters) -> Encode:
        """Wrap a pipeline's own `encode_prompt` in a cache keyed by its arguments."""

        def encode_once(*arguments: Any, **named: Any) -> Any:
            given = (*arguments, *sorted(named.items(), key=lambda pair: pair[0]))

            def make() -> Any:
                counters.text_encoded(str(named.get("prompt", arguments[0] if arguments else "")))
                return encode(*arguments, **named)

            return self._whole.get((loaded.text_key, repr(given)), make) if _is_plain(given) else make()

        return encode_once

    def clear(self) -> None:
        """Remove all embeddings."""
        self._cache.clear()
        self._whole.clear()


def _is_plain(value: object) -> bool:
    """Return whether a value's repr identifies it: no tensor, no image."""
    if isinstance(value, (tuple, list)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (str, int, float, torch.device, torch.dtype))


def _is_dual(loaded: LoadedModel) -> bool:
    return "text_encoder_2" in loaded.text_encoders


def _by_the_pipeline(loaded: LoadedModel, wish: PromptSpec) -> Embedding:
    """Encode with the pipeline itself; with two encoders, include the second one's pooled output."""
    device = next(iter(loaded.text_encoders.values())).device
    arguments = {"device": device, "num_images_per_prompt": 1, "do_classifier_free_guidance": False}
    if not _is_dual(loaded):
        return Embedding(states=loaded.pipeline.encode_prompt(wish.text, **arguments)[0])
    layers = min(encoder.config.num_hidden_layers for encoder in loaded.text_encoders.values())
    skip = min(wish.clip_skip, layers - 1) or None
    states, _, pooled, _ = loaded.pipeline.encode_prompt(wish.text, clip_skip=skip, **arguments)
    return Embedding(states=states, pooled=pooled)


def needs_windows(loaded: LoadedModel, text: str) -> bool:
    """Return whether a text has more tokens than the encoder reads at once, so that it needs several windows."""
    window, tokenizer = loaded.family.max_tokens - 2, loaded.tokenizer
    text = loaded.spelt_out(text, tokenizer)
    return len(text) > window and len(tokenizer(text, add_special_tokens=False).input_ids) > window


def _by_its_tree(loaded: LoadedModel, wish: PromptSpec) -> Embedding:
    """Encode a weighted, blended or long prompt: the states by compel, the pooled embedding from the text alone."""
    from invoke_cli.engine.conditioning.weighted import embed  # slow to import, and most prompts do not need it

    states = embed(loaded, wish.tree, wish.clip_skip)
    if not _is_dual(loaded):
        return Embedding(states=states)
    if not isinstance(wish.tree, Blend):
        return Embedding(states=states, pooled=_by_the_pipeline(loaded, wish).pooled)
    pooled = [_by_the_pipeline(loaded, replace(wish, tree=phrase)).pooled for phrase in wish.tree.phrases]
    total = sum(wish.tree.weights) if wish.tree.normalize else 1.0
    parts = zip(pooled, wish.tree.weights, strict=True)
    blended = torch.stack([part * (weight / total) for part, weight in parts if part is not None])
    return Embedding(states=states, pooled=blended.sum(dim=0))


def _without_last_layers(loaded: LoadedModel, text: str, count: int) -> torch.Tensor:
    """Return the normed hidden states of an earlier layer.

    The stock pipeline does the same, but looks for the norm where transformers 5 no longer has it.
    """
    tokenizer, encoder = loaded.pipeline.tokenizer, loaded.pipeline.text_encoder
    ids = tokenizer(
        loaded.spelt_out(text, tokenizer),
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
    ids = tokenizer(loaded.spelt_out(text, tokenizer), add_special_tokens=False).input_ids
    words = [str(tokenizer.decode([token])).strip() for token in ids]
    window = loaded.family.max_tokens - 2
    if loaded.family.staged and len(ids) > window:
        from invoke_cli.engine.conditioning.weighted import windows

        return Tokens(read=tuple(words), cut=(), windows=tuple(windows(loaded, text)))
    return Tokens(read=tuple(words[:window]), cut=tuple(words[window:]))
