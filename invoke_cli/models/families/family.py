"""The row type of the family table. Everything that depends on the family of a model is declared in its row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

Matrix = tuple[tuple[float, float, float], ...]


class StrengthRule(Enum):
    """How a pipeline converts a strength to a number of steps."""

    DOWN = "int(steps * strength)"
    UP = "steps - int(steps - steps * strength)"
    SHORT = "all steps of a schedule that begins at the strength"
    NONE = "no strength at all"


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """A row of the family table.

    A model belongs to the first family that lists its pipeline class in `pipelines` and whose `match_config` matches.
    Pipeline classes are those of diffusers, resolved by the engine; an empty one means that diffusers has none.

    Attributes:
        name: The name of the family.
        label: Its name as shown to the user.
        pipelines: The pipeline classes in model_index.json.
        native_size: The native side, in pixels, if the configs do not state it.
        text_to_image: The pipeline class for text to image.
        image_to_image: The pipeline class for image to image.
        inpaint: The pipeline class for inpainting.
        controlled: The ControlNet variant of each pipeline class.
        united: The ControlNet Union variant of each pipeline class.
        match_config: Required values in the configs of components (`scheduler.prediction_type`) or in
            model_index.json (`index.…`).
        multiple: Sides are multiples of this many pixels.
        smallest: The smallest side, in pixels.
        latent_channels: The channels of the latents.
        latent_scale: The number of pixels per latent, along each side.
        max_tokens: The limit of the text encoder, including the start and end tokens.
        denoiser: The name of the denoiser component.
        vae: The name of the VAE component.
        staged: Whether it runs in our own stages, which can pass latents through chains, instead of the stock
            pipeline's call.
        flow: Whether it is a flow matching model.
        is_instruction: Whether image to image follows the prompt as an instruction.
        upcasts: Whether its pipeline runs the VAE in float32 if the VAE's config requires it.
        guidance: The argument that -C sets.
        without_negative: The negative prompt that enables guidance if there is none.
        strength: How its pipelines convert a strength to steps.
        paints_whole: Whether inpainting has no strength.
        arguments: Additional arguments of the stock pipeline's call.
        refuses: Unsupported fields of a request, with the reason.
        samplers: The supported samplers; empty for all.
        scheduler_overrides: Options forced on every scheduler, since published configs omit them.
        preview: A map from latents to RGB: a row for each channel, and a bias row.
        defaults: Default switches; those of a model's entry override them.
        alternative: What to use a model for that cannot generate images.
        required_components: Components that incomplete folders lack.
    """

    name: str
    label: str
    pipelines: tuple[str, ...]
    native_size: int
    text_to_image: str = ""
    image_to_image: str = ""
    inpaint: str = ""
    controlled: Mapping[str, str] = field(default_factory=dict)
    united: Mapping[str, str] = field(default_factory=dict)
    match_config: Mapping[str, object] = field(default_factory=dict)
    multiple: int = 8
    smallest: int = 64
    latent_channels: int = 4
    latent_scale: int = 8
    max_tokens: int = 77
    denoiser: str = "unet"
    vae: str = "vae"
    staged: bool = False
    flow: bool = False
    is_instruction: bool = False
    upcasts: bool = False
    guidance: str = "guidance_scale"
    without_negative: str | None = None
    strength: StrengthRule = StrengthRule.DOWN
    paints_whole: bool = False
    arguments: Mapping[str, object] = field(default_factory=dict)
    refuses: Mapping[str, str] = field(default_factory=dict)
    samplers: tuple[str, ...] = ()
    scheduler_overrides: Mapping[str, object] = field(default_factory=dict)
    preview: Matrix = ()
    defaults: str = ""
    alternative: str = ""
    required_components: tuple[str, ...] = ()

    @property
    def can_generate(self) -> bool:
        """Whether models of this family can generate images."""
        return bool(self.text_to_image or self.image_to_image or self.inpaint)
