"""Latent effects: equal to the stock pipeline where it has them, and without effect on later lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from invoke_cli.context.outcome import Outcome
from invoke_cli.engine import Engine
from invoke_cli.engine.diffusers_engine import DiffusersEngine
from invoke_cli.engine.sampling.latent_effects import after_step, mirrored, perlin_noise, seamless, thresholded
from invoke_cli.planning.plan import LatentEffects
from tests.engine.jobs import Events, job_for, model_at
from tests.session_harness import SessionHarness, pixels


def ours(engine: Engine, folder: Path, line: str, init: Image.Image | None = None) -> Image.Image:
    return next(iter(engine.generate(job_for(line, model_at(folder), init), Events().hooks()))).image


def stock(folder: Path, **arguments: Any) -> Image.Image:
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    forced = {"clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1}
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config, **forced)
    pipeline.set_progress_bar_config(disable=True)
    # The stock clip skip expects the norm where transformers 4 had it.
    object.__setattr__(pipeline.text_encoder, "text_model", pipeline.text_encoder)
    image = pipeline(
        "a cat", num_inference_steps=5, guidance_scale=7.5, width=64, height=64,
        generator=torch.Generator("cpu").manual_seed(3), **arguments,
    ).images[0]  # fmt: skip
    assert isinstance(image, Image.Image)
    return image


@pytest.mark.feature("clip-skip")
@pytest.mark.parametrize(
    ("switch", "argument"),
    [("--eta .5", {"eta": 0.5}), ("--clip_skip 1", {"clip_skip": 1}), ("--cfg_rescale .7", {"guidance_rescale": 0.7})],
)
def test_effects_equal_the_stock_pipeline_s(
    real_engine: Engine, tiny_model: Path, switch: str, argument: dict[str, Any]
) -> None:
    result = ours(real_engine, tiny_model, f"a cat -s5 -S3 -W 64 -H 64 {switch}")
    assert result.tobytes() == stock(tiny_model, **argument).tobytes()
    assert result.tobytes() != stock(tiny_model).tobytes()


@pytest.mark.feature("eta")
@pytest.mark.parametrize(
    "switch", ["--eta 0", "--clip_skip 0", "--cfg_rescale 0", "--perlin 0", "--threshold 0", "--h_symmetry_time_pct 0"]
)
def test_zero_turns_an_effect_off(real_engine: Engine, tiny_model: Path, switch: str) -> None:
    result = ours(real_engine, tiny_model, f"a cat -s5 -S3 -W 64 -H 64 {switch}")
    assert result.tobytes() == stock(tiny_model).tobytes()


@pytest.mark.feature("cfg-rescale")
@pytest.mark.parametrize(
    "switch",
    ["--eta .5", "--clip_skip 1", "--cfg_rescale .7", "--perlin .3", "--seamless", "--seamless_axes x",
     "--h_symmetry_time_pct .5", "--v_symmetry_time_pct .5"],
)  # fmt: skip
@pytest.mark.parametrize("start", ["", "-I sketch.png -f .8", "-I sketch.png -M sketch.png -f .8"])
def test_every_effect_works_with_every_task_and_verifies(
    real_session: SessionHarness, sketch: Path, switch: str, start: str
) -> None:
    line = f"a cat -s4 -S1 -A ddim {start}"
    (plain,) = real_session.draw(line)
    (changed_image,) = real_session.draw(f"{line} {switch}")
    assert pixels(plain) != pixels(changed_image)
    assert real_session.run(f"!verify {changed_image}") is Outcome.OK, real_session.errors
    (again,) = real_session.draw(line)
    assert pixels(again) == pixels(plain), "the effect leaves no state"


@pytest.mark.feature("eta")
def test_eta_with_a_sampler_without_it_gives_a_notice(real_session: SessionHarness) -> None:
    real_session.draw("a cat -s2 --eta .5 -A k_euler")
    assert any("--eta has no effect with k_euler" in text for text in real_session.notices)


def test_seamless_decoding_commutes_with_rolling(real_engine: Engine, tiny_model: Path) -> None:
    """Rolled latents decode to the rolled image, since the decoder sees no border."""
    ours(real_engine, tiny_model, "a cat -s1 -W 64 -H 64")
    assert isinstance(real_engine, DiffusersEngine) and real_engine._loaded is not None
    pipeline = real_engine._loaded.pipeline
    latents = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(0))

    def decoded(values: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            image: torch.Tensor = pipeline.vae.decode(values).sample
        return image

    rolled = latents.roll((3, 2), dims=(2, 3))
    with seamless([pipeline.unet, pipeline.vae], "xy"):
        assert torch.allclose(decoded(rolled), decoded(latents).roll((24, 16), dims=(2, 3)), atol=1e-4)
    assert not torch.allclose(decoded(rolled), decoded(latents).roll((24, 16), dims=(2, 3)), atol=1e-4)


def test_perlin_noise_is_smooth_and_depends_on_the_seed() -> None:
    noise = perlin_noise((1, 4, 48, 72), 5)
    assert noise.shape == (1, 4, 48, 72) and noise.abs().max() <= 1.01 and noise.std() > 0.1
    assert (noise[..., 1:] - noise[..., :-1]).abs().mean() < 0.5 * noise.abs().mean()
    assert torch.equal(noise, perlin_noise((1, 4, 48, 72), 5)) and not torch.equal(
        noise, perlin_noise((1, 4, 48, 72), 6)
    )


def test_the_threshold_clamps_latents_beyond_it() -> None:
    latents = torch.linspace(-20, 20, 64).reshape(1, 1, 8, 8)
    clamped = thresholded(latents, 5.0, 1.0)
    assert clamped.abs().max() <= 5.0 and torch.equal(clamped.sign(), latents.sign())
    assert torch.equal(thresholded(latents / 10, 5.0, 1.0), latents / 10)
    assert thresholded(latents, 5.0, 0.0).abs().max() > 5.0, "the first steps are limited less"


def test_symmetry_is_applied_at_one_step() -> None:
    latents = torch.randn((1, 4, 8, 9), generator=torch.Generator().manual_seed(0))
    whole = mirrored(latents, 3)
    assert torch.equal(whole, whole.flip(3)) and torch.equal(whole[..., :5], latents[..., :5])
    effects = LatentEffects(v_symmetry_time_pct=0.5)
    changed = [not torch.equal(after_step(latents, effects, step, 4), latents) for step in (1, 2, 3, 4)]
    assert changed == [False, True, False, False]


def test_an_image_with_a_threshold_verifies(real_session: SessionHarness) -> None:
    (result,) = real_session.draw("a cat -s4 -S1 -C 15 --threshold 1")
    assert real_session.run(f"!verify {result}") is Outcome.OK
