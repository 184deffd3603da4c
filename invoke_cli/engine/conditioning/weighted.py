"""Encode prompt trees with compel, for CLIP text encoders. Imported only when it is needed.

compel weights tokens: above 1 it moves them away from the empty prompt, below 1 also towards the prompt without them.
Text longer than the encoder's window is encoded in several windows. The trees come from our own parser, since
compel's drops brackets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import torch
from compel.embeddings_provider import EmbeddingsProvider, SplitLongTextMode

from invoke_cli.engine.loading.load import LoadedModel
from invoke_cli.language.prompt.ast import Blend, Conjunction, Phrase, Swap, Tree, Words


def embed(loaded: LoadedModel, tree: Tree, clip_skip: int) -> torch.Tensor:
    """Encode a prompt tree, without the encoder's last `clip_skip` layers.

    Returns:
        Hidden states (1, windows x tokens, width), those of several encoders concatenated along the width.
    """
    return torch.cat([encoder.states(tree) for encoder in _encoders(loaded, clip_skip)], dim=-1)


def tokens_per_window(loaded: LoadedModel, text: str) -> list[int]:
    """Return how many tokens of a long text are in each window."""
    encoder = _encoders(loaded, 0)[-1]
    provider = encoder.provider
    ids, _, _ = provider.get_token_ids_and_expand_weights([encoder.expand(text)], [1.0], device="cpu")
    end = provider.tokenizer.eos_token_id
    return [row.index(end, 1) - 1 for row in ids.reshape(-1, provider.max_token_count).tolist()]


@dataclass(frozen=True, kw_only=True, slots=True)
class _HiddenStateEncoder:
    """A text encoder that returns the hidden states of the layer that the stock pipeline uses.

    Attributes:
        skipped_layers: How many of the last layers to skip.
        is_normed: Whether the final layer norm is applied.
    """

    encoder: Any
    device: torch.device
    skipped_layers: int
    is_normed: bool

    @property
    def dtype(self) -> torch.dtype:
        """The encoder's dtype."""
        dtype: torch.dtype = self.encoder.dtype
        return dtype

    def __call__(self, ids: torch.Tensor, mask: torch.Tensor | None = None, **_: object) -> Any:
        if not self.skipped_layers and self.is_normed:
            return self.encoder(ids, mask)
        states = self.encoder(ids, mask, output_hidden_states=True).hidden_states
        layer_states = states[-(min(self.skipped_layers, len(states) - 1) + 1)]
        if self.is_normed:
            layer_states = getattr(self.encoder, "text_model", self.encoder).final_layer_norm(layer_states)
        return SimpleNamespace(last_hidden_state=layer_states)


@dataclass(frozen=True, kw_only=True, slots=True)
class _CompelEncoder:
    """One text encoder and the compel provider that encodes weighted text with it."""

    provider: Any
    device: torch.device
    expand: Callable[[str], str]

    def states(self, tree: Tree) -> torch.Tensor:
        if isinstance(tree, Phrase):
            return self._phrase(tree)
        if isinstance(tree, Swap):
            return self._phrase(tree.after)
        if isinstance(tree, Blend):
            return self._blend(tree)
        return self._conjunction(tree)

    def _phrase(self, phrase: Phrase) -> torch.Tensor:
        words = phrase.words or (Words(text=""),)
        texts, weights = [self.expand(part.text) for part in words], [part.weight for part in words]
        states: torch.Tensor = self.provider.get_embeddings_for_weighted_prompt_fragments(
            text_batch=[texts], fragment_weights_batch=[weights], device=self.device
        )
        return states

    def _blend(self, blend: Blend) -> torch.Tensor:
        parts = torch.cat(self._padded([self._phrase(phrase) for phrase in blend.phrases]))
        blended: torch.Tensor = self.provider.apply_embedding_weights(
            parts.unsqueeze(0), list(blend.weights), normalize=blend.normalize
        )
        return blended

    def _conjunction(self, conjunction: Conjunction) -> torch.Tensor:
        parts: list[torch.Tensor] = []
        for phrase, weight in zip(conjunction.phrases, conjunction.weights, strict=True):
            states = self._phrase(phrase)
            if weight != 1:
                empty, states = self._padded([self._phrase(Phrase()), states])
                states = empty + (states - empty) * weight
            parts.append(states)
        return torch.cat(parts, dim=1)

    def _padded(self, parts: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Pad the shorter parts with windows of the empty prompt, so that all have the same length."""
        longest = max(part.shape[1] for part in parts)
        empty = self._phrase(Phrase())
        return [torch.cat([part] + [empty] * ((longest - part.shape[1]) // empty.shape[1]), dim=1) for part in parts]


def _encoders(loaded: LoadedModel, clip_skip: int) -> list[_CompelEncoder]:
    dual = "text_encoder_2" in loaded.text_encoders
    encoders: list[_CompelEncoder] = []
    for number in ("", "_2"):
        encoder = loaded.text_encoders.get(f"text_encoder{number}")
        if encoder is None:
            continue
        device = encoder.device if loaded.offload == "none" else loaded.device
        layer = _HiddenStateEncoder(
            encoder=encoder, device=device, skipped_layers=clip_skip + 1 if dual else clip_skip, is_normed=not dual
        )
        tokenizer = getattr(loaded.pipeline, f"tokenizer{number}")
        provider = EmbeddingsProvider(
            tokenizer=tokenizer,
            text_encoder=layer,
            dtype_for_device_getter=lambda _, layer=layer: layer.dtype,
            truncate=False,
            split_long_text_mode=SplitLongTextMode.SENTENCES,
        )
        encoders.append(
            _CompelEncoder(
                provider=provider, device=device, expand=partial(loaded.expand_embeddings, tokenizer=tokenizer)
            )
        )
    return encoders
