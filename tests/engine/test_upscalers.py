"""Diffusion upscalers and network files, compared with the stock classes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from invoke_cli.context.outcome import Outcome
from invoke_cli.planning.seeds import next_seed
from tests.sample_images import drawing
from tests.session_harness import SessionHarness, pixels, size
from tests.tiny_upscalers import build_face_network, build_latent_upscaler, build_network, build_x4_upscaler


@pytest.fixture(scope="session")
def x2(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """An x2 latent upscaler with the autoencoder of the tiny model."""
    return build_latent_upscaler(tmp_path_factory.mktemp("models") / "x2", tiny_model / "vae")


@pytest.fixture(scope="session")
def x4(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An x4 upscaler."""
    return build_x4_upscaler(tmp_path_factory.mktemp("models") / "x4")


@pytest.fixture
def harness(real_session: SessionHarness, x2: Path, x4: Path) -> SessionHarness:
    """A session with both upscalers."""
    models = real_session.folder / "root" / "configs" / "models.yaml"
    with models.open("a", encoding="utf-8") as file:
        file.write(f"big-x2:\n  path: {x2}\nbig-x4:\n  path: {x4}\n")
    return real_session


def stock(name: str, folder: Path, **extra: Any) -> Any:
    import diffusers
    import torch

    pipeline = getattr(diffusers, name).from_pretrained(folder, dtype=torch.float32, **extra)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def seeded(seed: int) -> Any:
    import torch

    return torch.Generator().manual_seed(seed)


@pytest.mark.feature("chain-upscale")
@pytest.mark.slow
def test_a_chain_of_upscalers_passes_latents_and_equals_stock(
    harness: SessionHarness, tiny_model: Path, x2: Path, x4: Path
) -> None:
    (result,) = harness.draw("a castle -s3 -S1 -C 5 -A ddim --trace | --latent_up 2 -s 2 | --sr 4 -s 2")
    assert size(result) == (512, 512)
    assert harness.traces[-1] == "trace: encodes=0 decodes=2 denoiser_calls=7"
    base = stock("StableDiffusionPipeline", tiny_model, safety_checker=None)
    from diffusers import DDIMScheduler

    options = {"clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1}
    base.scheduler = DDIMScheduler.from_config(base.scheduler.config, **options)
    latents = base(
        "a castle", num_inference_steps=3, guidance_scale=5.0, width=64, height=64, generator=seeded(1),
        output_type="latent",
    ).images  # fmt: skip
    second, third = next_seed(1), next_seed(next_seed(1))
    twice = stock("StableDiffusionLatentUpscalePipeline", x2)(
        "a castle", image=latents, num_inference_steps=2, guidance_scale=5.0, generator=seeded(second)
    ).images[0]
    assert twice.size == (128, 128)
    whole = stock("StableDiffusionUpscalePipeline", x4)(
        "a castle", image=twice, num_inference_steps=2, guidance_scale=5.0, generator=seeded(third)
    ).images[0]
    assert pixels(result) == whole.tobytes()
    assert harness.run(f"!verify {result}") is Outcome.OK, harness.messages
    assert ": identical" in harness.messages


def test_an_upscaler_with_another_vae_decodes_and_encodes_once(harness: SessionHarness, tmp_path: Path) -> None:
    other = build_latent_upscaler(tmp_path / "other")
    models = harness.folder / "root" / "configs" / "models.yaml"
    models.write_text(models.read_text() + f"other-x2:\n  path: {other}\n", encoding="utf-8")
    harness.draw("a castle -s3 -S1 --trace | --latent_up 2 -s 2 --upscaler other-x2")
    assert harness.traces[-1] == "trace: encodes=1 decodes=2 denoiser_calls=5"
    assert any("decoded and encoded once" in text for text in harness.notices)


@pytest.mark.parametrize(
    ("line", "expected_size"),
    [
        ("!fix odd.png -U 4 --upscaler big-x4 --new_prompt sharp -s 20", (200, 136)),
        ("!fix odd.png --sr 4 -s 2", (200, 136)),
        ("!fix odd.png --latent_up -s 2", (100, 68)),
        ("a cat -I odd.png --sr 4 -s 2", (200, 136)),
        ("a cat -s 2 -U 4 --upscaler big-x4 -n 2 --save_original", (256, 256)),
    ],
)
def test_images_of_any_size_are_upscaled_and_verify(
    harness: SessionHarness, line: str, expected_size: tuple[int, int]
) -> None:
    drawing(50, 34).save("odd.png")
    result = harness.draw(line)
    assert size(result[-1]) == expected_size
    assert harness.run(f"!verify {' '.join(map(str, result))}") is Outcome.OK, harness.messages
    assert harness.messages.count(": identical") == len(result)


def test_20_steps_of_the_x4_upscaler_equal_stock(harness: SessionHarness, x4: Path) -> None:
    drawing(32, 24).save("low.png")
    line = '!fix low.png -U4 --upscaler big-x4 --new_prompt "high quality, detailed, sharp" -s20 -S 5 -C 5 --trace'
    (result,) = harness.draw(line)
    assert harness.traces[-1] == "trace: encodes=0 decodes=1 denoiser_calls=20"
    with Image.open("low.png") as low:
        expected = stock("StableDiffusionUpscalePipeline", x4)(
            "high quality, detailed, sharp", image=low.convert("RGB"), num_inference_steps=20, guidance_scale=5.0,
            generator=seeded(5),
        ).images[0]  # fmt: skip
    assert pixels(result) == expected.tobytes()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a cat -U 2 --upscaler big-x4", "big-x4 only enlarges 4 times"),
        ("a cat | --sr 4 --upscaler big-x2", "big-x2 is not an x4 diffusion upscaler"),
        ("a cat -m big-x4", "big-x4 (x4 upscaler) cannot generate images"),
    ],
)
def test_impossible_upscaling_is_an_error(harness: SessionHarness, line: str, message: str) -> None:
    assert harness.run(line) is not Outcome.OK
    assert message in harness.errors[0]


