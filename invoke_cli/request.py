"""The request: a stage of a line as typed. Unset fields are None. Knows no defaults, paths or models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import NamedTuple

MAX_SEED = 2**64 - 1
DISTINCT_SEEDS = 2**32  # torch's CPU generator uses only the low 32 bits of a seed


class Variation(NamedTuple):
    """A variation: blend in the noise of `seed` with `weight`, 0 to 1."""

    seed: int
    weight: float


class Borders(NamedTuple):
    """The number of pixels by which an image is extended on each side."""

    left: int
    top: int
    right: int
    bottom: int


class LoraChoice(NamedTuple):
    """A LoRA by name, and its weight; 0 has no effect."""

    name: str
    weight: float


class ControlChoice(NamedTuple):
    """A control image: its kind or the name of a control model, the reference to the image as typed, and its weight."""

    kind: str
    image: str
    weight: float


class PostprocessorChoice(NamedTuple):
    """A postprocessor of a plug-in: its name and its argument, which may be empty."""

    name: str
    argument: str


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerationRequest:
    """All settings of a stage, named as in diffusers; None means unset.

    Attributes:
        prompt: Prompt *source* in canonical form (see `language.grammar.quotes`), with its escapes in place.
        negative_prompt: Prompt source, like `prompt`.
        seeds: Seeds from 0 to 2⁶⁴-1, or negative references (-1 is the seed of the last image).
        width: The width in pixels; 0 is the model's native size.
        height: The height in pixels; 0 is the model's native size.
        init_image: A reference as typed: a path, a name, or a reference to a result.
    """

    prompt: str | None = None
    num_inference_steps: int | None = None
    seeds: tuple[int, ...] | None = None
    num_images: int | None = None
    width: int | None = None
    height: int | None = None
    guidance_scale: float | None = None
    scheduler: str | None = None
    negative_prompt: str | None = None
    model: str | None = None

    init_image: str | None = None
    strength: float | None = None
    fit: bool | None = None
    pad: str | None = None
    crop: bool | None = None
    stretch: bool | None = None
    real_steps: int | None = None

    init_mask: str | None = None
    invert_mask: bool | None = None
    mask_polarity: str | None = None
    compat: str | None = None
    mask_blur: int | None = None
    mask_grow: int | None = None
    mask_match: int | None = None
    text_mask: str | None = None
    outcrop: Borders | None = None

    variation_amount: float | None = None
    variations: tuple[Variation, ...] | None = None

    eta: float | None = None
    clip_skip: int | None = None
    guidance_rescale: float | None = None
    threshold: float | None = None
    perlin: float | None = None
    seamless: bool | None = None
    seamless_axes: str | None = None
    hires_fix: bool | None = None
    h_symmetry_time_pct: float | None = None
    v_symmetry_time_pct: float | None = None
    prompt_syntax: str | None = None
    loras: tuple[LoraChoice, ...] | None = None
    controls: tuple[ControlChoice, ...] | None = None

    offload: str | None = None
    attention: str | None = None
    vae_tiling: bool | None = None
    fast: str | None = None

    match_colors: str | None = None
    facetool_strength: float | None = None
    facetool: str | None = None
    codeformer_fidelity: float | None = None
    upscale: tuple[float, ...] | None = None
    upscaler: str | None = None
    embiggen: tuple[float, ...] | None = None
    embiggen_strength: float | None = None
    embiggen_tiles: tuple[int, ...] | None = None
    latent_up: int | None = None
    sr: int | None = None
    new_prompt: str | None = None
    postprocessors: tuple[PostprocessorChoice, ...] | None = None
    save_original: bool | None = None
    fix: bool | None = None

    outdir: str | None = None
    name_format: str | None = None
    prompt_as_dir: bool | None = None
    grid: bool | None = None
    png_compression: int | None = None
    save_intermediates: int | None = None
    save_latents: bool | None = None
    save_all: bool | None = None
    strip: bool | None = None
    preview: str | None = None
    private: bool | None = None
    no_metadata: bool | None = None

    parallel: int | None = None
    dry_run: bool | None = None
    log_tokenization: bool | None = None
    trace: bool | None = None
    no_session: bool | None = None

    @classmethod
    def of(cls, values: Mapping[str, object]) -> GenerationRequest:
        """Build a request from values that are already converted by the rows of their switches."""
        return cls(**values)  # type: ignore[arg-type]

    def set_fields(self) -> dict[str, object]:
        """Return the fields that are set, in table order."""
        return {f.name: value for f in fields(self) if (value := getattr(self, f.name)) is not None}


def overlay(lower: GenerationRequest, upper: GenerationRequest) -> GenerationRequest:
    """Combine two requests: fields set in `upper` override those in `lower`."""
    return GenerationRequest.of(lower.set_fields() | upper.set_fields())
