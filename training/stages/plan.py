"""The stages of the training as a table: the text encoder on labels, then the denoiser on ever more."""

from __future__ import annotations

from dataclasses import dataclass, replace

from training.compositions.random_compositions import EVERYTHING, NARROW, Blend
from training.networks.training_loop import TrainingRun

Size = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class SizeShare:
    """A size of pictures (width, height), the batch at that size, and its share of the steps."""

    size: Size
    batch: int
    share: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A stage of the denoiser: `views` pictures are learned from in all, at these sizes.

    `refreshed` is the share of a batch that is rendered again for each step; the others come from a pool of `pool`
    earlier views. A share `high` of the noise levels is from the upper half; a share `noise_only` of the samples is
    pure noise, as at the start of sampling. `minutes` is what it takes on one core of 2026, to plan by.
    """

    name: str
    blend: Blend
    sizes: tuple[SizeShare, ...]
    views: int
    rate: float
    last_share: float
    minutes: int
    warm_up: int = 200
    decay: float = 0.9995
    refreshed: float = 0.25
    pool: int = 12_000
    high: float = 0.0
    noise_only: float = 0.0
    seed: int = 0

    @property
    def steps(self) -> int:
        """Return the number of steps in which the views are seen."""
        total = sum(size.share for size in self.sizes)
        return round(self.views / sum(size.batch * size.share / total for size in self.sizes))

    def run(self) -> TrainingRun:
        """Return the settings of the optimizer."""
        return TrainingRun(
            name=self.name,
            steps=self.steps,
            rate=self.rate,
            warm_up=self.warm_up,
            last_share=self.last_share,
            decay=self.decay,
            seed=self.seed,
        )


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The whole training: labels (`captions` a step) and looks for the text encoder, then the denoiser's stages."""

    labels: TrainingRun
    looks: TrainingRun
    captions: int
    text_width: int
    text_layers: int
    stages: tuple[Stage, ...]

    def scaled(self, factor: int) -> Plan:
        """Return the plan with batches `factor` times as large and rates that fit, for a GPU."""
        stages = tuple(
            replace(
                stage,
                sizes=tuple(replace(size, batch=size.batch * factor) for size in stage.sizes),
                rate=stage.rate * min(2.0, factor**0.5),
                pool=stage.pool * 4,
            )
            for stage in self.stages
        )
        return replace(self, stages=stages)


PLAN = Plan(
    labels=TrainingRun(name="labels", steps=4800, rate=1.5e-3, decay=0.995, seed=3, warm_up=100),
    looks=TrainingRun(name="looks", steps=1500, rate=1.2e-3, decay=0.99, seed=4, warm_up=60),
    captions=128,
    text_width=192,
    text_layers=4,
    stages=(
        Stage(
            name="1-narrow",
            blend=NARROW,
            sizes=(SizeShare(size=(128, 128), batch=48),),
            views=450_000,
            rate=1e-3,
            last_share=0.3,
            minutes=160,
            seed=101,
        ),
        Stage(
            name="2-everything",
            blend=EVERYTHING,
            sizes=(SizeShare(size=(128, 128), batch=48),),
            views=700_000,
            rate=1e-3,
            last_share=0.2,
            minutes=270,
            noise_only=0.05,
            seed=102,
        ),
        Stage(
            name="3-whole",
            blend=EVERYTHING,
            sizes=(SizeShare(size=(256, 256), batch=16),),
            views=200_000,
            rate=6e-4,
            last_share=0.25,
            minutes=240,
            pool=4000,
            high=0.3,
            noise_only=0.12,
            seed=103,
        ),
        Stage(
            name="4-sizes",
            blend=EVERYTHING,
            sizes=(
                SizeShare(size=(256, 256), batch=16, share=0.62),
                SizeShare(size=(128, 128), batch=48, share=0.08),
                SizeShare(size=(192, 192), batch=24, share=0.06),
                SizeShare(size=(256, 384), batch=10, share=0.07),
                SizeShare(size=(384, 256), batch=10, share=0.07),
                SizeShare(size=(384, 384), batch=8, share=0.06),
                SizeShare(size=(512, 512), batch=4, share=0.04),
            ),
            views=80_000,
            rate=4e-4,
            last_share=0.03,
            minutes=130,
            pool=3000,
            high=0.3,
            noise_only=0.12,
            seed=104,
        ),
    ),
)
