"""What else the model must be able to do, in numbers: image to image, negative prompts, variety, holes, other sizes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline, StableDiffusionPipeline
from PIL import Image, ImageDraw
from scipy import ndimage

from training.autoencoder import round_trip, round_trip_psnr
from training.canvas import Array, floats
from training.image_analysis import things_in
from training.image_pool import Pool
from training.media_classifier import MediumJudge, fit_judge, pixels_of
from training.random_scenes import landscape, single
from training.render import render
from training.scene import MEDIA, SHAPES
from training.sheets import SheetOptions, draw

STRENGTHS = (0.2, 0.4, 0.6, 0.8, 1.0)


def autoencoder_quality(pipeline: StableDiffusionPipeline, pool: Pool) -> list[float]:
    """The peak signal-to-noise ratio in dB of every held-out picture of the pool."""
    return round_trip_psnr(pipeline.vae, np.stack([np.asarray(render(scene)) for scene in pool.scenes()]))


def autoencoded(pipeline: StableDiffusionPipeline, picture: Image.Image) -> Array:
    """What the autoencoder leaves of a picture, (H, W, 3) in 0..255: no model draws better than that."""
    drawn = round_trip(pipeline.vae, np.asarray(picture))
    return floats((drawn[0].permute(1, 2, 0).numpy() + 1) * 127.5)


def trained_judge(pipeline: StableDiffusionPipeline, count: int) -> MediumJudge:
    """A judge of media, fitted on `count` views and as many shapes of each; a third come through the autoencoder."""
    rng = np.random.default_rng(1)
    groups: list[tuple[str, list[Array]]] = []
    for medium in MEDIA:
        for make in (landscape, partial(single, kinds=SHAPES)):
            drawn = [render(make(rng, medium)) for _ in range(count)]
            known = [autoencoded(pipeline, p) if i % 3 == 0 else pixels_of(p) for i, p in enumerate(drawn)]
            groups.append((medium, known))
    return fit_judge(groups)


def sketch_quality(pipeline: StableDiffusionPipeline, sketch: Image.Image, side: int) -> float:
    """The peak signal-to-noise ratio in dB of a user's own picture at a side."""
    fitted = sketch.convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
    return round_trip_psnr(pipeline.vae, np.asarray(fitted)[None])[0]


def redrawn(
    pipeline: StableDiffusionPipeline, prompt: str, init: Image.Image, strength: float, seeds: Sequence[int]
) -> list[Image.Image]:
    """The init image redrawn, once per seed, with 20 steps at full strength and guidance 5."""
    changer = StableDiffusionImg2ImgPipeline(**pipeline.components, requires_safety_checker=False)
    changer.set_progress_bar_config(disable=True)
    fitted = init.convert("RGB").resize((256, 256), Image.Resampling.LANCZOS)
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    options = {"strength": strength, "num_inference_steps": 20, "guidance_scale": 5.0, "generator": generators}
    pictures: list[Image.Image] = changer([prompt] * len(seeds), image=[fitted] * len(seeds), **options).images
    return pictures


def distances(pipeline: StableDiffusionPipeline, prompt: str, init: Image.Image, seeds: Sequence[int]) -> list[float]:
    """The mean absolute difference (0..255) from the init image at every one of STRENGTHS."""
    given = pixels_of(init.convert("RGB").resize((256, 256), Image.Resampling.LANCZOS))
    return [
        float(
            np.mean(
                [np.abs(pixels_of(picture) - given).mean() for picture in redrawn(pipeline, prompt, init, s, seeds)]
            )
        )
        for s in STRENGTHS
    ]


def presence(name: str, pixels: Array) -> float:
    """How much of what is named a view holds: "red" and "snow" as a share of the picture, "trees" as edges below."""
    if name == "red":
        red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
        return float(((red > 110) & (red > 1.45 * green) & (red > 1.45 * blue)).mean())
    lower = pixels[len(pixels) // 2 :]
    if name == "snow":
        bright, spread = lower.mean(axis=-1), lower.max(axis=-1) - lower.min(axis=-1)
        return float(((bright > 150) & (spread < 45)).mean())
    band = pixels[int(len(pixels) * 0.42) : int(len(pixels) * 0.92)].mean(axis=-1)
    return float((np.abs(ndimage.sobel(ndimage.gaussian_filter(band, 1.0), axis=1)) > 24).mean())


def landscapes(pipeline: StableDiffusionPipeline, seeds: int, negative: str = "") -> list[Array]:
    """ "a landscape" over seeds, (H, W, 3) in 0..255 each."""
    return [pixels_of(p) for p in draw(pipeline, ["a landscape"] * seeds, 1, SheetOptions(negative=negative))]


def mean_presence(name: str, views: Sequence[Array]) -> float:
    """The presence of what is named, mean over views."""
    return float(np.mean([presence(name, pixels) for pixels in views]))


def spread_of_place(pipeline: StableDiffusionPipeline, seeds: int) -> float:
    """The standard deviation of where "a small red circle" stands over seeds, 0..1 of the side."""
    circles = [things_in(pixels_of(p), 1) for p in draw(pipeline, ["a small red circle"] * seeds, 1)]
    places = np.array([(found[0].x, found[0].y) for found in circles if found])
    return float(places.std(axis=0).mean()) if len(places) else 0.0


def difference(views: Sequence[Array]) -> float:
    """The mean absolute difference between two of the views, 0..255."""
    small = [pixels[::4, ::4] for pixels in views]
    return float(np.mean([np.abs(a - b).mean() for i, a in enumerate(small) for b in small[:i]]))


def filled_hole(pipeline: StableDiffusionPipeline, seeds: Sequence[int]) -> tuple[float, float]:
    """A hole in a white sheet, filled with "a red circle": how often red stands there, and the change around it."""
    filler = StableDiffusionInpaintPipeline(**pipeline.components, requires_safety_checker=False)
    filler.set_progress_bar_config(disable=True)
    sheet = Image.new("RGB", (256, 256), (246, 246, 244))
    ImageDraw.Draw(sheet).rectangle((0, 0, 40, 40), fill=(42, 82, 204))
    hole = Image.new("L", (256, 256), 0)
    ImageDraw.Draw(hole).rectangle((64, 64, 224, 224), fill=255)
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    options = {"num_inference_steps": 20, "guidance_scale": 5.0, "generator": generators, "strength": 1.0}
    prompts = ["a large red circle on a white background"] * len(seeds)
    pictures = filler(prompts, image=sheet, mask_image=hole, width=256, height=256, **options).images
    inside = np.asarray(hole) > 0
    red = [presence("red", pixels_of(p)[64:224, 64:224]) > 0.15 for p in pictures]
    around = [np.abs(pixels_of(p) - pixels_of(sheet))[~inside].mean() for p in pictures]
    return float(np.mean(red)), float(np.mean(around))
