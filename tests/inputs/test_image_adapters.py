"""IP-Adapters and T2I-Adapters (features.md I.4): the stock pipelines' own pictures, or a sentence on what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from invoke_cli.context.outcome import Outcome
from invoke_cli.events import Loading
from tests.inputs.control_models import LINE, enter
from tests.sample_images import drawing, square
from tests.session_harness import SessionHarness, pixels
from tests.tiny_controls import build_ip_adapter, build_t2i_adapter
from tests.tiny_models import build_tiny_model


def test_i4_a_picture_as_a_prompt_equals_stock_and_leaves_no_trace(studio: SessionHarness, tiny_model: Path) -> None:
    import diffusers
    import torch

    (plain,) = studio.draw(LINE)
    file = build_ip_adapter(studio.folder / "ip", tiny_model)
    assert studio.run(f"!import_model {file}") is Outcome.OK, studio.errors
    assert "IP-Adapter for models with a text width of 32" in studio.notices[-1]
    drawing(96, 64).save("style.png")
    (made,) = studio.draw(f"{LINE} --control ip:style.png:.6")
    stock = diffusers.StableDiffusionPipeline.from_pretrained(tiny_model, dtype=torch.float32, local_files_only=True)
    stock.load_ip_adapter(
        str(file.parent), subfolder="", weight_name=file.name, image_encoder_folder="image_encoder",
        local_files_only=True,
    )  # fmt: skip
    stock.set_ip_adapter_scale(0.6)
    stock.scheduler = diffusers.DDIMScheduler.from_config(
        stock.scheduler.config, clip_sample=False, set_alpha_to_one=False, steps_offset=1
    )
    theirs = stock(
        "a cat", ip_adapter_image=drawing(96, 64), num_inference_steps=3, guidance_scale=5.0,
        generator=torch.Generator("cpu").manual_seed(5),
    ).images[0]  # fmt: skip
    assert pixels(made) == theirs.tobytes() != pixels(plain)
    (after,) = studio.draw(LINE)
    assert pixels(after) == pixels(plain) and not studio.of(Loading)
    (nothing,) = studio.draw(f"{LINE} --control ip:style.png:0")
    assert pixels(nothing) == pixels(plain)
    guided = f"{LINE} -I init.png -f .7 --control depth:depth.png --control ip:style.png:.6"
    (both,) = studio.draw(guided)
    assert studio.run(f"!verify {both}") is Outcome.OK, studio.messages
    assert pixels(both) not in {pixels(studio.draw(guided.replace(each, ""))[0]) for each in (
        "--control depth:depth.png", "--control ip:style.png:.6"
    )}  # fmt: skip


def test_an_ip_adapter_wants_its_image_encoder(studio: SessionHarness, tiny_model: Path) -> None:
    file = build_ip_adapter(studio.folder / "ip", tiny_model)
    elsewhere = (file.parent / "image_encoder").rename(studio.folder / "eyes")
    assert studio.run(f"!import_model {file}") is not Outcome.OK
    assert "has no image encoder" in studio.errors[0]
    assert studio.run(f"!import_model {file} base={elsewhere}") is Outcome.OK, studio.errors
    studio.draw(f"{LINE} --control ip:init.png")


def test_i4_a_t2i_adapter_equals_stock_and_leaves_no_trace(studio: SessionHarness) -> None:
    import diffusers
    import torch

    model = build_tiny_model(studio.folder / "early", early=True)
    line = f"{LINE} -m {model}"
    (plain,) = studio.draw(line)
    rough, deep = build_t2i_adapter(studio.folder / "rough", 1), build_t2i_adapter(studio.folder / "far", 2)
    assert studio.run(f"!import_model {rough} control=pose") is Outcome.OK, studio.errors
    assert "T2I-Adapter for UNets with 16, 32 channels" in studio.notices[-1]
    enter(studio, far=deep.with_name("far:lineart"))
    networks = [diffusers.T2IAdapter.from_pretrained(folder, local_files_only=True) for folder in (rough, deep)]

    def theirs(adapter: Any, image: Any, scale: Any) -> bytes:
        stock = diffusers.StableDiffusionAdapterPipeline.from_pretrained(
            model, adapter=adapter, dtype=torch.float32, local_files_only=True
        )
        stock.scheduler = diffusers.DDIMScheduler.from_config(
            stock.scheduler.config, clip_sample=False, set_alpha_to_one=False, steps_offset=1
        )
        made = stock(
            "a cat", image=image, adapter_conditioning_scale=scale, num_inference_steps=3, guidance_scale=5.0,
            height=64, width=64, generator=torch.Generator("cpu").manual_seed(5),
        )  # fmt: skip
        return bytes(made.images[0].tobytes())

    (one,) = studio.draw(f"{line} --control pose:depth.png:.6")
    assert pixels(one) == theirs(networks[0], drawing(64, 64), 0.6) != pixels(plain)
    (two,) = studio.draw(f"{line} --control pose:depth.png:.6 --control lineart:square.png:.5")
    assert pixels(two) == theirs(networks, [drawing(64, 64), square()], [0.6, 0.5]) != pixels(one)
    assert pixels(studio.draw(line)[0]) == pixels(plain)
    assert pixels(studio.draw(f"{line} --control pose:depth.png:0")[0]) == pixels(plain)
    switches = "-I init.png -M mask.png -f .7 --control pose:depth.png --control canny:square.png"
    (guided,) = studio.draw(f"{line} {switches}")
    assert studio.run(f"!verify {guided}") is Outcome.OK, studio.messages
    (without,) = studio.draw(f"{line} {switches.replace('--control pose:depth.png', '')}")
    assert pixels(guided) != pixels(without)


def test_a_t2i_adapter_for_other_channels_is_refused(studio: SessionHarness) -> None:
    enter(studio, large=build_t2i_adapter(studio.folder / "large", 1, channels=(32, 64)).with_name("large:pose"))
    assert studio.run(f"{LINE} --control pose:depth.png") is not Outcome.OK
    assert "does not fit" in studio.errors[0] and "UNets with 32, 64 channels" in studio.errors[0]
