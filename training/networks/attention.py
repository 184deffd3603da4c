"""Attention as plain matrix products.

For the few tokens of a small UNet this trains a quarter faster on a CPU than the fused kernel, whose backward pass is
slow there.
"""

from __future__ import annotations

import torch
from diffusers.models.attention_processor import Attention


class PlainAttention:
    """An attention processor for diffusers, without masks, norms or residuals, which this UNet's blocks do not have."""

    def __call__(
        self,
        attention: Attention,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        **_: object,
    ) -> torch.Tensor:
        """Return the attended states (n, length, channels)."""
        count, length = hidden_states.shape[:2]
        heads = attention.heads
        heard = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        asked = attention.to_q(hidden_states).view(count, length, heads, -1).transpose(1, 2).flatten(0, 1)
        keys = attention.to_k(heard).view(count, heard.shape[1], heads, -1).permute(0, 2, 3, 1).flatten(0, 1)
        values = attention.to_v(heard).view(count, heard.shape[1], heads, -1).transpose(1, 2).flatten(0, 1)
        shares = torch.bmm(asked * attention.scale, keys).softmax(dim=-1).to(values.dtype)
        joined = torch.bmm(shares, values).view(count, heads, length, -1).transpose(1, 2).flatten(2)
        out: torch.Tensor = attention.to_out[0](joined)
        return out