def test_an_upscaler_used_by_its_path_is_verified_and_replayed(
    real_session: SessionHarness, x4: Path, tmp_path: Path
) -> None:
    """Its folder needs no entry; a file whose upscaler has moved names it."""
    drawing(64, 64).save("small.png")
    folder = shutil.copytree(x4, tmp_path / "my upscaler")
    (result,) = real_session.draw(f'!fix small.png -U 4 --upscaler "{folder}" -s 2 -S 1')
    assert size(result) == (256, 256)
    assert real_session.run(f"!verify {result}") is Outcome.OK, real_session.errors
    (again,) = real_session.draw(f"!replay {result}")
    assert pixels(again) == pixels(result)
    folder.rename(tmp_path / "moved")
    assert real_session.run(f"!verify {result}") is not Outcome.OK
    assert any("my upscaler" in text for text in real_session.notices), real_session.events


def test_models_lists_upscalers_with_their_factor(harness: SessionHarness) -> None:
    harness.run("!models")
    assert "upscales 4 times (--sr)" in harness.messages and "upscales 2 times (--latent_up)" in harness.messages


# -- networks in files -----------------------------------------------------------------------------------------------


def test_a_network_upscales_as_spandrel_does(real_session: SessionHarness) -> None:
    spandrel = pytest.importorskip("spandrel")
    import torch

    path = build_network(real_session.folder / "root" / "models" / "upscalers" / "tinyESRGAN.safetensors")
    drawing(40, 30).save("low.png")
    (result,) = real_session.draw("!fix low.png -U 4 1 --upscaler tinyesrgan")
    network = spandrel.ModelLoader().load_from_file(path)
    with Image.open("low.png") as low:
        values = torch.from_numpy(np.array(low.convert("RGB"))).permute(2, 0, 1)[None].float() / 255
        smooth = low.convert("RGB").resize((160, 120), Image.Resampling.LANCZOS)
    expected = network(values)[0].clamp(0, 1).mul(255).round().permute(1, 2, 0).to(torch.uint8).numpy()
    assert pixels(result) == expected.tobytes()
    assert real_session.run(f"!verify {result}") is Outcome.OK and ": identical" in real_session.messages
    (half,) = real_session.draw("!fix low.png -U 4 .5 --upscaler tinyESRGAN.safetensors")
    assert pixels(half) == Image.blend(smooth, Image.fromarray(expected), 0.5).tobytes()
    assert [size(path) for path in real_session.draw("a cat -s2 --embiggen 2 .8 --upscaler tiny")] == [(128, 128)]


