"""The loss of the denoiser on views: velocity prediction at random noise levels."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import UNet2DConditionModel

from training.networks.denoiser import FIRST_LEVELS, build_scheduler, draw_levels
from training.stages.plan import Stage
from training.stages.views import ViewMaker, ViewPool

Learned = tuple[torch.Tensor, int]


class StageLearner:
    """Batches of a stage and their losses. A batch has one of the stage's sizes, drawn by their shares."""

    def __init__(self, stage: Stage, unet: UNet2DConditionModel, maker: ViewMaker, first: int = 0) -> None:
        self.stage, self.unet, self.device = stage, unet, maker.device
        self.kept = build_scheduler().alphas_cumprod
        shares = np.array([size.share for size in stage.sizes])
        self.shares = shares / shares.sum()
        self.pools = [
            ViewPool(
                maker=maker,
                blend=stage.blend,
                size=size.size,
                capacity=_capacity(stage, size.size, share),
                seed=stage.seed * 100 + index,
                number=first,
            )
            for index, (size, share) in enumerate(zip(stage.sizes, self.shares, strict=True))
        ]

    def learn(self, step: int) -> Learned:
        """Return the loss of a step's batch, and the number of its views."""
        rng = np.random.default_rng((self.stage.seed, step))
        chosen = int(rng.choice(len(self.pools), p=self.shares))
        count = self.stage.sizes[chosen].batch
        fresh = max(1, round(count * self.stage.refreshed))
        latents, states = self.pools[chosen].batch(rng, count, fresh)
        levels = draw_levels(rng, count, self.stage.high)
        blind = torch.from_numpy(rng.random(count) < self.stage.noise_only)
        levels[blind] = torch.from_numpy(rng.integers(*FIRST_LEVELS, size=int(blind.sum())))
        loss = self._loss(latents.to(self.device), states.to(self.device), levels, blind)
        return loss, count

    def _loss(
        self, latents: torch.Tensor, states: torch.Tensor, levels: torch.Tensor, blind: torch.Tensor
    ) -> torch.Tensor:
        kept = self.kept[levels][:, None, None, None]
        shown = kept.masked_fill(blind[:, None, None, None], 0.0).to(self.device)
        kept = kept.to(self.device)
        noise = torch.randn_like(latents)
        noisy = shown.sqrt() * latents + (1 - shown).sqrt() * noise
        with torch.autocast(self.device, torch.bfloat16):
            guess = self.unet(noisy, levels.to(self.device), states, return_dict=False)[0]
        return F.mse_loss(guess.float(), kept.sqrt() * noise - (1 - kept).sqrt() * latents)


def _capacity(stage: Stage, size: tuple[int, int], share: float) -> int:
    """Return how many views of a size are kept: as many as its share, but enough for its batches."""
    largest = max(entry.batch for entry in stage.sizes if entry.size == size)
    return max(4 * largest, round(stage.pool * float(share)))
