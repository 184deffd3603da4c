"""Prompt-to-prompt swaps: equal to the published method, no effect for identical words, and a preserved layout."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from invoke_cli.context.outcome import Outcome
from invoke_cli.engine import Engine
from tests.families.builders import Folder
from tests.families.jobs import first_image, job, tiny
from tests.session_harness import SessionHarness, pixels

END = "-s3 -C5 -A ddim -S5"


@pytest.mark.parametrize("sampler", ["k_euler_a", "k_heun", "dpmpp_2m", "k_lms"])
def test_swapping_a_word_for_itself_changes_nothing_with_any_sampler(
    real_session: SessionHarness, sketch: Path, sampler: str
) -> None:
    sketch.with_name("mask.png").write_bytes(square_mask())
    for rest in ("--cfg_rescale .6 --h_symmetry_time_pct .5", "-I sketch.png -M mask.png -f.8", "-n2 --parallel 2"):
        line = f"on a hill -s4 -C5 -A {sampler} -S5 -W 64 -H 64 {rest}"
        plain = real_session.draw(f"a cat {line}")
        same = real_session.draw(f"a cat.swap(cat, s_end=1) {line}")
        assert list(map(pixels, same)) == list(map(pixels, plain)), rest


def square_mask() -> bytes:
    image = Image.new("L", (96, 64))
    image.paste(255, (24, 16, 56, 48))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("sampler", ["ddim", "k_euler_a", "dpmpp_2m"])
def test_a_run_with_a_swap_resumes_to_the_same_image(real_session: SessionHarness, sampler: str) -> None:
    (result,) = real_session.draw(f"a cat.swap(horse) on a hill -s4 -C5 -A {sampler} -S5 --save_latents")
    (resumed,) = real_session.draw(f"-I {result.name}:2")
    assert pixels(resumed) == pixels(result)


@pytest.mark.parametrize("start", ["", "-I sketch.png -f.7"])
def test_swapping_a_word_for_itself_changes_no_bit_and_leaves_no_state(
    real_session: SessionHarness, sketch: Path, start: str
) -> None:
    (plain,) = real_session.draw(f"a cat on a hill {END} {start}")
    (same,) = real_session.draw(f"a cat.swap(cat, s_end=1) on a hill {END} {start} --trace")
    assert pixels(same) == pixels(plain)
    assert real_session.traces[-1].endswith("denoiser_calls=3" if not start else "denoiser_calls=2")
    (other,) = real_session.draw(f"a horse on a hill {END} {start}")
    (swapped,) = real_session.draw(f"a cat.swap(horse) on a hill {END} {start}")
    assert pixels(swapped) not in (pixels(plain), pixels(other))
    assert real_session.run(f"!verify {swapped}") is Outcome.OK, real_session.messages
    (again,) = real_session.draw(f"a cat on a hill {END} {start}")
    assert pixels(again) == pixels(plain), "the model is restored"


def test_swaps_work_with_two_text_encoders_and_weights(real_engine: Engine, folder_of: Folder) -> None:
    model = tiny(folder_of("sdxl"))
    plain, same, swapped = (
        first_image(real_engine, job(f"a {words} on a hill++ -s 2 -S 5", model)).tobytes()
        for words in ("cat", "cat.swap(cat)", "cat.swap(horse)")
    )
    assert same == plain != swapped


WORDS = ["cat.swap(dog)", "cat.swap(horse)", "horse.swap(cat)", "cat.swap(horse, s_end=.7, t_end=.4)"]


@pytest.mark.feature("swap")
@pytest.mark.parametrize("words", WORDS)
def test_swaps_equal_the_published_method(real_session: SessionHarness, tiny_model: Path, words: str) -> None:
    (result,) = real_session.draw(f"a {words} on a hill {END}")
    before, after = words.split(".swap(")[0], words.split(".swap(")[1].split(",")[0].rstrip(")")
    cross, own = (0.4, 0.7) if "t_end" in words else (1.0, 0.4)
    expected = reference_image(tiny_model, (f"a {before} on a hill", f"a {after} on a hill"), cross, own)
    difference = np.frombuffer(pixels(result), np.uint8).astype(np.int16) - np.frombuffer(expected, np.uint8)
    assert np.abs(difference).max() <= 1


def test_unsupported_swaps_are_errors(real_session: SessionHarness, real_engine: Engine, folder_of: Folder) -> None:
    from invoke_cli.errors import PlanError

    for name in ("flux", "kandinsky-2.2", "latent-consistency"):
        with pytest.raises(PlanError, match=r"which does not support \.swap"):
            job("a cat.swap(dog)", tiny(folder_of(name)))
    assert real_session.run(f"a cat.swap({'dog ' * 30}) {END}") is not Outcome.OK
    assert real_session.errors[0].startswith("a prompt with .swap() is limited to one window of 75 tokens")
    assert not real_session.saved


@pytest.mark.slow
def test_swaps_preserve_the_layout(real_session: SessionHarness) -> None:
    def edges_of(words: str, seed: int) -> NDArray[np.float64]:
        (path,) = real_session.draw(f"a {words} circle -m sketchbook -s 8 -C 5 -A ddim -S {seed}")
        with Image.open(path) as image:
            grey = np.asarray(image.convert("L").resize((32, 32)), np.float64)
        down, right = np.gradient(grey)
        edges = np.hypot(down, right)
        return np.asarray((edges - edges.mean()) / edges.std())

    swapped, other = [], []
    for seed in (1, 2, 3):
        plain = edges_of("red", seed)
        swapped.append((plain * edges_of("red.swap(blue)", seed)).mean())
        other.append((plain * edges_of("blue", seed)).mean())
    assert np.mean(swapped) > np.mean(other) + 0.1, "edges stay in place"


def token_mapper(before: str, after: str) -> torch.Tensor:
    """Return the authors' map of one swapped word, with letters as tokens: rows before, columns after."""
    found = torch.zeros(77, 77)
    (start, end) = (2, 2 + len(before.split()[1]))  # after the start token and "a"
    width = len(after.split()[1])
    for row in range(77):
        if row < start or (row < end and end - start == width):
            found[row, row] = 1
        elif row < end:
            found[row, start : start + width] = 1 / width
        else:
            found[row, min(76, row - (end - start) + width)] = 1
    return found


