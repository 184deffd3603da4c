"""Further metrics of the model: image to image, negative prompts, variety, inpainting and other sizes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline, StableDiffusionPipeline
from PIL import Image, ImageDraw
from scipy import ndimage

from training.evaluation.image_analysis import things_in
from training.evaluation.media_classifier import MediumClassifier, fit_classifier, pixels_of
from training.evaluation.sheets import SheetOptions, draw
from training.networks.autoencoder import round_trip, round_trip_psnr
from training.rendering.canvas import Array, floats
from training.rendering.image_pool import Pool
from training.rendering.random_scenes import landscape, single
from training.rendering.render import render
from training.rendering.scene import MEDIA, SHAPES

STRENGTHS = (0.2, 0.4, 0.6, 0.8, 1.0)


def autoencoder_quality(pipeline: StableDiffusionPipeline, pool: Pool) -> list[float]:
    """Return the peak signal-to-noise ratio in dB of every held-out image of the pool."""
    return round_trip_psnr(pipeline.vae, np.stack([np.asarray(render(scene)) for scene in pool.scenes()]))


def autoencoded(pipeline: StableDiffusionPipeline, image: Image.Image) -> Array:
    """Encode and decode an image, (H, W, 3) in 0..255. This is the best quality that the model can reach."""
    rendered = round_trip(pipeline.vae, np.asarray(image))
    return floats((rendered[0].permute(1, 2, 0).numpy() + 1) * 127.5)


def trained_classifier(pipeline: StableDiffusionPipeline, count: int) -> MediumClassifier:
    """Return a classifier of media, fitted on `count` landscapes and shapes of each; a third are autoencoded."""
    rng = np.random.default_rng(1)
    groups: list[tuple[str, list[Array]]] = []
    for medium in MEDIA:
        for make in (landscape, partial(single, kinds=SHAPES)):
            rendered = [render(make(rng, medium)) for _ in range(count)]
            known = [autoencoded(pipeline, p) if i % 3 == 0 else pixels_of(p) for i, p in enumerate(rendered)]
            groups.append((medium, known))
    return fit_classifier(groups)


def sketch_quality(pipeline: StableDiffusionPipeline, sketch: Image.Image, side: int) -> float:
    """Return the peak signal-to-noise ratio in dB of a user's own image at a side."""
    fitted = sketch.convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
    return round_trip_psnr(pipeline.vae, np.asarray(fitted)[None])[0]


def image_to_image(
    pipeline: StableDiffusionPipeline, prompt: str, init: Image.Image, strength: float, seeds: Sequence[int]
) -> list[Image.Image]:
    """Run image to image on the init image, once per seed, with 20 steps at full strength and guidance 5."""
    changer = StableDiffusionImg2ImgPipeline(**pipeline.components, requires_safety_checker=False)
    changer.set_progress_bar_config(disable=True)
    fitted = init.convert("RGB").resize((256, 256), Image.Resampling.LANCZOS)
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    options = {"strength": strength, "num_inference_steps": 20, "guidance_scale": 5.0, "generator": generators}
    images: list[Image.Image] = changer([prompt] * len(seeds), image=[fitted] * len(seeds), **options).images
    return images


def distances(pipeline: StableDiffusionPipeline, prompt: str, init: Image.Image, seeds: Sequence[int]) -> list[float]:
    """Return the mean absolute difference (0..255) from the init image at every one of STRENGTHS."""
    given = pixels_of(init.convert("RGB").resize((256, 256), Image.Resampling.LANCZOS))
    return [
        float(
            np.mean(
                [np.abs(pixels_of(image) - given).mean() for image in image_to_image(pipeline, prompt, init, s, seeds)]
            )
        )
        for s in STRENGTHS
    ]


def presence(name: str, pixels: Array) -> float:
    """Measure a thing in a landscape: "red" and "snow" as a share of the image, "trees" as edges below."""
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
    """Generate "a landscape" for each seed, (H, W, 3) in 0..255."""
    return [pixels_of(p) for p in draw(pipeline, ["a landscape"] * seeds, 1, SheetOptions(negative=negative))]


def mean_presence(name: str, views: Sequence[Array]) -> float:
    """Return the mean presence of a thing over images."""
    return float(np.mean([presence(name, pixels) for pixels in views]))


def spread_of_place(pipeline: StableDiffusionPipeline, seeds: int) -> float:
    """Return the standard deviation of the position of "a small red circle" over seeds, 0..1 of the side."""
    circles = [things_in(pixels_of(p), 1) for p in draw(pipeline, ["a small red circle"] * seeds, 1)]
    places = np.array([(found[0].x, found[0].y) for found in circles if found])
    return float(places.std(axis=0).mean()) if len(places) else 0.0


def difference(views: Sequence[Array]) -> float:
    """Return the mean absolute difference between pairs of images, 0..255."""
    small = [pixels[::4, ::4] for pixels in views]
    return float(np.mean([np.abs(a - b).mean() for i, a in enumerate(small) for b in small[:i]]))


def filled_hole(pipeline: StableDiffusionPipeline, seeds: Sequence[int]) -> tuple[float, float]:
    """Inpaint a hole in a white image with "a red circle".

    Returns:
        The share of seeds that painted red, and the mean change around the hole.
    """
    filler = StableDiffusionInpaintPipeline(**pipeline.components, requires_safety_checker=False)
    filler.set_progress_bar_config(disable=True)
    sheet = Image.new("RGB", (256, 256), (246, 246, 244))
    ImageDraw.Draw(sheet).rectangle((0, 0, 40, 40), fill=(42, 82, 204))
    hole = Image.new("L", (256, 256), 0)
    ImageDraw.Draw(hole).rectangle((64, 64, 224, 224), fill=255)
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    options = {"num_inference_steps": 20, "guidance_scale": 5.0, "generator": generators, "strength": 1.0}
    prompts = ["a large red circle on a white background"] * len(seeds)
    images = filler(prompts, image=sheet, mask_image=hole, width=256, height=256, **options).images
    inside = np.asarray(hole) > 0
    red = [presence("red", pixels_of(p)[64:224, 64:224]) > 0.15 for p in images]
    around = [np.abs(pixels_of(p) - pixels_of(sheet))[~inside].mean() for p in images]
    return float(np.mean(red)), float(np.mean(around))
