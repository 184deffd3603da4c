"""A VAE in a model's entry: images equal the stock pipeline's with that VAE, and unsuitable ones are errors."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from invoke_cli.context.outcome import Outcome
from tests.families.exporting import export_vae
from tests.session_harness import SessionHarness, pixels
from tests.tiny_models import build_tiny_model

LINE = "a cat -s2 -C5 -A ddim -S5"
ENTRIES = {
    "folder": "vaes/soft", "file": "vaes/soft.safetensors", "whole": "DONOR",
    "plain": "DONOR/vae/diffusion_pytorch_model.safetensors",
}  # fmt: skip


@pytest.fixture(scope="module")
def donor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of other random weights."""
    return build_tiny_model(tmp_path_factory.mktemp("donors") / "donor", seed=3)


@pytest.fixture
def vae_session(real_session: SessionHarness, tiny_model: Path, donor: Path) -> SessionHarness:
    configs = real_session.folder / "root" / "configs"
    shutil.copytree(donor / "vae", configs / "vaes" / "soft")
    export_vae(donor, configs / "vaes" / "soft.safetensors")
    entries = "".join(f"{name}:\n  path: {tiny_model}\n  vae: {vae}\n" for name, vae in ENTRIES.items())
    models = configs / "models.yaml"
    models.write_text(models.read_text(encoding="utf-8") + entries.replace("DONOR", str(donor)), encoding="utf-8")
    return real_session


def stock(model: Path, donor: Path) -> bytes:
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline

    vae = AutoencoderKL.from_pretrained(donor / "vae", torch_dtype=torch.float32, local_files_only=True)
    pipeline = StableDiffusionPipeline.from_pretrained(model, vae=vae, dtype=torch.float32, local_files_only=True)
    settings = {"clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1}
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config, **settings)
    pipeline.set_progress_bar_config(disable=True)
    generator = torch.Generator("cpu").manual_seed(5)
    image = pipeline("a cat", num_inference_steps=2, guidance_scale=5.0, generator=generator).images[0]
    return bytes(image.tobytes())


def test_images_equal_the_stock_pipeline_s_with_that_vae(
    vae_session: SessionHarness, tiny_model: Path, donor: Path
) -> None:
    expected = stock(tiny_model, donor)
    (own,) = vae_session.draw(LINE)
    for name in ("folder", "whole"):
        (result,) = vae_session.draw(f"{LINE} -m {name}")
        assert pixels(result) == expected != pixels(own)
    assert vae_session.run(f"!verify {result}") is Outcome.OK, vae_session.messages
    for name in ("file", "plain"):
        (result,) = vae_session.draw(f"{LINE} -m {name}")
        # The tensors are identical, but aligned differently in memory, which may change the order of sums.
        difference = np.frombuffer(pixels(result), np.uint8).astype(np.int16) - np.frombuffer(expected, np.uint8)
        assert np.abs(difference).max() <= 1
    (again,) = vae_session.draw(LINE)
    assert pixels(again) == pixels(own), "the model's own entry keeps its own VAE"


def test_model_shows_the_vae_and_its_hash(vae_session: SessionHarness) -> None:
    def facts(name: str) -> dict[str, str]:
        assert vae_session.run(f"!model {name}") is Outcome.OK, vae_session.errors
        return dict(line.split(None, 1) for line in vae_session.messages.replace("VAE hash", "VAE_hash").splitlines())

    own, folder, whole = facts("tiny"), facts("folder"), facts("whole")
    assert "VAE" not in own and folder["VAE"].endswith("vaes/soft") and whole["VAE"].endswith("donor/vae")
    assert folder["hash"] != own["hash"] and folder["VAE_hash"] == whole["VAE_hash"] != own["VAE_hash"]


def test_latents_pass_only_between_stages_of_one_vae(vae_session: SessionHarness) -> None:
    notice = "between these stages the image is decoded and encoded once"
    vae_session.draw(f"{LINE} -m folder | a dog -f.5 -m whole --trace")
    assert notice not in vae_session.notices and not any("encodes=1" in line for line in vae_session.traces)
    vae_session.draw(f"{LINE} -m folder | a dog -f.5 -m tiny --trace")
    assert notice in vae_session.notices


def test_a_vae_that_does_not_fit_is_rejected_before_the_engine_opens(
    fake_session: SessionHarness, tmp_path: Path, sketch: Path
) -> None:
    from diffusers import AutoencoderKL

    shape = {"down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4}
    wide = AutoencoderKL(block_out_channels=(8, 16, 16, 16), latent_channels=16, norm_num_groups=4, **shape)
    wide.save_pretrained(tmp_path / "wide")
    short = {key: kinds[:2] for key, kinds in shape.items()}
    AutoencoderKL(block_out_channels=(8, 16), norm_num_groups=4, **short).save_pretrained(tmp_path / "short")
    unfit = "the VAE wide does not fit tiny (Stable Diffusion 1.x): its latent_channels is 16, not 4"
    bad = {
        tmp_path / "wide": unfit,
        tmp_path / "wide" / "diffusion_pytorch_model.safetensors": "its latent_channels is 16, not 4",
        tmp_path / "short": "the VAE short does not fit tiny",
        tmp_path / "none": "missing",
        sketch: "neither a folder nor a complete .safetensors file",
    }
    for place, message in bad.items():
        assert fake_session.run(f"!edit_model tiny vae {place}") is Outcome.OK, fake_session.errors
        assert fake_session.run(LINE) is not Outcome.OK
        assert message in fake_session.errors[0] and fake_session.session.context.open_engine is None
    fake_session.run("!edit_model tiny vae none")
    fake_session.draw(LINE)
