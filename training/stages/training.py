"""The whole training: whatever is due is done, from the labels of the text encoder to the last stage."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from PIL import Image
from transformers import CLIPTextModel, CLIPTokenizer

from training.compositions.composition import LOOKS
from training.networks.attention import PlainAttention
from training.networks.autoencoder import encode
from training.networks.checkpoints import load_checkpoint, log, save_checkpoint
from training.pictures.sprites import ColouredSprites, Sprites
from training.pictures.things import things
from training.stages.denoising import StageLearner
from training.stages.drawn_views import parallel_drawer
from training.stages.loop import Habits, StageRun, run_stage
from training.stages.plan import PLAN, Plan, Stage
from training.stages.samples import sample_sheet
from training.stages.start import adapted_unet, published_autoencoder, published_text
from training.stages.views import PictureMaker, ViewMaker
from training.text.appearance_training import LooksCourse, main_components, train_looks
from training.text.label_training import build_tower, stored_vocabulary, train_labels

SAMPLE_SIDES = (128, 256)


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where a training has its pictures and its state, and on what it runs.

    Views are drawn by `drawing_processes` processes, or in this one if there are none.
    """

    pictures: Path
    state: Path
    device: str = "cpu"
    drawing_processes: int = 0
    habits: Habits = field(default_factory=Habits)


def resume(places: Places, plan: Plan = PLAN) -> UNet2DConditionModel:
    """Do what is due of the plan, and return the trained denoiser.

    Raises:
        StoppedError: the process was terminated; the same call resumes from there.
    """
    maker = prepared_maker(places, plan)
    unet = adapted_unet(plan.text_width).to(memory_format=torch.channels_last)
    unet.to(places.device)
    for stage in plan.stages:
        done = load_checkpoint(_done(places, stage))
        if done is not None:
            unet.load_state_dict(done["module"])
            continue
        _train(places, stage, maker, unet)
    return unet


def prepared_maker(places: Places, plan: Plan) -> ViewMaker:
    """Return what makes views; the tokenizer and the text encoder are trained first if they are not yet."""
    places.state.mkdir(parents=True, exist_ok=True)
    tokenizer, tower = _text(places, plan)
    tower.requires_grad_(False).eval()
    return ViewMaker(
        sprites=ColouredSprites(Sprites(places.pictures)),
        vae=published_autoencoder().to(places.device),
        tower=tower.to(places.device),
        tokenizer=tokenizer,
        draw=parallel_drawer(places.pictures, places.drawing_processes) if places.drawing_processes else None,
        device=places.device,
    )


def picture_maker(places: Places) -> PictureMaker:
    """Return what renders pictures and takes them through the autoencoder."""
    vae = published_autoencoder().to(places.device)
    return PictureMaker(sprites=ColouredSprites(Sprites(places.pictures)), vae=vae, device=places.device)


def _text(places: Places, plan: Plan) -> tuple[CLIPTokenizer, CLIPTextModel]:
    """Return the text encoder of the state, else the published one if it fits, else a newly trained one."""
    kept = places.state / "tokenizer"
    published = None if kept.exists() else published_text(plan.text_width)
    if published is not None:
        return published
    tokenizer = stored_vocabulary(kept, plan.labels.seed)
    torch.manual_seed(plan.labels.seed)
    tower = build_tower(tokenizer, plan.text_width, plan.text_layers)
    figures = train_labels(tower, tokenizer, plan.labels, places.state, plan.captions)
    if figures:
        log(places.state, "labels", **figures)
    course = LooksCourse(
        labels=plan.labels,
        looks=plan.looks,
        compute=lambda: looks_of_things(picture_maker(places)),
        captions=plan.captions,
    )
    train_looks(tower, tokenizer, course, places.state)
    return tokenizer, tower


@torch.no_grad()
def looks_of_things(maker: PictureMaker) -> torch.Tensor:
    """Return the main components of the pictures of all things after the autoencoder's encoder."""
    latents = []
    for thing in things():
        image = Image.new("RGB", (128, 128), (150, 150, 150))
        sprite = maker.sprites.figure(thing.code, LOOKS[0], "").resize((100, 100), Image.Resampling.HAMMING)
        image.paste(sprite, (14, 14), sprite)
        latents.append(encode(maker.vae, np.asarray(image)[None]))
    return main_components(torch.cat(latents))


def latest_unet(places: Places, plan: Plan = PLAN) -> tuple[UNet2DConditionModel, str]:
    """Return the averaged weights of the latest checkpoint, and the name of its stage."""
    unet = adapted_unet(plan.text_width)
    for stage in reversed(plan.stages):
        done = load_checkpoint(_done(places, stage))
        if done is not None:
            unet.load_state_dict(done["module"])
            return unet, stage.name
        run = StageRun(stage=stage, unet=unet, work=places.state)
        run.resume()
        if run.step:
            run.average.copy_to(run.parameters)
            return unet, stage.name
    return unet, "start"


def _train(places: Places, stage: Stage, maker: ViewMaker, unet: UNet2DConditionModel) -> None:
    unet.set_attn_processor(PlainAttention())
    run = StageRun(stage=stage, unet=unet, work=places.state, device=places.device)
    run.resume()
    learner = StageLearner(stage, unet, maker, first=run.views)
    run_stage(run, places.habits, learner.learn, lambda: _show(places, run, maker))
    run.average.copy_to(run.parameters)
    save_checkpoint(_done(places, stage), {"module": unet.state_dict()})


def _show(places: Places, run: StageRun, maker: ViewMaker) -> None:
    """Write a sheet of samples drawn with the averaged weights."""
    current = {name: weight.clone() for name, weight in run.unet.state_dict().items()}
    run.average.copy_to(run.parameters)
    side = SAMPLE_SIDES[run.stage.sizes[0].size[0] >= SAMPLE_SIDES[1]]
    folder = places.state / "samples"
    folder.mkdir(exist_ok=True)
    sample_sheet(maker, run.unet, side).save(folder / f"{run.stage.name}-{run.step:06d}.png")
    run.unet.load_state_dict(current)


def _done(places: Places, stage: Stage) -> Path:
    return places.state / "checkpoints" / f"{stage.name}.done.pt"
