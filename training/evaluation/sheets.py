"""Contact sheets: small images of a list of prompts, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from PIL import Image

SHOWN_PROMPTS = (
    *("a large red circle on a white background", "a blue star on a yellow background", "a green heart on black"),
    *("a purple diamond on a gray background", "a small orange square at the top left on a blue background"),
    *("a pink triangle on a green background", "a yellow moon on a dark blue background", "a white cloud on cyan"),
    *("a red circle left of a blue star", "a green square above an orange heart on white", "a cat next to a house"),
    *("a yellow star over a purple boat on a black background", "a red apple", "an orange cat on a white background"),
    *("a red mushroom on a green background", "a blue fish on a yellow background", "a pink flower on white"),
    *("a red house on a white background", "a green tree", "a purple butterfly on yellow", "a red car", "a blue cup"),
    *(
        "fire",
        "a campfire at night",
        "a fireplace",
        "a fireplace, oil painting",
        "fire, watercolor",
        "a large fire, photo",
    ),
    *("tree on a hill with a river, national geographic", "a landscape", "mountains with a lake at sunset"),
    *("winter scene with snow-covered mountains and frozen lake", "dramatic stormy evening with lightning"),
    *("the sea with a sailboat on a sunny day", "hills with many trees in autumn", "a red house in the snow at night"),
    *("a city at night", "a city, digital art in cyberpunk style", "a campfire in a forest under a starry sky"),
    *("mountains, oil painting in impressionist style", "a river with pine trees, watercolor painting with soft edges"),
    *(
        "a house on a hill, pencil sketch",
        "a sailboat at sunset, pixel art",
        "a blue heart, neon",
        "a cat, pencil sketch",
    ),
    *("a photograph of a red apple", "a photo of a blue ball", "oil painting of a yellow flower", "a tree, pixel art"),
    *("a meadow with flowers in spring", "a moonlit lake with mountains at night", "an astronaut in a jungle"),
    *("a black square on a yellow background", "a large white star on a red background", "a neon sign of a cup"),
    *("a purple circle to the right of a yellow triangle", "a brown heart below a cyan square on a white background"),
    *(
        "a log fire in the dark",
        "a fire in a fireplace, pixel art",
        "a frozen lake at night with the moon, oil painting",
    ),
    *("a beach by the sea at sunset, watercolor", "a yellow house by a river in spring", "pine trees, pencil sketch"),
    "a landscape at night with stars",
)


@dataclass(frozen=True, kw_only=True)
class SheetOptions:
    """The guidance, the size in pixels and the negative prompt."""

    guidance: float = 5.0
    width: int = 256
    height: int = 256
    negative: str = ""


def draw(
    pipeline: StableDiffusionPipeline, prompts: Sequence[str], seed: int, options: SheetOptions | None = None
) -> list[Image.Image]:
    """Generate one image per prompt in 20 DDIM steps, with seeds counting up from `seed`."""
    chosen = options or SheetOptions()
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    generated: list[Image.Image] = []
    for start in range(0, len(prompts), 8):
        chunk = list(prompts[start : start + 8])
        generators = [torch.Generator().manual_seed(seed + start + i) for i in range(len(chunk))]
        settings = {"guidance_scale": chosen.guidance, "width": chosen.width, "height": chosen.height}
        unwanted = [chosen.negative] * len(chunk)
        result = pipeline(chunk, negative_prompt=unwanted, num_inference_steps=20, generator=generators, **settings)
        generated.extend(result.images)
    return generated


def contact_sheet(images: Sequence[Image.Image], columns: int = 8, side: int = 160) -> Image.Image:
    """Arrange the images in rows, each scaled to `side` pixels."""
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (columns * side, rows * side), (24, 24, 24))
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        sheet.paste(image.resize((side - 2, side - 2), Image.Resampling.LANCZOS), (column * side, row * side))
    return sheet