class Maps:
    """Attention maps of a UNet whose layers compute them explicitly: recorded, then substituted for others."""

    def __init__(self, unet: Any, mapped: torch.Tensor) -> None:
        from diffusers.models.attention_processor import AttnProcessor

        unet.set_attn_processor(AttnProcessor())
        self.mapped, self.mode = mapped, ""
        self.kept: dict[str, torch.Tensor] = {}
        self.kinds: tuple[str, ...] = ()
        for name, module in unet.named_modules():
            if name.endswith(("attn1", "attn2")):
                module.get_attention_scores = self.watched(name, module.get_attention_scores)

    def watched(self, name: str, scores: Any) -> Any:
        def found(*arguments: Any) -> torch.Tensor:
            maps: torch.Tensor = scores(*arguments)
            half = len(maps) // 2
            if self.mode == "keep":
                self.kept[name] = maps[half:]
            elif name.endswith(self.kinds) and self.kinds:
                moved = self.kept[name] @ self.mapped if name.endswith("attn2") else self.kept[name]
                maps = torch.cat([maps[:half], moved])
            return maps

        return found


def reference_image(folder: Path, texts: tuple[str, str], cross: float, own: float) -> bytes:
    """Return the second of two images after three DDIM steps from one noise. Up to these shares of the steps, it uses
    the maps of the first (Hertz et al. 2022, algorithm 1). Guidance is 5, the seed 5.
    """
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    scheduler = DDIMScheduler.from_config(
        pipeline.scheduler.config, clip_sample=False, set_alpha_to_one=False, steps_offset=1
    )
    scheduler.set_timesteps(3)
    with torch.no_grad():
        before, after, empty = (pipeline.encode_prompt(text, "cpu", 1, False)[0] for text in (*texts, ""))
        maps = Maps(pipeline.unet, token_mapper(*texts))
        latents = torch.randn((1, 4, 8, 8), generator=torch.Generator("cpu").manual_seed(5))
        first = latents
        for number, timestep in enumerate(scheduler.timesteps):
            maps.mode = "keep"
            plain, prompted = pipeline.unet(torch.cat([first] * 2), timestep, torch.cat([empty, before])).sample.chunk(
                2
            )
            first = scheduler.step(plain + 5 * (prompted - plain), timestep, first).prev_sample
            maps.mode = "use"
            maps.kinds = tuple(kind for kind, end in (("attn2", cross), ("attn1", own)) if number / 3 < end)
            plain, prompted = pipeline.unet(torch.cat([latents] * 2), timestep, torch.cat([empty, after])).sample.chunk(
                2
            )
            latents = scheduler.step(plain + 5 * (prompted - plain), timestep, latents).prev_sample
        decoded = pipeline.vae.decode(latents / pipeline.vae.config.scaling_factor).sample
    (image,) = pipeline.image_processor.postprocess(decoded, output_type="pil")
    return bytes(image.tobytes())
