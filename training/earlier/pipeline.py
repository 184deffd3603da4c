"""The complete training, in phases whose results are stored in the work folder."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import UNet2DConditionModel

from training.earlier.recipe import HELD_OUT_SEED, Recipe
from training.networks.autoencoder import (
    fit_preview,
    measure_scale,
    refine_decoder,
    round_trip_psnr,
    train_autoencoder,
)
from training.networks.builders import build_autoencoder, build_text_tower, build_unet
from training.networks.checkpoints import log
from training.networks.denoiser import train_unet
from training.networks.latents import Encoders, Source, stored_source
from training.networks.training_loop import blend_with, finished, restore_average
from training.rendering.image_pool import Pool, stored_images
from training.rendering.mixes import WIDE
from training.text.text_encoder import train_reader
from training.text.tokenizer import stored_tokenizer

MEASURED_PICTURES = 96


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """The networks of a training, and the preview factors of the autoencoder (5 rows of RGB)."""

    encoders: Encoders
    unet: UNet2DConditionModel
    preview: list[list[float]]
    tokenizer_folder: Path


def train(recipe: Recipe, work: Path) -> TrainedModel:
    """Run the training. Finished phases are loaded from the work folder."""
    work.mkdir(parents=True, exist_ok=True)
    model = prepare(recipe, work)
    for stage in recipe.stages:
        if finished(stage.run, model.unet, work):
            continue
        names = {name for batch in stage.batches for name, _ in batch.parts}
        sources = {name: _source(recipe, name, work, model.encoders) for name in sorted(names)}
        train_unet(model.unet, sources, stage, work)
    if recipe.kept is not None:
        stage_number, share = recipe.kept
        blend_with(recipe.stages[stage_number].run, model.unet, work, share)
    return model


def latest(recipe: Recipe, work: Path) -> TrainedModel:
    """Return the networks as trained so far. The UNet is the average of the latest checkpoint of its stages."""
    model = prepare(recipe, work)
    for stage in reversed(recipe.stages):
        if restore_average(stage.run, model.unet, work):
            break
    return model


def prepare(recipe: Recipe, work: Path) -> TrainedModel:
    """Train tokenizer, autoencoder and text encoder. Return them with an untrained UNet."""
    tokenizer = stored_tokenizer(work / "tokenizer", recipe.seed)
    torch.manual_seed(recipe.seed)
    vae = build_autoencoder(recipe.widths)
    torch.manual_seed(recipe.seed + 1)
    tower = build_text_tower(recipe.widths, len(tokenizer), tokenizer.eos_token_id)
    torch.manual_seed(recipe.seed + 2)
    unet = build_unet(recipe.widths)
    encoders = Encoders(vae=vae, tower=tower, tokenizer=tokenizer)
    preview = _autoencoder(recipe, work, encoders)
    figures = train_reader(tower, tokenizer, recipe.reader, work)
    if figures:
        log(work, "reader", **figures)
    for frozen in (vae, tower):
        frozen.requires_grad_(False).eval()
    return TrainedModel(encoders=encoders, unet=unet, preview=preview, tokenizer_folder=work / "tokenizer")


def _autoencoder(recipe: Recipe, work: Path, encoders: Encoders) -> list[list[float]]:
    workers = os.cpu_count() or 1
    pixels = stored_images(recipe.images, work / "pictures.npy", workers)
    train_autoencoder(encoders.vae, pixels, recipe.autoencoder, work)
    if not finished(recipe.decoder, encoders.vae, work):
        fresh = stored_images(recipe.decoder_images, work / "decoder-pictures.npy", workers)
        refine_decoder(encoders.vae, fresh, recipe.decoder, work)
    kept = work / "autoencoder.json"
    if not kept.exists():
        sample = np.array(pixels[:MEASURED_PICTURES])
        measure_scale(encoders.vae, sample)
        preview = fit_preview(encoders.vae, sample)
        held_out = Pool(mix=WIDE, count=min(MEASURED_PICTURES, len(pixels)), seed=HELD_OUT_SEED)
        quality = round_trip_psnr(encoders.vae, stored_images(held_out, work / "held-out.npy", workers))
        figures = {"mean_db": sum(quality) / len(quality), "worst_db": min(quality)}
        log(work, "autoencoder", **figures)
        scale = encoders.vae.config.scaling_factor
        kept.write_text(json.dumps({"scale": scale, "preview": preview.rows, **figures}), encoding="utf-8")
    known = json.loads(kept.read_text(encoding="utf-8"))
    encoders.vae.register_to_config(scaling_factor=known["scale"])
    rows: list[list[float]] = known["preview"]
    return rows


def _source(recipe: Recipe, name: str, work: Path, encoders: Encoders) -> Source:
    return stored_source(recipe.pools[name], work / "sources" / name, encoders, recipe.captions)
