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
    `scheduler_overrides` are forced on every scheduler, since configs in the wild leave them out.
    """

    name: str
    label: str
    pipelines: tuple[str, ...]
    text_to_image: str
    image_to_image: str
    native_size: int
    multiple: int = 8
    smallest: int = 64
    max_tokens: int = 77
    scheduler_overrides: Mapping[str, object] = field(default_factory=dict)
    preview: tuple[tuple[float, float, float], ...] = ()


FAMILIES: tuple[Family, ...] = (
    Family(
        name="stable-diffusion",
        label="Stable Diffusion 1.x and 2.x",
        pipelines=("StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline"),
        text_to_image="StableDiffusionPipeline",
        image_to_image="StableDiffusionImg2ImgPipeline",
        native_size=512,
        scheduler_overrides={
            "clip_sample": False,
            "set_alpha_to_one": False,
            "skip_prk_steps": True,
            "steps_offset": 1,
        },
        # Fitted by the InvokeAI community on Stable Diffusion 1.4; rows are latent channels, columns red, green, blue.
        preview=((0.298, 0.207, 0.208), (0.187, 0.286, 0.173), (-0.158, 0.189, 0.264), (-0.184, -0.271, -0.473)),
    ),
)


def family_of(pipeline_class: str) -> Family:
    """The family whose models name this pipeline class; ModelError with the known ones when there is none."""
    for family in FAMILIES:
        if pipeline_class in family.pipelines:
            return family
    known = ", ".join(family.label for family in FAMILIES)
    raise ModelError(f"models of the class {pipeline_class} are not supported yet", hint=f"supported: {known}")
