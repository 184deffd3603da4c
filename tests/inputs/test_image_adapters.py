"""IP-Adapters and T2I-Adapters: images equal the stock pipelines', and mistakes are errors."""

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


def test_an_ip_adapter_equals_stock_and_leaves_no_state(control_session: SessionHarness, tiny_model: Path) -> None:
    import diffusers
    import torch

    (plain,) = control_session.draw(LINE)
    file = build_ip_adapter(control_session.folder / "ip", tiny_model)
    assert control_session.run(f"!import_model {file}") is Outcome.OK, control_session.errors
    assert "IP-Adapter for models with a text width of 32" in control_session.notices[-1]
    drawing(96, 64).save("style.png")
    (result,) = control_session.draw(f"{LINE} --control ip:style.png:.6")
    stock = diffusers.StableDiffusionPipeline.from_pretrained(tiny_model, dtype=torch.float32, local_files_only=True)
    stock.load_ip_adapter(
        str(file.parent), subfolder="", weight_name=file.name, image_encoder_folder="image_encoder",
        local_files_only=True,
    )  # fmt: skip
    stock.set_ip_adapter_scale(0.6)
    stock.scheduler = diffusers.DDIMScheduler.from_config(
        stock.scheduler.config, clip_sample=False, set_alpha_to_one=False, steps_offset=1
    )
    expected = stock(
        "a cat", ip_adapter_image=drawing(96, 64), num_inference_steps=3, guidance_scale=5.0,
        generator=torch.Generator("cpu").manual_seed(5),
    ).images[0]  # fmt: skip
    assert pixels(result) == expected.tobytes() != pixels(plain)
    (after,) = control_session.draw(LINE)
    assert pixels(after) == pixels(plain) and not control_session.of(Loading)
    (nothing,) = control_session.draw(f"{LINE} --control ip:style.png:0")
    assert pixels(nothing) == pixels(plain)
    guided = f"{LINE} -I init.png -f .7 --control depth:depth.png --control ip:style.png:.6"
    (both,) = control_session.draw(guided)
    assert control_session.run(f"!verify {both}") is Outcome.OK, control_session.messages
    assert pixels(both) not in {pixels(control_session.draw(guided.replace(each, ""))[0]) for each in (
        "--control depth:depth.png", "--control ip:style.png:.6"
    )}  # fmt: skip


def test_an_ip_adapter_without_its_image_encoder_is_an_error(control_session: SessionHarness, tiny_model: Path) -> None:
    file = build_ip_adapter(control_session.folder / "ip", tiny_model)
    elsewhere = (file.parent / "image_encoder").rename(control_session.folder / "encoder")
    assert control_session.run(f"!import_model {file}") is not Outcome.OK
    assert "has no image encoder" in control_session.errors[0]
    assert control_session.run(f"!import_model {file} base={elsewhere}") is Outcome.OK, control_session.errors
    control_session.draw(f"{LINE} --control ip:init.png")


def test_a_t2i_adapter_equals_stock_and_leaves_no_state(control_session: SessionHarness) -> None:
    import diffusers
    import torch

    model = build_tiny_model(control_session.folder / "early", early=True)
    line = f"{LINE} -m {model}"
    (plain,) = control_session.draw(line)
    rough, deep = (
        build_t2i_adapter(control_session.folder / "rough", 1),
        build_t2i_adapter(control_session.folder / "far", 2),
    )
    assert control_session.run(f"!import_model {rough} control=pose") is Outcome.OK, control_session.errors
    assert "T2I-Adapter for UNets with 16, 32 channels" in control_session.notices[-1]
    enter(control_session, far=deep.with_name("far:lineart"))
    networks = [diffusers.T2IAdapter.from_pretrained(folder, local_files_only=True) for folder in (rough, deep)]

    def stock_image(adapter: Any, image: Any, scale: Any) -> bytes:
        stock = diffusers.StableDiffusionAdapterPipeline.from_pretrained(
            model, adapter=adapter, dtype=torch.float32, local_files_only=True
        )
        stock.scheduler = diffusers.DDIMScheduler.from_config(
            stock.scheduler.config, clip_sample=False, set_alpha_to_one=False, steps_offset=1
        )
        result = stock(
            "a cat", image=image, adapter_conditioning_scale=scale, num_inference_steps=3, guidance_scale=5.0,
            height=64, width=64, generator=torch.Generator("cpu").manual_seed(5),
        )  # fmt: skip
        return bytes(result.images[0].tobytes())

    (one,) = control_session.draw(f"{line} --control pose:depth.png:.6")
    assert pixels(one) == stock_image(networks[0], drawing(64, 64), 0.6) != pixels(plain)
    (two,) = control_session.draw(f"{line} --control pose:depth.png:.6 --control lineart:square.png:.5")
    assert pixels(two) == stock_image(networks, [drawing(64, 64), square()], [0.6, 0.5]) != pixels(one)
    assert pixels(control_session.draw(line)[0]) == pixels(plain)
    assert pixels(control_session.draw(f"{line} --control pose:depth.png:0")[0]) == pixels(plain)
    switches = "-I init.png -M mask.png -f .7 --control pose:depth.png --control canny:square.png"
    (guided,) = control_session.draw(f"{line} {switches}")
    assert control_session.run(f"!verify {guided}") is Outcome.OK, control_session.messages
    (without,) = control_session.draw(f"{line} {switches.replace('--control pose:depth.png', '')}")
    assert pixels(guided) != pixels(without)


def test_a_t2i_adapter_for_other_channels_is_rejected(control_session: SessionHarness) -> None:
    enter(
        control_session,
        large=build_t2i_adapter(control_session.folder / "large", 1, channels=(32, 64)).with_name("large:pose"),
    )
    assert control_session.run(f"{LINE} --control pose:depth.png") is not Outcome.OK
    assert "does not fit" in control_session.errors[0] and "UNets with 32, 64 channels" in control_session.errors[0]
