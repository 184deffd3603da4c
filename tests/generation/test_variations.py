"""Variations, used as in InvokeAI 2.x: each recorded line reproduces its variation."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from invoke_cli.context.outcome import Outcome
from invoke_cli.metadata.containers.text_chunks import read_chunks
from tests.sample_images import disc
from tests.session_harness import SessionHarness, image_facts, pixels, size, values


def test_noise_is_blended_in_order_by_slerp(real_session: SessionHarness, tiny_model: Path) -> None:
    """noise = slerp(w, noise, N(seed)) over the flattened tensor, in order, passed to the stock pipeline."""
    import torch
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    def noise(seed: int) -> torch.Tensor:
        return torch.randn((1, 4, 8, 8), generator=torch.Generator("cpu").manual_seed(seed)).double()

    blended = noise(5)
    for seed, weight in ((3357757885, 0.2), (17, 0.1)):
        other = noise(seed)
        cosine = torch.dot(blended.flatten(), other.flatten()) / (blended.norm() * other.norm())
        angle = torch.acos(cosine)
        blended = (torch.sin((1 - weight) * angle) * blended + torch.sin(weight * angle) * other) / torch.sin(angle)
        blended = blended.float().double()
    pipeline = StableDiffusionPipeline.from_pretrained(tiny_model, dtype=torch.float32, local_files_only=True)
    pipeline.scheduler = DDIMScheduler.from_config(
        pipeline.scheduler.config, clip_sample=False, set_alpha_to_one=False, steps_offset=1
    )
    pipeline.set_progress_bar_config(disable=True)
    common = {"num_inference_steps": 4, "guidance_scale": 5.0, "width": 64, "height": 64}
    expected = pipeline("a cat", latents=blended.float(), **common).images[0]
    (results,) = real_session.draw("a cat -s4 -C5 -A ddim -S 5 -V 3357757885:0.2,17:0.1")
    assert pixels(results) == expected.tobytes()


def test_all_separators_of_variations_are_equivalent(harness: SessionHarness) -> None:
    written = ("3:.2,4:.1", "3,.2;4,.1", "3,.2,4,.1", '"3:0.2, 4:0.1"', "3:.2;4:.1", "3,0.20;4,1e-1;")
    results = {harness.draw(f"a cat -s2 -S 5 -V {text}")[0].read_bytes() for text in written}
    assert len(results) == 1
    assert "-V 3:0.2,4:0.1" in harness.saved[0].line
    assert harness.draw("a cat -s2 -S 5 -V 4:.1,3:.2")[0].read_bytes() not in results, "the order matters"


def test_weight_0_is_the_first_seed_and_weight_1_the_second(real_session: SessionHarness) -> None:
    plain, other = real_session.draw("a cat -s3 -A ddim -S 5,6")
    assert pixels(real_session.draw("a cat -s3 -A ddim -S 5 -V 6:0")[0]) == pixels(plain)
    assert pixels(real_session.draw("a cat -s3 -A ddim -S 5 -v 0")[0]) == pixels(plain)
    assert pixels(real_session.draw("a cat -s3 -A ddim -S 5 -V 6:1")[0]) == pixels(other)


def test_variations_of_variations_and_their_blends_verify(harness: SessionHarness) -> None:
    """InvokeAI 2's walkthrough: find an image, vary it, vary the best again, and blend the two best."""
    harness.draw("a warrior -s3 -n 2 -S 3357757885")
    first = harness.draw("a warrior -s3 -S 3357757885 -v .2 -n 3")
    assert len({path.name.split(".")[1] for path in first}) == 1, "the seed stays the base's"
    listed = [saved.line.split("-V ")[1].split()[0] for saved in harness.saved]
    second = harness.draw(f"a warrior -s3 -S 3357757885 -V {listed[0]} -v .05 -n 2")
    assert all(f"-V {listed[0]}," in saved.line and saved.line.endswith(":0.05") for saved in harness.saved)
    (blend,) = harness.draw(f"a warrior -s3 -S 3357757885 -V {listed[0]},{listed[1]}")
    everything = [*first, *second, blend]
    assert len({pixels(path) for path in everything}) == len(everything)
    assert harness.run(f"!verify {' '.join(map(str, everything))}") is Outcome.OK


