"""Sample sheets: the same prompts and seeds drawn as a training goes on."""

from __future__ import annotations

import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from PIL import Image

from training.evaluation.sheets import SheetOptions, contact_sheet, draw
from training.networks.denoiser import build_scheduler
from training.stages.views import ViewMaker

SAMPLED_PROMPTS = (
    *("a cat", "a dog on a white background", "a spaceship", "a robot", "a guitar on yellow", "a slice of pizza"),
    *("a dragon on a white background", "a castle", "an astronaut", "a bicycle on green", "a car", "an owl on blue"),
    *(
        "a cup of coffee",
        "a burger on a red background",
        "a butterfly",
        "a violin on white",
        "a turtle",
        "a fox on pink",
    ),
    *("a wizard on purple", "a crown on black", "a sailboat", "a cactus on orange", "a large red circle on white"),
    *("a blue star on yellow", "a blue cat on a white background", "a red elephant on white", "a green car"),
    *("a cat and a dog on white", "a robot next to a house", "three apples on blue", "two rockets on black"),
    *("an astronaut on the moon", "a penguin in the snow", "a lion in the desert at sunset", "a ship at sea at night"),
    *("a dinosaur on a hill", "a fox, watercolor", "a photograph of an apple", "a house, pixel art"),
    *("a flat sticker of a panda",),
)
GUIDANCE = 4.0


def pipeline_of(maker: ViewMaker, unet: UNet2DConditionModel) -> StableDiffusionPipeline:
    """Return the networks as a pipeline."""
    pipeline = StableDiffusionPipeline(
        vae=maker.vae,
        text_encoder=maker.tower,
        tokenizer=maker.tokenizer,
        unet=unet,
        scheduler=build_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def sample_sheet(maker: ViewMaker, unet: UNet2DConditionModel, side: int) -> Image.Image:
    """Return a sheet of all sample prompts at a size, one picture each."""
    options = SheetOptions(guidance=GUIDANCE, width=side, height=side)
    with torch.no_grad():
        images = draw(pipeline_of(maker, unet), list(SAMPLED_PROMPTS), seed=7, options=options)
    return contact_sheet(images, columns=8, side=max(130, side + 2))
