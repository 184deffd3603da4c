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
    return torch.cat([reader.states(tree) for reader in _readers(loaded, clip_skip)], dim=-1)


def windows(loaded: LoadedModel, text: str) -> list[int]:
    """Return how many tokens of a long text are in each window."""
    reader = _readers(loaded, 0)[-1]
    provider = reader.provider
    ids, _, _ = provider.get_token_ids_and_expand_weights([reader.spell(text)], [1.0], device="cpu")
    end = provider.tokenizer.eos_token_id
    return [row.index(end, 1) - 1 for row in ids.reshape(-1, provider.max_token_count).tolist()]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Layer:
    """A text encoder that returns the hidden states of the layer that the stock pipeline uses.

    Attributes:
        skipped: How many of the last layers to skip.
        normed: Whether the final layer norm is applied.
    """

    encoder: Any
    device: torch.device
    skipped: int
    normed: bool

    @property
    def dtype(self) -> torch.dtype:
        """The encoder's dtype."""
        dtype: torch.dtype = self.encoder.dtype
        return dtype

    def __call__(self, ids: torch.Tensor, mask: torch.Tensor | None = None, **_: object) -> Any:
        if not self.skipped and self.normed:
            return self.encoder(ids, mask)
        states = self.encoder(ids, mask, output_hidden_states=True).hidden_states
        taken = states[-(min(self.skipped, len(states) - 1) + 1)]
        if self.normed:
            taken = getattr(self.encoder, "text_model", self.encoder).final_layer_norm(taken)
        return SimpleNamespace(last_hidden_state=taken)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Reader:
    """One text encoder and the compel provider that encodes weighted text with it."""

    provider: Any
    device: torch.device
    spell: Callable[[str], str]

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
        texts, weights = [self.spell(part.text) for part in words], [part.weight for part in words]
        states: torch.Tensor = self.provider.get_embeddings_for_weighted_prompt_fragments(
            text_batch=[texts], fragment_weights_batch=[weights], device=self.device
        )
        return states

    def _blend(self, blend: Blend) -> torch.Tensor:
        parts = torch.cat(self._even([self._phrase(phrase) for phrase in blend.phrases]))
        blended: torch.Tensor = self.provider.apply_embedding_weights(
            parts.unsqueeze(0), list(blend.weights), normalize=blend.normalize
        )
        return blended

    def _conjunction(self, conjunction: Conjunction) -> torch.Tensor:
        parts: list[torch.Tensor] = []
        for phrase, weight in zip(conjunction.phrases, conjunction.weights, strict=True):
            states = self._phrase(phrase)
            if weight != 1:
                empty, states = self._even([self._phrase(Phrase()), states])
                states = empty + (states - empty) * weight
            parts.append(states)
        return torch.cat(parts, dim=1)

    def _even(self, parts: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Pad the shorter parts with windows of the empty prompt, so that all have the same length."""
        most = max(part.shape[1] for part in parts)
        empty = self._phrase(Phrase())
        return [torch.cat([part] + [empty] * ((most - part.shape[1]) // empty.shape[1]), dim=1) for part in parts]


def _readers(loaded: LoadedModel, clip_skip: int) -> list[_Reader]:
    dual = "text_encoder_2" in loaded.text_encoders
    readers: list[_Reader] = []
    for number in ("", "_2"):
        encoder = loaded.text_encoders.get(f"text_encoder{number}")
        if encoder is None:
            continue
        device = encoder.device if loaded.offload == "none" else loaded.place
        layer = _Layer(encoder=encoder, device=device, skipped=clip_skip + 1 if dual else clip_skip, normed=not dual)
        tokenizer = getattr(loaded.pipeline, f"tokenizer{number}")
        provider = EmbeddingsProvider(
            tokenizer=tokenizer,
            text_encoder=layer,
            dtype_for_device_getter=lambda _, layer=layer: layer.dtype,
            truncate=False,
            split_long_text_mode=SplitLongTextMode.SENTENCES,
        )
        readers.append(_Reader(provider=provider, device=device, spell=partial(loaded.spelt_out, tokenizer=tokenizer)))
    return readers
