"""The optimizers of a training run: AdamW for all weights, or Muon (Jordan 2024) for the inner matrices and AdamW
for the rest.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

# Newton-Schulz iterations: four leave the singular values within a third of 1, and cost a fifth less than five.
ITERATIONS = 4
WEIGHT_DECAY = 0.01


class Optimizers:
    """One or two optimizers that step together. Muon sees its weights as matrices (out, everything else)."""

    def __init__(self, module: nn.Module, rate: float, muon: bool) -> None:
        named = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
        self.inner = [p for name, p in named if muon and _is_inner(name, p)]
        ours = {id(p) for p in self.inner}
        rest = [p for _, p in named if id(p) not in ours]
        self.views = [_rows(p.detach()).view(len(p), -1) for p in self.inner]
        self.parts: dict[str, torch.optim.Optimizer] = {
            "adamw": torch.optim.AdamW(rest, lr=rate, betas=(0.9, 0.99), weight_decay=WEIGHT_DECAY)
        }
        if self.inner:
            self.parts["muon"] = torch.optim.Muon(
                self.views,
                lr=rate,
                weight_decay=WEIGHT_DECAY,
                momentum=0.95,
                ns_steps=ITERATIONS,
                adjust_lr_fn="match_rms_adamw",
            )

    def step(self, rate: float) -> None:
        """Update all weights with a learning rate, and clear the gradients."""
        for view, parameter in zip(self.views, self.inner, strict=True):
            view.grad = None if parameter.grad is None else _rows(parameter.grad, like=parameter).reshape(view.shape)
        for part in self.parts.values():
            for group in part.param_groups:
                group["lr"] = rate
            part.step()
            part.zero_grad(set_to_none=True)
        for parameter in self.inner:
            parameter.grad = None

    def state_dict(self) -> dict[str, Any]:
        """Return the states of both."""
        return {name: part.state_dict() for name, part in self.parts.items()}

    def load_state_dict(self, states: dict[str, Any]) -> None:
        """Restore the states of both."""
        for name, part in self.parts.items():
            part.load_state_dict(states[name])


def _rows(weights: torch.Tensor, like: torch.Tensor | None = None) -> torch.Tensor:
    """Return weights in the order in which `like`, or they themselves, lie in memory.

    A convolution whose channels lie last is a matrix with its columns in another order, which is the same to Muon.
    """
    held = weights if like is None else like
    return weights if held.is_contiguous() else weights.permute(0, 2, 3, 1)


def _is_inner(name: str, parameter: nn.Parameter) -> bool:
    """Return whether a weight is an inner matrix: not a vector, nor the first or last convolution."""
    return parameter.ndim >= 2 and not name.startswith(("conv_in", "conv_out"))
