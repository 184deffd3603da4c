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

A very small Stable Diffusion that comes with `invoke`, so that a fresh machine makes real pictures at once, without a
download. It draws simple pictures: six shapes and fourteen things in twelve colours on plain backgrounds, alone or in
pairs, landscapes at all times of the day and the year, fires and fireplaces; plainly, or as a photograph, an oil
painting, a watercolor, a pencil sketch, pixel art or neon. It knows nothing else. For anything else, get a large model.

![What it draws](sheet.jpg)

## What is inside

| part | class | parameters |
| --- | --- | --- |
| text | CLIPTextModel, $text_layers layers of $text_width, own vocabulary | $text_parameters |
| denoiser | UNet2DConditionModel, $unet_channels channels, velocity prediction | $unet_parameters |
| autoencoder | AutoencoderKL, $vae_channels channels, 4 latent channels at an eighth of the side | $vae_parameters |

The files are the ordinary diffusers layout in float16. `preview.json` holds the linear map from scaled latents to RGB.

## How it was trained, and on what

Only on pictures that the project's own program draws (`training/`): no photograph, no artist's work, no
scraped text. The captions come from a grammar with synonyms; one in ten is empty. One combination in sixteen of colour,
thing and background (or ground, water, time, season and medium) was kept out of training; the figures below are
measured on those.

In this order, on two processor cores: tokenizer; autoencoder, at last its decoder alone; text tower alone, naming what
the captions hold (it is frozen from then on); the denoiser on single plain things at 128 x 128; then on everything;
then at 256 x 256; then at other sizes too; then with things that stand anywhere; at last on everything once more, with
more pairs; of the weights before that, three tenths are kept. `python -m training train --work FOLDER`
walks the whole road again. How far this state has come on it stands with the figures.

## Figures

$figures

## Limits

- Best at 256 x 256; usable from 128 to 512 on a side. Beyond that, things repeat.
- Words outside its small vocabulary can be typed, but they mean nothing to it.
- No people, no text, no counting beyond two. Pairs sometimes swap or mix their colours.
- The autoencoder keeps outlines and colours of other pictures, not their fine detail.

## Licence

Apache-2.0, like the project that made it.
""")


def write_card(folder: Path, facts: dict[str, str]) -> None:
    """Write README.md into the model's folder, with the figures of `figures.md` there, if it exists."""
    measured = folder / FIGURES_FILE
    figures = measured.read_text(encoding="utf-8").strip() if measured.exists() else "Not measured yet."
    (folder / "README.md").write_text(_CARD.substitute(facts, figures=figures), encoding="utf-8")
