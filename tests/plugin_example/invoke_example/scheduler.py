"""A scheduler: DDIM on every second training step."""

from __future__ import annotations

from typing import Any

from diffusers import DDIMScheduler


class HalfDDIMScheduler(DDIMScheduler):  # type: ignore[misc]  # diffusers is untyped
    """DDIM whose schedule covers only the less noisy half of the training steps."""

    def set_timesteps(self, num_inference_steps: int, device: Any = None) -> None:
        """Set the stock schedule, with all timesteps halved."""
        super().set_timesteps(num_inference_steps, device)
        self.timesteps: Any = self.timesteps // 2
