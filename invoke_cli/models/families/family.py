"""What a row of the family table has to answer, so that nothing else asks which family a model is of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

Matrix = tuple[tuple[float, float, float], ...]


class StrengthRule(Enum):
    """How a pipeline turns a strength into steps, and so how it is asked for just so many."""

    DOWN = "int(steps * strength)"
    UP = "steps - int(steps - steps * strength)"
    SHORT = "all steps of a schedule that begins at the strength"
    NONE = "no strength at all"


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """One row. The class names are diffusers'; the engine resolves them. An empty one: diffusers has no such pipeline.

    A model is of the first family that has its pipeline class in `pipelines` and whose `marks` all hold: a mark is a
    value of a component's config (`scheduler.prediction_type`) or of the model_index.json (`index.…`).

    Sides are multiples of `multiple` pixels and at least `smallest`; latents have `latent_channels` channels and a
    side of one for `latent_scale` pixels. `max_tokens` is what the text encoder reads, its two marks included.
    `preview` maps latents to RGB: a row for each channel, and one to add. `scheduler_overrides` are forced on every
    scheduler, since configs in the wild leave them out. `defaults` are switches, below those of a model's entry.

    `controlled` names, for each of its pipelines, the one that a ControlNet takes part in.

    `staged` families run in our own stages (so that latents travel in chains); the others through the stock
    pipeline's own call, with `arguments` besides the plan's. `flow` models are sampled by flow matching. `guidance`
    is the argument that -C sets; `without_negative` is what guidance is told when there is nothing to avoid.
    `paints_whole`: under a mask it has no strength. `upcasts`: its pipeline lets a VAE that asks for it work in
    float32. `edits`: image to image follows the prompt as an instruction. `refuses` are fields of a request with the
    reason why this family cannot honour them; `samplers` are those it takes, all where it names none. `instead` says
    what to do with a model that no line can draw with. `needs` are components that folders of one half lack.
    """

    name: str
    label: str
    pipelines: tuple[str, ...]
    native_size: int
    text_to_image: str = ""
    image_to_image: str = ""
    inpaint: str = ""
    controlled: Mapping[str, str] = field(default_factory=dict)
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
        """Whether a line can draw with a model of this family."""
        return bool(self.text_to_image or self.image_to_image or self.inpaint)