@pytest.mark.parametrize("change", ["missing", "half", "shape"])
def test_an_incomplete_network_is_an_error_that_names_the_tensor(real_session: SessionHarness, change: str) -> None:
    pytest.importorskip("spandrel")
    from safetensors.torch import load_file, save_file

    path = build_network(real_session.folder / "root" / "models" / "upscalers" / "tinyESRGAN.safetensors")
    tensors = load_file(path)
    name = "body.1.rdb1.conv4.bias"
    match change:
        case "missing":
            del tensors[name]
        case "half":
            tensors = {each: tensor for index, (each, tensor) in enumerate(tensors.items()) if index % 2}
        case "shape":
            tensors[name] = tensors[name][:1].clone()
    save_file(tensors, path)
    drawing(40, 30).save("low.png")
    assert real_session.run("!fix low.png -U 4 1 --upscaler tinyESRGAN.safetensors") is Outcome.FAILED
    (message,) = real_session.errors
    assert "the network tinyESRGAN.safetensors cannot be loaded: " in message and " tensors of its network " in message
    assert change == "half" or "conv4" in message, "the tensor, by its name in spandrel"


def test_tiles_of_a_network_have_no_seams(real_session: SessionHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("spandrel")

    build_network(real_session.folder / "root" / "models" / "tiny.safetensors")
    drawing(150, 110).save("low.png")
    (whole,) = real_session.draw("!fix low.png -U 4 1 --upscaler tiny")
    from invoke_cli.engine.postprocess import network

    monkeypatch.setattr(network, "TILE", 64)
    (tiled,) = real_session.draw("!fix low.png -U 4 1 --upscaler tiny")
    distance = np.abs(np.frombuffer(pixels(whole), np.uint8).astype(int) - np.frombuffer(pixels(tiled), np.uint8))
    assert distance.max() <= 1


@pytest.mark.feature("faces")
@pytest.mark.slow
@pytest.mark.parametrize(
    ("tool", "library", "name"),
    [("gfpgan", "spandrel", "GFPGANv1.4.pth"), ("codeformer", "spandrel_extra_arches", "codeformer.pth")],
)
def test_face_restoration_equals_its_network_s_output(
    real_session: SessionHarness, tool: str, library: str, name: str
) -> None:
    spandrel = pytest.importorskip("spandrel")
    pytest.importorskip(library)
    import torch

    path = build_face_network(tool, real_session.folder / "root" / "models" / "faces" / name)
    drawing(512, 512).save("portrait.png")
    (result,) = real_session.draw(f"!fix portrait.png -G 1 -ft {tool}")
    assert real_session.run(f"!verify {result}") is Outcome.OK and ": identical" in real_session.messages
    network = spandrel.ModelLoader(device="cpu").load_from_file(path).model.eval()
    with Image.open("portrait.png") as portrait, torch.inference_mode():
        values = torch.from_numpy(np.array(portrait.convert("RGB"))).permute(2, 0, 1)[None].float() / 127.5 - 1
        face = network(values, weight=0.75 if tool == "codeformer" else 0.0, randomize_noise=False)[0]
    expected = (face[0] / 2 + 0.5).clamp(0, 1).mul(255).round().permute(1, 2, 0).to(torch.uint8).numpy()
    inner = slice(64, 448)  # further out it blends into the image
    restored = np.frombuffer(pixels(result), np.uint8).reshape(512, 512, 3)
    assert np.abs(restored[inner, inner].astype(int) - expected[inner, inner]).max() <= 1
    assert np.abs(restored[inner, inner].astype(int) - np.array(Image.open("portrait.png"))[inner, inner]).max() > 1


def test_a_file_that_is_not_a_network_is_an_error(real_session: SessionHarness) -> None:
    pytest.importorskip("spandrel")
    drawing(40, 30).save("low.png")
    Path("not.pth").write_bytes(b"nothing")
    assert real_session.run("!fix low.png -U 4 --upscaler not.pth") is Outcome.FAILED
    assert "not.pth cannot be used as a network" in real_session.errors[0]


def test_without_spandrel_network_files_are_an_error(
    real_session: SessionHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    from invoke_cli.inputs import upscalers

    monkeypatch.setattr(upscalers, "find_spec", lambda _: None)
    build_network(real_session.folder / "root" / "models" / "tiny.safetensors")
    drawing(40, 30).save("low.png")
    assert real_session.run("!fix low.png -U 4 --upscaler tiny") is Outcome.FAILED
    assert real_session.errors == ["network files need the library spandrel"]
