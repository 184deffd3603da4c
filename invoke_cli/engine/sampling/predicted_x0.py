"""The predicted original sample (pred_x0): the clean latents that a sampler's last step moved towards, for previews.

Latents look like noise for most of a run; the prediction shows the image from the first steps on.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

import torch


class PredictedX0:
    """Observes a scheduler's steps for one run, through the step function that `observed` returns.

    Args:
        scheduler: The run's scheduler.
        sigma_space: Whether the latents grow with sigma (k-diffusion's convention), as the sampler's row states.
    """

    def __init__(self, scheduler: Any, *, sigma_space: bool) -> None:
        self._scheduler, self._sigma_space = scheduler, sigma_space
        self._last: tuple[torch.Tensor, Any, torch.Tensor] | None = None

    def observed(self, step: Callable[..., Any]) -> Callable[..., Any]:
        """Return a scheduler's `step` that also remembers its arguments."""

        @wraps(step)
        def observed(model_output: torch.Tensor, timestep: Any, sample: torch.Tensor, *rest: Any, **named: Any) -> Any:
            self._last = (model_output, timestep, sample)
            return step(model_output, timestep, sample, *rest, **named)

        return observed

    def latents(self) -> torch.Tensor | None:
        """Return the predicted original sample of the last step, in the shape of the latents; None if it is unknown.

        With a the cumulative alpha and x of unit variance:

        - epsilon prediction: (x - sqrt(1-a) e) / sqrt(a) (Ho et al. 2020, eq. 15)
        - v-prediction: sqrt(a) x - sqrt(1-a) v (Salimans & Ho 2022, app. D)
        - flow models: x - sigma v
        """
        if self._last is None:
            return None
        output, timestep, sample = self._last
        if output.ndim > 1:
            output = output[:, : sample.shape[1]]  # models with learned variance append it as channels
        if output.shape != sample.shape:
            return None
        if self._is_flow():
            return sample - float(timestep) / float(self._scheduler.config.num_train_timesteps) * output
        alpha = self._alpha_cumprod(float(timestep))
        signal, noise = math.sqrt(alpha), math.sqrt(1 - alpha)
        unit = sample * signal if self._sigma_space else sample
        match self._scheduler.config.get("prediction_type", "epsilon"):
            case "sample":
                return output
            case "v_prediction":
                return signal * unit - noise * output
            case _:
                return (unit - noise * output) / signal

    def _is_flow(self) -> bool:
        config = self._scheduler.config
        return not hasattr(self._scheduler, "alphas_cumprod") or bool(config.get("use_flow_sigmas"))

    def _alpha_cumprod(self, timestep: float) -> float:
        """Return the cumulative alpha at a timestep, log-linearly interpolating sigma between whole timesteps."""
        alphas = self._scheduler.alphas_cumprod
        lower = min(max(int(timestep), 0), len(alphas) - 1)
        upper = min(lower + 1, len(alphas) - 1)
        ends = [min(max(float(alphas[index]), 1e-9), 1 - 1e-9) for index in (lower, upper)]
        logs = [math.log((1 - end) / end) / 2 for end in ends]
        share = min(max(timestep - lower, 0.0), 1.0)
        sigma = math.exp((1 - share) * logs[0] + share * logs[1])
        return 1 / (sigma**2 + 1)
