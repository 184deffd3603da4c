"""Exchanged words: the published method by hand, nothing at all for a word by itself, and a layout that is kept."""

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
from tests.families.jobs import job, ours, tiny
from tests.session_harness import SessionHarness, pixels

END = "-s3 -C5 -A ddim -S5"


@pytest.mark.parametrize("sampler", ["k_euler_a", "k_heun", "dpmpp_2m", "k_lms"])
def test_the_words_before_draw_along_with_every_sampler(
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
def test_a_run_goes_on_with_the_words_before(real_session: SessionHarness, sampler: str) -> None:
    (made,) = real_session.draw(f"a cat.swap(horse) on a hill -s4 -C5 -A {sampler} -S5 --save_latents")
    (on,) = real_session.draw(f"-I {made.name}:2")
    assert pixels(on) == pixels(made)


@pytest.mark.parametrize("start", ["", "-I sketch.png -f.7"])
def test_a_word_by_itself_changes_no_bit(real_session: SessionHarness, sketch: Path, start: str) -> None:
    (plain,) = real_session.draw(f"a cat on a hill {END} {start}")
    (same,) = real_session.draw(f"a cat.swap(cat, s_end=1) on a hill {END} {start} --trace")
    assert pixels(same) == pixels(plain)
    assert real_session.traces[-1].endswith("denoiser_calls=3" if not start else "denoiser_calls=2")
    (other,) = real_session.draw(f"a horse on a hill {END} {start}")
    (swapped,) = real_session.draw(f"a cat.swap(horse) on a hill {END} {start}")
    assert pixels(swapped) not in (pixels(plain), pixels(other))
    assert real_session.run(f"!verify {swapped}") is Outcome.OK, real_session.messages
    (again,) = real_session.draw(f"a cat on a hill {END} {start}")
    assert pixels(again) == pixels(plain), "nothing is left behind"


def test_two_encoders_and_weights_take_it_too(real_engine: Engine, folder_of: Folder) -> None:
    model = tiny(folder_of("sdxl"))
    plain, same, swapped = (
        ours(real_engine, job(f"a {words} on a hill++ -s 2 -S 5", model)).tobytes()
        for words in ("cat", "cat.swap(cat)", "cat.swap(horse)")
    )
    assert same == plain != swapped


WORDS = ["cat.swap(dog)", "cat.swap(horse)", "horse.swap(cat)", "cat.swap(horse, s_end=.7, t_end=.4)"]


@pytest.mark.parametrize("words", WORDS)
def test_it_is_the_published_method(real_session: SessionHarness, tiny_model: Path, words: str) -> None:
    (made,) = real_session.draw(f"a {words} on a hill {END}")
    before, after = words.split(".swap(")[0], words.split(".swap(")[1].split(",")[0].rstrip(")")
    cross, own = (0.4, 0.7) if "t_end" in words else (1.0, 0.4)
    wanted = by_hand(tiny_model, (f"a {before} on a hill", f"a {after} on a hill"), cross, own)
    difference = np.frombuffer(pixels(made), np.uint8).astype(np.int16) - np.frombuffer(wanted, np.uint8)
    assert np.abs(difference).max() <= 1


def test_what_cannot_do_it_says_so(real_session: SessionHarness, real_engine: Engine, folder_of: Folder) -> None:
    from invoke_cli.errors import PlanError

    for name in ("flux", "kandinsky-2.2", "latent-consistency"):
        with pytest.raises(PlanError, match=r"which does not support \.swap"):
            job("a cat.swap(dog)", tiny(folder_of(name)))
    assert real_session.run(f"a cat.swap({'dog ' * 30}) {END}") is not Outcome.OK
    assert real_session.errors[0].startswith("a prompt with .swap() is limited to one window of 75 tokens")
    assert not real_session.saved


@pytest.mark.slow
def test_the_layout_is_kept(real_session: SessionHarness) -> None:
    def drawn(words: str, seed: int) -> NDArray[np.float64]:
        (path,) = real_session.draw(f"a {words} circle -m sketchbook -s 8 -C 5 -A ddim -S {seed}")
        with Image.open(path) as image:
            grey = np.asarray(image.convert("L").resize((32, 32)), np.float64)
        down, right = np.gradient(grey)
        edges = np.hypot(down, right)
        return np.asarray((edges - edges.mean()) / edges.std())

    kept, other = [], []
    for seed in (1, 2, 3):
        plain = drawn("red", seed)
        kept.append((plain * drawn("red.swap(blue)", seed)).mean())
        other.append((plain * drawn("blue", seed)).mean())
    assert np.mean(kept) > np.mean(other) + 0.1, "edges stand where they stood"


def places(before: str, after: str) -> torch.Tensor:
    """The authors' map for one exchanged word, letters being the tiny model's tokens: rows before, columns after."""
    found = torch.zeros(77, 77)
    (start, end) = (2, 2 + len(before.split()[1]))  # behind the mark and "a"
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
    """The attention maps of a UNet whose layers work them out one by one: kept, then put in the place of others."""

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


def by_hand(folder: Path, texts: tuple[str, str], cross: float, own: float) -> bytes:
    """Three steps of DDIM of two pictures from one noise, the second with the maps of the first up to these shares of
    the steps (Hertz et al. 2022, algorithm 1); guidance 5, seed 5.
    """
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    scheduler = DDIMScheduler.from_config(
        pipeline.scheduler.config, clip_sample=False, set_alpha_to_one=False, steps_offset=1
    )
    scheduler.set_timesteps(3)
    with torch.no_grad():
        before, after, empty = (pipeline.encode_prompt(text, "cpu", 1, False)[0] for text in (*texts, ""))
        maps = Maps(pipeline.unet, places(*texts))
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
    (picture,) = pipeline.image_processor.postprocess(decoded, output_type="pil")
    return bytes(picture.tobytes())
