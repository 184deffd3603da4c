"""The recipes: widths of the networks, numbers of images and of steps."""

from __future__ import annotations

from dataclasses import dataclass, replace

from training.networks.builders import Widths
from training.networks.denoiser import Batch, Stage
from training.networks.training_loop import TrainingRun
from training.rendering.image_pool import Pool
from training.rendering.mixes import NARROW, PAINTED, PAIRED, RICH, SCATTERED, WIDE

HELD_OUT_SEED = 90_001


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The settings of a training; `captions` is the number of captions per image.

    `kept` is a stage and the final share of its weights, which recovers what later stages forget.
    """

    widths: Widths
    images: Pool
    autoencoder: TrainingRun
    decoder_images: Pool
    decoder: TrainingRun
    reader: TrainingRun
    pools: dict[str, Pool]
    stages: tuple[Stage, ...]
    kept: tuple[int, float] | None = None
    captions: int = 6
    seed: int = 0


def full() -> Recipe:
    """Return the recipe of the bundled model: about half a day on two CPU cores."""
    return Recipe(
        widths=Widths(autoencoder=(24, 48, 64, 64), unet=(64, 96, 160), text=128, text_layers=3),
        images=Pool(mix=WIDE, count=8000, seed=1),
        autoencoder=TrainingRun(name="autoencoder", steps=5200, rate=1e-3),
        decoder_images=Pool(mix=RICH, count=4800, seed=12),
        decoder=TrainingRun(name="decoder", steps=1600, rate=8e-4, seed=12),
        reader=TrainingRun(name="reader", steps=1600, rate=1e-3, decay=0.99, seed=3),
        pools={
            "narrow": Pool(mix=NARROW, count=8000, seed=2),
            "wide": Pool(mix=WIDE, count=8960, seed=3),
            "fresh": Pool(mix=RICH, count=9600, seed=10),
            "scattered": Pool(mix=SCATTERED, count=4800, seed=11),
            "painted": Pool(mix=PAINTED, count=6400, seed=13),
            "paired": Pool(mix=PAIRED, count=2560, seed=14),
            "tall": Pool(mix=RICH, count=256, seed=4, width=256, height=384),
            "broad": Pool(mix=RICH, count=256, seed=5, width=384, height=256),
            "small": Pool(mix=RICH, count=256, seed=6, width=192, height=192),
            "big": Pool(mix=RICH, count=192, seed=7, width=384, height=384),
            "huge": Pool(mix=RICH, count=96, seed=8, width=512, height=512),
        },
        stages=_stages(),
        kept=(5, 0.3),
    )


def tiny() -> Recipe:
    """Return a recipe that runs in a minute, for tests. The resulting model generates nothing useful."""
    whole = full()
    narrow = Stage(run=TrainingRun(name="unet-1-narrow", steps=2, rate=1e-3), batches=(_half(("narrow", 4)),))
    return replace(
        whole,
        widths=Widths(autoencoder=(8, 8, 16, 16), unet=(16, 16, 32), text=32, text_layers=1),
        images=replace(whole.images, count=8),
        autoencoder=replace(whole.autoencoder, steps=3),
        decoder_images=replace(whole.decoder_images, count=8),
        decoder=replace(whole.decoder, steps=2),
        reader=replace(whole.reader, steps=2),
        pools={name: replace(pool, count=8) for name, pool in whole.pools.items() if name in ("narrow", "wide")},
        stages=(narrow,),
        kept=(0, 0.3),
        captions=2,
    )


RECIPES = {"tiny": tiny, "full": full}


def _stages() -> tuple[Stage, ...]:
    """Return the stages: single plain things at half size, with everything else, the same at full size, fresh images,
    other sizes, things anywhere, everything again, and finally more pairs.
    """
    whole = _whole(("narrow", 13), ("wide", 27))
    fresh = _whole(("narrow", 10), ("fresh", 30))
    to_whole = replace(_course(3, "whole", 2350, 1.5e-3), last_share=0.08, decay=0.995)
    scattered = _whole(("fresh", 16), ("scattered", 24))
    settling = replace(_course(6, "scattered", 2100, 6e-4), last_share=0.03)
    painting = replace(_course(7, "painted", 1300, 6e-4), last_share=0.02)
    ending = replace(_course(8, "paired", 600, 4e-4, warm_up=60), last_share=0.02)
    return (
        Stage(run=_course(1, "narrow", 1000, 1e-3, warm_up=60), batches=(_half(("narrow", 64)),)),
        Stage(run=_course(2, "widen", 1200, 1e-3), batches=(_half(("narrow", 20), ("wide", 44)),)),
        Stage(run=to_whole, batches=(whole,), high=0.4, noise_only=0.15),
        Stage(run=_course(4, "fresh", 1500, 7e-4), batches=(fresh,), high=0.3, noise_only=0.1),
        Stage(
            run=replace(_course(5, "sizes", 1200, 4e-4), last_share=0.03),
            batches=(fresh, *_other_sizes()),
            high=0.3,
            noise_only=0.1,
        ),
        Stage(run=settling, batches=(scattered, *_other_sizes()), high=0.3, noise_only=0.12),
        Stage(
            run=painting,
            batches=(_whole(("narrow", 8), ("painted", 32)), *_other_sizes("painted")),
            high=0.3,
            noise_only=0.12,
        ),
        Stage(
            run=ending,
            batches=(_whole(("narrow", 4), ("painted", 20), ("paired", 16)), *_other_sizes("painted")),
            high=0.3,
            noise_only=0.12,
        ),
    )


def _other_sizes(everything: str = "fresh") -> tuple[Batch, ...]:
    """Return batches for a third of each of the last stages: half size, and latents of 24 x 24 up to 64 x 64, not all
    square.
    """
    return (
        _half(("narrow", 24), (everything, 40), weight=0.1),
        _whole(("small", 48), weight=0.08),
        _whole(("tall", 24), weight=0.1),
        _whole(("broad", 24), weight=0.1),
        _whole(("big", 16), weight=0.08),
        _whole(("huge", 8), weight=0.08),
    )


def _course(number: int, name: str, steps: int, rate: float, warm_up: int = 200) -> TrainingRun:
    """Return a training run of the UNet.

    It ends with a high rate if another run follows, which starts from its average.
    """
    return TrainingRun(
        name=f"unet-{number}-{name}",
        steps=steps,
        rate=rate,
        warm_up=warm_up,
        last_share=0.25,
        decay=0.998,
        muon=True,
        seed=100 + number,
    )


def _half(*parts: tuple[str, int], weight: float = 1.0) -> Batch:
    return Batch(parts=parts, halved=True, weight=weight)


def _whole(*parts: tuple[str, int], weight: float = 1.0) -> Batch:
    return Batch(parts=parts, halved=False, weight=weight)
