"""Jobs for any family, over the family's defaults, and the image of its stock pipeline."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from invoke_cli.engine import Engine, Job, Model
from invoke_cli.imaging.masks import cover_cells
from invoke_cli.imaging.sizes import Box, Size
from invoke_cli.language.grammar.line import Generation, parse, switches_only
from invoke_cli.language.switches.table import program_defaults
from invoke_cli.models.families.family import Family
from invoke_cli.planning.default_layers import Layer, resolve
from invoke_cli.planning.make_plan import make_plan
from invoke_cli.planning.plan import InitFacts, MaskFacts, Task
from invoke_cli.planning.plan_inputs import PlanInputs
from tests.engine.jobs import Events, model_at
from tests.sample_images import drawing

SIDE = 64


def mask() -> Image.Image:
    """Return a mask of a rectangle."""
    values = np.zeros((SIDE, SIDE), dtype=np.uint8)
    values[16:48, 16:48] = 255
    return Image.fromarray(values)


def job(line: str, model: Model, task: Task = Task.TEXT_TO_IMAGE) -> Job:
    """Return the job of a line, by default at 64 x 64 pixels, with the images that the task needs."""
    parsed = parse(line if "-W" in line else f"{line} -W {SIDE} -H {SIDE}")
    assert isinstance(parsed, Generation)
    family = model.facts.family
    effective = resolve(
        [
            Layer("program", program_defaults()),
            Layer("family", switches_only(family.defaults)),
            Layer("line", parsed.stages[0].request),
        ]
    )
    init = masked = None
    if task is not Task.TEXT_TO_IMAGE:
        init = InitFacts(name="init.png", reference="init.png", sha256="0" * 64, size=Size(SIDE, SIDE))
    if task is Task.INPAINT:
        masked = MaskFacts(box=Box(16, 16, 48, 48), share=0.25)
    inputs = PlanInputs(
        request=effective.request, model=model.spec.name, facts=model.facts, random_seed=lambda: 7, init=init,
        mask=masked, sources=effective.sources,
    )  # fmt: skip
    plan = make_plan(inputs)
    canvas = drawing(SIDE, SIDE) if init else None
    painted = cover_cells(mask(), family.latent_scale) if masked else None
    return Job(plan=plan, model=model, images=plan.images, init=canvas, mask=painted, total=len(plan.images))


def first_image(engine: Engine, job: Job) -> Image.Image:
    """The engine's first picture."""
    return next(iter(engine.generate(job, Events().hooks()))).image


def tiny(folder: Path) -> Model:
    """Return a model for a folder, with a native side of 64 pixels."""
    model = model_at(folder)
    return replace(model, facts=replace(model.facts, size=SIDE))


def stock(folder: Path, family: Family, pipeline: str, **arguments: Any) -> Image.Image:
    """Return the stock pipeline's image of the model with its own scheduler."""
    import diffusers
    import torch

    cls = getattr(diffusers, pipeline)
    loaded = cls.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    loaded.set_progress_bar_config(disable=True)
    image = loaded(**arguments, generator=torch.Generator("cpu").manual_seed(42)).images[0]
    assert isinstance(image, Image.Image)
    return image
