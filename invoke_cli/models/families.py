"""The family table: what a kind of model is, told by its pipeline class, and what it can do. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from invoke_cli.errors import ModelError


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """One row. The class names are diffusers'; the engine resolves them.

    `pipelines` are the classes that a model of this family may name in its model_index.json. Sides are multiples of
    `multiple` pixels and at least `smallest`. `max_tokens` is what the text encoder reads, its two marks included.
    `preview` maps latents to RGB: a row for each channel, and one to add. `scheduler_overrides` are forced on every
    scheduler, since configs in the wild leave them out. `defaults` are switches, below those of a model's entry.
    """

    name: str
    label: str
    pipelines: tuple[str, ...]
    text_to_image: str
    image_to_image: str
    inpaint: str
    native_size: int
    multiple: int = 8
    smallest: int = 64
    max_tokens: int = 77
    scheduler_overrides: Mapping[str, object] = field(default_factory=dict)
    preview: tuple[tuple[float, float, float], ...] = ()
    defaults: str = ""


FAMILIES: tuple[Family, ...] = (
    Family(
        name="stable-diffusion",
        label="Stable Diffusion 1.x and 2.x",
        pipelines=("StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline", "StableDiffusionInpaintPipeline"),
        text_to_image="StableDiffusionPipeline",
        image_to_image="StableDiffusionImg2ImgPipeline",
        inpaint="StableDiffusionInpaintPipeline",
        native_size=512,
        defaults="-A k_lms",
        scheduler_overrides={
            "clip_sample": False,
            "set_alpha_to_one": False,
            "skip_prk_steps": True,
            "steps_offset": 1,
        },
        # The InvokeAI community's fit on Stable Diffusion 1.4, halved and moved from -1..1 to 0..1.
        preview=(
            (0.149, 0.1035, 0.104),
            (0.0935, 0.143, 0.0865),
            (-0.079, 0.0945, 0.132),
            (-0.092, -0.1355, -0.2365),
            (0.5, 0.5, 0.5),
        ),
    ),
)


def family_of(pipeline_class: str) -> Family:
    """The family whose models name this pipeline class; ModelError with the known ones when there is none."""
    for family in FAMILIES:
        if pipeline_class in family.pipelines:
            return family
    known = ", ".join(family.label for family in FAMILIES)
    raise ModelError(f"models of the class {pipeline_class} are not supported yet", hint=f"supported: {known}")
