"""Write the model card: a template with the facts and the measured figures."""

from __future__ import annotations

from pathlib import Path
from string import Template

FIGURES_FILE = "figures.md"
_CARD = Template("""---
license: apache-2.0
library_name: diffusers
pipeline_tag: text-to-image
---

# Sketchbook

A very small Stable Diffusion that is bundled with `invoke`, so that a new installation generates images without a
download. It generates simple images: six shapes and fourteen things in twelve colours on plain backgrounds, alone or in
pairs, landscapes at all times of the day and the year, fires and fireplaces; plainly, or as a photograph, an oil
painting, a watercolor, a pencil sketch, pixel art or neon. For anything else, use a larger model.

![Examples](sheet.jpg)

## Components

| part | class | parameters |
| --- | --- | --- |
| text | CLIPTextModel, $text_layers layers of $text_width, own vocabulary | $text_parameters |
| denoiser | UNet2DConditionModel, $unet_channels channels, velocity prediction | $unet_parameters |
| autoencoder | AutoencoderKL, $vae_channels channels, 4 latent channels at an eighth of the side | $vae_parameters |

The files have the ordinary diffusers layout, in float16. `preview.json` contains the linear map from scaled latents to
RGB.

## Training

The training data are images that the project's own program renders (`training`): no photograph, no artist's work, no
scraped text. The captions come from a grammar with synonyms; one in ten is empty. One combination in sixteen of colour,
thing and background (or ground, water, time, season and medium) was held out; the figures below are measured on those.

The order on two CPU cores: tokenizer; autoencoder, finally its decoder alone; text encoder alone, predicting the
contents of the captions (it is frozen afterwards); the denoiser on single plain things at 128 x 128; then on everything;
then at 256 x 256; then also at other sizes; then with things at random positions; finally on everything again, with
more pairs, keeping three tenths of the previous weights. `python -m training train --work FOLDER` repeats the training.
The figures state how far this version was trained.

## Figures

$figures

## Limits

- Best at 256 x 256; usable from 128 to 512 pixels per side. Beyond that, things repeat.
- Words outside its small vocabulary have no effect.
- No people, no text, no counting beyond two. Pairs sometimes swap or mix their colours.
- The autoencoder preserves outlines and colours of other images, but not their fine detail.

## Licence

Apache-2.0, like the project.
""")


def write_card(folder: Path, facts: dict[str, str]) -> None:
    """Write README.md into the model's folder, with the figures of `figures.md` there, if it exists."""
    measured = folder / FIGURES_FILE
    figures = measured.read_text(encoding="utf-8").strip() if measured.exists() else "Not measured yet."
    (folder / "README.md").write_text(_CARD.substitute(facts, figures=figures), encoding="utf-8")
