"""Training: the whole run at its smallest size, resuming, and the numerical parts."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from training.__main__ import main
from training.earlier.recipe import full, tiny
from training.networks.attention import PlainAttention
from training.networks.autoencoder import encode, refine_decoder, round_trip_psnr, to_model
from training.networks.builders import build_autoencoder, build_unet
from training.networks.checkpoints import load_checkpoint
from training.networks.denoiser import Noised, build_scheduler, draw_levels, velocity_loss
from training.networks.latents import halved_images
from training.networks.optimizers import Optimizers
from training.networks.training_loop import TrainingRun, blend_with, rate_at, run_training


class _Line(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))

    def loss(self) -> torch.Tensor:
        return (self.weight - 1.0) ** 2


def _run(steps: int) -> TrainingRun:
    return TrainingRun(name="line", steps=steps, rate=0.1)


def test_the_learning_rate_warms_up_and_decays() -> None:
    run = TrainingRun(name="rate", steps=1000, rate=1.0)
    rates = [rate_at(run, step) for step in range(1000)]
    assert rates[0] < 0.05 and max(rates) > 0.95 and rates[-1] < 0.04


def test_a_finished_run_is_not_repeated(tmp_path: Path) -> None:
    first = _Line()
    run_training(_run(50), first, tmp_path, lambda _: first.loss())
    again = _Line()

    def never(_: int) -> torch.Tensor:
        raise AssertionError

    run_training(_run(50), again, tmp_path, never)
    assert torch.equal(first.weight, again.weight)


def test_mix_in_keeps_a_share_of_the_earlier_weights(tmp_path: Path) -> None:
    line = _Line()
    run_training(_run(50), line, tmp_path, lambda _: line.loss())
    ended = line.weight.item()
    nn.init.constant_(line.weight, 5.0)
    blend_with(_run(50), line, tmp_path, 0.3)
    assert line.weight.item() == pytest.approx(0.3 * ended + 0.7 * 5.0)


def test_a_stopped_run_resumes_at_its_step(tmp_path: Path) -> None:
    line = _Line()
    run_training(_run(20), line, tmp_path, lambda _: line.loss())
    (tmp_path / "checkpoints" / "line.done.pt").unlink()
    steps: list[int] = []

    def recorded_loss(step: int) -> torch.Tensor:
        steps.append(step)
        return line.loss()

    run_training(_run(30), line, tmp_path, recorded_loss)
    assert steps == list(range(20, 30))


def test_sigterm_saves_the_current_step(tmp_path: Path) -> None:
    line = _Line()

    def loss_then_sigterm(step: int) -> torch.Tensor:
        if step == 4:
            os.kill(os.getpid(), signal.SIGTERM)
        return line.loss()

    with pytest.raises(SystemExit, match="step 5"):
        run_training(_run(20), line, tmp_path, loss_then_sigterm)
    kept = load_checkpoint(tmp_path / "checkpoints" / "line.pt")
    assert kept is not None and kept["step"] == 5


def test_muon_changes_matrices_and_resumes_exactly(tmp_path: Path) -> None:
    def trained(work: Path, *ends: int) -> torch.Tensor:
        torch.manual_seed(0)
        first = nn.Conv2d(3, 4, 3)
        net = nn.Sequential(first, nn.Conv2d(4, 1, 3))
        inputs = torch.randn(2, 3, 8, 8)
        for end in ends:
            (work / "checkpoints" / "net.done.pt").unlink(missing_ok=True)
            run = TrainingRun(name="net", steps=end, rate=0.01, last_share=1.0, muon=True)
            run_training(run, net, work, lambda _: net(inputs).square().mean())
            net.load_state_dict((load_checkpoint(work / "checkpoints" / "net.pt") or {})["module"])
        return first.weight.detach()

    once, twice = trained(tmp_path / "once", 6), trained(tmp_path / "twice", 3, 6)
    assert torch.equal(once, twice)
    torch.manual_seed(0)
    assert (once - nn.Conv2d(3, 4, 3).weight).abs().min() > 0


def test_muon_is_the_same_whether_channels_lie_last_or_not() -> None:
    def stepped(memory_format: torch.memory_format) -> torch.Tensor:
        torch.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(8, 8, 3), nn.Conv2d(8, 8, 3)).to(memory_format=memory_format)  # type: ignore[call-overload]
        optimizer = Optimizers(net, 0.01, muon=True)
        for _ in range(2):
            net(torch.ones(1, 8, 9, 9)).square().mean().backward()
            optimizer.step(0.01)
        weight: torch.Tensor = next(net.parameters()).detach()
        return weight

    ordinary, last = stepped(torch.contiguous_format), stepped(torch.channels_last)
    assert not last.is_contiguous() and torch.allclose(ordinary, last, atol=3e-4)


def test_plain_attention_equals_diffusers_own() -> None:
    torch.manual_seed(0)
    unet = build_unet(tiny().widths)
    for parameter in unet.parameters():
        nn.init.normal_(parameter, std=0.1)
    inputs = (torch.randn(2, 4, 8, 8), 5, torch.randn(2, 77, 32))
    with torch.no_grad():
        expected = unet(*inputs).sample
        unet.set_attn_processor(PlainAttention())
        assert torch.allclose(unet(*inputs).sample, expected, atol=1e-4)


def test_the_autoencoder_starts_near_zero_output() -> None:
    torch.manual_seed(0)
    vae = build_autoencoder(full().widths).eval()
    sheet = torch.zeros(1, 3, 64, 64)
    with torch.no_grad():
        assert vae.decode(vae.encode(sheet).latent_dist.mean).sample.std() < 0.2


def test_a_fresh_unet_outputs_zero() -> None:
    unet = build_unet(tiny().widths)
    with torch.no_grad():
        guess = unet(torch.randn(1, 4, 8, 8), 5, torch.randn(1, 77, 32)).sample
    assert guess.abs().max() == 0


def test_noise_levels_are_uniform_or_high() -> None:
    rng = np.random.default_rng(0)
    assert sorted(int(level) // 250 for level in draw_levels(rng, 8, 0.0)) == [0, 0, 1, 1, 2, 2, 3, 3]
    assert draw_levels(rng, 64, 1.0).min() >= 500


def test_samples_without_signal_see_only_noise() -> None:
    unet = build_unet(tiny().widths)
    seen: list[torch.Tensor] = []
    unet.conv_in.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    latents, states, noise = torch.ones(2, 4, 8, 8), torch.zeros(2, 77, 32), torch.randn(2, 4, 8, 8)
    noised = Noised(
        noise=noise, levels=torch.tensor([950, 950]), kept=torch.tensor([0.25, 0.25]), shown=torch.tensor([0.25, 0.0])
    )
    losses = velocity_loss(unet, (latents, states), noised)
    assert torch.allclose(seen[0][0], 0.5 + 0.75**0.5 * noise[0]) and torch.equal(seen[0][1], noise[1])
    # A fresh UNet outputs zero, so that the loss is that of the velocity, which contains the whole signal.
    velocity = 0.5 * noise - 0.75**0.5
    assert torch.allclose(losses, velocity.square().mean(dim=(1, 2, 3)), atol=1e-5)


def test_the_scheduler_has_stable_diffusions_keys() -> None:
    config = build_scheduler().config
    assert config["clip_sample"] is False and config["set_alpha_to_one"] is False
    assert config["skip_prk_steps"] is True and config["steps_offset"] == 1 and config["timestep_spacing"] == "leading"


def test_images_are_halved_by_averaging() -> None:
    image = np.zeros((1, 2, 2, 3), dtype=np.uint8)
    image[0, 0, 0] = 200
    assert halved_images(image)[0, 0, 0].tolist() == [50, 50, 50]
    assert to_model(image).shape == (1, 3, 2, 2)


@pytest.mark.slow
def test_the_whole_training_gives_a_pipeline(tmp_path: Path) -> None:
    from training.earlier.export import load_pipeline

    assert main(["train", "--size", "tiny", "--work", str(tmp_path), "--threads", "1"]) == 0
    model = tmp_path / "model"
    assert len(json.loads((model / "preview.json").read_text())["rows"]) == 5
    image = load_pipeline(model)("fire", num_inference_steps=1, width=64, height=64).images[0]
    assert image.size == (64, 64)
    assert main(["export", "--size", "tiny", "--work", str(tmp_path), "--out", str(tmp_path / "again")]) == 0


@pytest.mark.slow
def test_refining_the_decoder_keeps_the_latents(tmp_path: Path) -> None:
    torch.manual_seed(0)
    vae = build_autoencoder(tiny().widths).to(memory_format=torch.channels_last)
    pixels = np.random.default_rng(0).integers(0, 256, (4, 256, 256, 3), dtype=np.uint8)
    pixels[:, :128] = 230
    latents, before = encode(vae, pixels), round_trip_psnr(vae, pixels)
    refine_decoder(vae, pixels, TrainingRun(name="decoder", steps=8, rate=2e-3, decay=0.5, warm_up=1), tmp_path)
    assert torch.equal(encode(vae, pixels), latents)
    assert (
        min(after - before_value for after, before_value in zip(round_trip_psnr(vae, pixels), before, strict=True))
        > 0.2
    )
