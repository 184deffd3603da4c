"""Inpainting equals the stock pipeline, bit for bit, with ordinary and inpainting UNets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from invoke_cli.engine import Engine, Job
from invoke_cli.imaging.masks import cover_cells
from invoke_cli.models.samplers import find_sampler
from invoke_cli.planning.plan import Task
from tests.engine.jobs import Events, job_for, model_at
from tests.sample_images import drawing, square
from tests.session_harness import SessionHarness, values


@pytest.fixture(params=["ordinary", "special"])
def folder(request: pytest.FixtureRequest, tiny_model: Path, tiny_inpainting_model: Path) -> Path:
    return tiny_model if request.param == "ordinary" else tiny_inpainting_model


def mask() -> Image.Image:
    values = np.zeros((64, 64), dtype=np.uint8)
    values[13:40, 21:50] = 255
    return Image.fromarray(values)


def inpainting_job(line: str, folder: Path) -> Job:
    """Return the job of a line that inpaints a part of a drawing."""
    model = model_at(folder)
    ordinary = replace(model, facts=replace(model.facts, inpainting=False))
    job = job_for(f"{line} -I x -W 64 -H 64", ordinary, drawing(64, 64))
    return replace(job, plan=replace(job.plan, task=Task.INPAINT), mask=cover_cells(mask(), 8))


@pytest.mark.feature("mask-models")
@pytest.mark.parametrize("sampler", ["ddim", "k_euler", "k_heun", "dpmpp_2m", "unipc"])
@pytest.mark.parametrize("strength", [0.6, 1.0])
def test_exactness_of_inpainting(real_engine: Engine, folder: Path, sampler: str, strength: float) -> None:
    import diffusers
    import torch
    from diffusers import StableDiffusionInpaintPipeline

    job = inpainting_job(f"a cat -s5 -S42 -A {sampler} -C 6 -f {strength}", folder)
    result = next(iter(real_engine.generate(job, Events().hooks()))).image
    stock = StableDiffusionInpaintPipeline.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True, safety_checker=None, requires_safety_checker=False
    )
    stock.set_progress_bar_config(disable=True)
    row = find_sampler(sampler)
    forced = {"clip_sample": False, "set_alpha_to_one": False, "skip_prk_steps": True, "steps_offset": 1}
    stock.scheduler = getattr(diffusers, row.scheduler).from_config(stock.scheduler.config, **forced, **row.options)
    expected = stock(
        "a cat", image=job.init, mask_image=job.mask, num_inference_steps=5, guidance_scale=6.0, strength=strength,
        width=64, height=64, generator=torch.Generator("cpu").manual_seed(42),
    ).images[0]  # fmt: skip
    assert result.tobytes() == expected.tobytes()


@pytest.mark.feature("seed-series")
@pytest.mark.parametrize("kind", ["tiny_model", "tiny_inpainting_model"])
def test_exactness_after_pasting(real_session: SessionHarness, kind: str, request: pytest.FixtureRequest) -> None:
    import torch
    from diffusers import DDIMScheduler, StableDiffusionInpaintPipeline

    folder = request.getfixturevalue(kind)
    drawing(64, 64).save("init.png")
    square().save("mask.png")
    line = f"a cat -I init.png -M mask.png --mask_blur 0 -s5 -S42 -A ddim -C 6 -f .6 -m {folder}"
    (exact,) = real_session.draw(f"{line} --mask_match 0")
    (matched,) = real_session.draw(line)
    stock = StableDiffusionInpaintPipeline.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True, safety_checker=None, requires_safety_checker=False
    )
    stock.set_progress_bar_config(disable=True)
    forced = {"clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1}
    stock.scheduler = DDIMScheduler.from_config(stock.scheduler.config, **forced)
    expected = stock(
        "a cat", image=drawing(64, 64), mask_image=square(), num_inference_steps=5, guidance_scale=6.0, strength=0.6,
        width=64, height=64, generator=torch.Generator("cpu").manual_seed(42),
    ).images[0]  # fmt: skip
    painted = np.asarray(square().convert("L")) > 0
    assert (values(exact)[painted] == np.asarray(expected)[painted]).all()
    assert (values(exact)[~painted] == np.asarray(drawing(64, 64))[~painted]).all()
    assert (values(matched)[painted] != np.asarray(expected)[painted]).any()


def test_the_init_image_is_encoded_at_most_once(real_engine: Engine, tiny_model: Path) -> None:
    events = Events()
    list(real_engine.generate(inpainting_job("a cat -s3 -S1 -f 0.9 --trace", tiny_model), events.hooks()))
    assert events.counters.encodes <= 1 and events.counters.decodes == 1


@pytest.mark.parametrize("count", [2, 3])
def test_a_batch_equals_single_runs_within_rounding(real_engine: Engine, folder: Path, count: int) -> None:
    together = inpainting_job(f"a cat -s4 -S7 -f .8 -n{count} --parallel {count}", folder)
    apart = replace(together, plan=replace(together.plan, parallel=1))
    first, second = (
        [np.asarray(result.image, dtype=np.int16) for result in real_engine.generate(job, Events().hooks())]
        for job in (together, apart)
    )
    assert max(np.abs(one - other).max() for one, other in zip(first, second, strict=True)) <= 1