@pytest.mark.parametrize("sampler", ["ddim", "k_euler_a", "k_lms", "dpmpp_sde"])
@pytest.mark.parametrize(
    "line",
    [
        "a cat -s4 -S 5 -v .3 -n 2",
        "a cat -s4 -S 5,6 -v .3 -n 2",
        "a cat -s4 -S 5 -V 9:.2 -v .3 -n 2 --perlin .2 --threshold 3",
        "a cat -s4 -S 5 -V 9:.2 -I sketch.png -f .6",
        "a cat -s4 -S 5 -v .3 -n 3 -I sketch.png -f .6 --perlin .1",
        "a cat -s4 -S 5 -v .3 -n 2 | oil -f .5 -V 8:.5",
        "a cat -s3 -S 5 -v .3 -n 2 -W 96 -H 96 --hires_fix",
        "a cat -s4 -S 5 -v .3 -n 2 -I sketch.png -f .6,.4",
    ],
)
def test_each_recorded_line_reproduces_its_variation(
    real_session: SessionHarness, sketch: Path, line: str, sampler: str
) -> None:
    results = real_session.draw(f"{line} -A {sampler}")
    lines = [saved.line for saved in real_session.saved]
    assert len({pixels(path) for path in results}) == len(results)
    for path, recorded in zip(results, lines, strict=True):
        (again,) = real_session.draw(recorded)
        assert pixels(again) == pixels(path), recorded
    assert real_session.run(f"!verify {' '.join(map(str, results))}") is Outcome.OK


def test_variations_without_an_init_image(harness: SessionHarness) -> None:
    plain, *_ = harness.draw("a cat -s2 -S 42")
    varied = harness.draw("a cat -s2 -S 42 -v 0.2 -n3")
    assert len({path.read_bytes() for path in [plain, *varied]}) == 4
    assert {event.seed for event in harness.saved} == {42}
    for event, path in zip(harness.saved, varied, strict=True):
        assert "-V " in event.line and ":0.2" in event.line
        again = SessionHarness.draw(harness, event.line)[0]
        assert pixels(again) == pixels(path)


@pytest.mark.feature("vary-init")
def test_variations_of_image_to_image_start_from_the_first_result(harness: SessionHarness, sketch: Path) -> None:
    first, *others = harness.draw("a cat -s4 -f .6 -S 42 -v 0.2 -n4 -I sketch.png")
    assert len(others) == 3
    assert image_facts(first)["init_image"] == "sketch.png" and image_facts(first)["variations"] == []
    for path in others:
        document = json.loads(read_chunks(path)["sd-metadata"])
        assert document["image"]["init_image"] == first.name
        assert document["parents"][0]["name"] == first.name
        assert len(document["image"]["variations"]) == 1
    assert len({path.read_bytes() for path in others}) == 3


@pytest.mark.feature("vary-init")
@pytest.mark.parametrize("area", ["-M mask.png", "-c bottom 24"])
@pytest.mark.parametrize("enlarged", ["-U 2", "--embiggen 1.5"])
def test_variations_of_a_part_are_not_enlarged_twice(
    harness: SessionHarness, sketch: Path, area: str, enlarged: str
) -> None:
    disc(96, 64).save("mask.png")
    first, *others = harness.draw(f"a cat -I sketch.png {area} -s2 -S7 -v .2 -n3 {enlarged}")
    assert any("not enlarged again" in text for text in harness.notices)
    assert {size(path) for path in others} == {size(first)} and size(first)[0] > 96
    for path in others:
        assert (values(path)[:9, :9] == values(first)[:9, :9]).all(), (
            "pixels outside the mask are those of the first result"
        )
        assert pixels(path) != pixels(first) and image_facts(path)["init_image"] == first.name
    assert harness.run(f"!verify {first} {' '.join(map(str, others))}") is Outcome.OK, harness.messages
    harness.run(f"!set {enlarged}")
    again = harness.draw(f"a cat -I sketch.png {area} -s2 -S7 -v .2 -n2")
    assert [size(path) for path in again] == [size(first)] * 2


def test_varying_a_single_image_of_image_to_image_gives_a_notice(harness: SessionHarness, sketch: Path) -> None:
    harness.draw("a cat -s4 -v 0.2 -I sketch.png")
    assert any("has no effect" in text for text in harness.notices)


def test_blended_noise_changes_image_to_image(harness: SessionHarness, sketch: Path) -> None:
    (plain,) = harness.draw("a cat -s4 -S 5 -I sketch.png")
    (blended,) = harness.draw("a cat -s4 -S 5 -V 7:0.3 -I sketch.png")
    assert pixels(plain) != pixels(blended)
