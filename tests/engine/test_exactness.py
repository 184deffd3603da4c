"""The guarantee "Exactness": images of the engine equal the stock pipelines', bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from invoke_cli.engine import Engine, EngineSettings, open_engine
from invoke_cli.models.samplers import find_sampler
from tests.engine.jobs import Events, job_for, model_at

SAMPLERS = [
    "ddim",
    "ddpm",
    "k_euler",
    "k_euler_a",
    "k_heun",
    "k_dpm_2_a",
    "k_dpmpp_2",
    "dpmpp_2m_sde_k",
    "unipc",
    "deis",
]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return open_engine(EngineSettings(device="cpu"))


@pytest.fixture(scope="module")
def stock(tiny_model: Path) -> Iterator[Any]:
    import torch
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(tiny_model, dtype=torch.float32, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    yield pipeline


@pytest.fixture(scope="module")
def sketch() -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 255, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((64, 64), Image.Resampling.BICUBIC)


def scheduler_of(stock: Any, name: str) -> Any:
    import diffusers

    row = find_sampler(name)
    forced = {"clip_sample": False, "set_alpha_to_one": False, "skip_prk_steps": True, "steps_offset": 1}
    return getattr(diffusers, row.scheduler).from_config(stock.scheduler.config, **forced, **row.options)


@pytest.mark.parametrize("sampler", [*SAMPLERS, "k_lms", "plms"])
def test_exactness_of_text_to_image(engine: Engine, stock: Any, tiny_model: Path, sampler: str) -> None:
    import torch
    from diffusers import StableDiffusionPipeline

    job = job_for(f"a cat [a dog] -s6 -S42 -A {sampler} -C 6.5 -W 64 -H 72", model_at(tiny_model))
    result = next(iter(engine.generate(job, Events().hooks()))).image
    view = StableDiffusionPipeline(
        **{**stock.components, "scheduler": scheduler_of(stock, sampler)}, requires_safety_checker=False
    )
    view.set_progress_bar_config(disable=True)
    expected = view(
        "a cat", negative_prompt="a dog", num_inference_steps=6, guidance_scale=6.5, width=64, height=72,
        generator=torch.Generator("cpu").manual_seed(42),
    ).images[0]  # fmt: skip
    assert result.tobytes() == expected.tobytes()


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_exactness_of_image_to_image(
    engine: Engine, stock: Any, tiny_model: Path, sketch: Image.Image, sampler: str
) -> None:
    import torch
    from diffusers import StableDiffusionImg2ImgPipeline

    job = job_for(f"a cat -s10 -S42 -A {sampler} -I x -f .7", model_at(tiny_model), sketch)
    result = next(iter(engine.generate(job, Events().hooks()))).image
    components = {**stock.components, "scheduler": scheduler_of(stock, sampler)}
    view = StableDiffusionImg2ImgPipeline(**components, requires_safety_checker=False)
    view.set_progress_bar_config(disable=True)
    expected = view(
        "a cat", image=sketch, strength=0.75, num_inference_steps=10, guidance_scale=7.5,
        generator=torch.Generator("cpu").manual_seed(42),
    ).images[0]  # fmt: skip
    assert result.tobytes() == expected.tobytes()
