"""How an image was made is in its metadata: postprocessing, LoRAs of the prompt, and the way of inpainting."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from invoke_cli.context.outcome import Outcome
from invoke_cli.context.settings import Settings
from invoke_cli.events import Planned
from invoke_cli.metadata.containers.text_chunks import read_chunks
from invoke_cli.planning.postprocess import Enlarging, NetworkFile, Postprocessing
from invoke_cli.repl.token_counter import TokenCounter
from invoke_cli.repl.toolbar import Toolbar
from tests.sample_images import disc, drawing
from tests.session_harness import SessionHarness, digest, image_facts, pixels


@pytest.fixture
def session(fake_session: SessionHarness) -> SessionHarness:
    """A session on the fake engine with two LoRAs and a mask."""
    root = fake_session.folder / "root"
    for path in ("loras/grain.safetensors", "loras/sub/ink.safetensors"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(path.encode())
    disc(96, 64, 0.05).save("mask.png")
    drawing(300, 200).save("photo.png")
    drawing(96, 64).save("sketch.png")
    return fake_session


@pytest.mark.parametrize(
    ("switches", "expected"),
    [
        ("-U 2", {"tool": "upscale", "factor": 2.0, "kind": "resampling", "upscaler": "Lanczos",
                  "detail": {"strength": 0.25, "steps": 1}}),
        ("-U 3 0", {"tool": "upscale", "factor": 3.0, "kind": "resampling", "upscaler": "Lanczos",
                    "detail": {"strength": 0.0, "steps": 0}}),
        ("-I photo.png --match_colors chroma:sketch.png",
         {"tool": "match_colors", "method": "chroma", "image": "sketch.png"}),
    ],
)  # fmt: skip
def test_postprocessing_is_recorded(session: SessionHarness, switches: str, expected: dict[str, Any]) -> None:
    (path,) = session.draw(f"a cat -s4 -S1 {switches}")
    assert image_facts(path)["postprocessing"] == [expected]
    if expected["tool"] == "upscale":
        assert f"Postprocess upscaler: {expected['upscaler']}" in read_chunks(path)["parameters"]
    assert session.run(f"!verify {path}") is Outcome.OK and "identical" in session.messages, session.messages
    (plain,) = session.draw("a cat -s4 -S1")
    assert image_facts(plain)["postprocessing"] is None


def test_a_network_is_recorded_with_its_blend_ratio() -> None:
    network = NetworkFile(name="sharp4x.pth", reference="nets/sharp4x.pth", path=Path("x"), sha256="ab")
    step = Enlarging(factor=2.0, network=network, share=0.4)
    expected = {"tool": "upscale", "factor": 2.0, "kind": "network", "upscaler": "sharp4x.pth", "blend": 0.4}
    assert Postprocessing(steps=(step,)).facts() == [expected]


def test_loras_of_the_prompt_are_recorded_like_those_of_the_switch(session: SessionHarness) -> None:
    (path,) = session.draw("a cat <lora:grain:0.6> --lora ink:.3 -s2 -S1")
    assert image_facts(path)["loras"] == [
        {"name": "ink", "weight": 0.3},
        {"name": "grain", "weight": 0.6, "in_prompt": True},
    ]
    assert "LoRA ink 0.3, LoRA grain 0.6" in session.of(Planned)[0].text
    text = read_chunks(path)["parameters"]
    assert text.startswith("a cat <lora:ink:0.3> <lora:grain:0.6>\n")
    grain, ink = (digest(session.folder / "root/loras" / name)[:10] for name in GRAIN_AND_INK)
    assert f'Lora hashes: "ink: {ink}, grain: {grain}"' in text
    assert session.run(f"!verify {path}") is Outcome.OK and "identical" in session.messages, session.messages
    session.run(f"!fetch {path}")
    assert session.prefills[0].count("grain") == 1, "a LoRA of the prompt does not become a switch, too"
    (again,) = session.draw(f"!replay {path}")
    assert pixels(again) == pixels(path) and image_facts(again)["loras"] == image_facts(path)["loras"]


GRAIN_AND_INK = ("grain.safetensors", "sub/ink.safetensors")


def test_private_images_name_no_loras(session: SessionHarness) -> None:
    (path,) = session.draw("a cat <lora:grain:0.6> --lora ink:.3 -s2 -S1 --private")
    assert not any(name in text for text in read_chunks(path).values() for name in ("grain", "ink:"))


def test_the_way_of_inpainting_is_recorded(session: SessionHarness) -> None:
    (whole,) = session.draw("a cat -I photo.png -M mask.png -s2 -S1 -W 96 -H 64")
    assert image_facts(whole)["inpainting"] == {"model": "ordinary", "window": None, "passes": 1}
    (window,) = session.draw("a cat -I photo.png -M mask.png -s2 -S1")
    facts = image_facts(window)["inpainting"]
    assert isinstance(facts, dict)
    left, top, right, bottom = facts["window"]
    assert 0 < left < right < 300 and 0 < top < bottom < 200
    (outcrop,) = session.draw("a cat -I photo.png -c right 90 -s2 -S1")
    assert image_facts(outcrop)["inpainting"]["passes"] > 1  # type: ignore[index]
    (image,) = session.draw("a cat -I photo.png -s2 -S1")
    assert "inpainting" not in image_facts(image)
    assert session.run(f"!verify {whole} {window} {outcrop}") is Outcome.OK, session.messages


def test_an_inpainting_model_is_recorded_as_such(real_session: SessionHarness, tiny_inpainting_model: Path) -> None:
    drawing(96, 64).save("sketch.png")
    disc(96, 64).save("mask.png")
    (path,) = real_session.draw(f"a cat -I sketch.png -M mask.png -s2 -S1 -m {tiny_inpainting_model}")
    assert image_facts(path)["inpainting"]["model"] == "inpainting"  # type: ignore[index]


def test_eta_is_recorded_for_a_sampler_that_ignores_it(session: SessionHarness) -> None:
    (path,) = session.draw("a cat -s2 -S1 -A k_euler --eta .5")
    assert image_facts(path)["eta"] == 0.5 and "--eta 0.5" in session.saved[0].line
    assert any("--eta has no effect" in text for text in session.notices)


def test_lora_entries_that_are_damaged_are_listed(session: SessionHarness) -> None:
    (path,) = session.draw("a cat <lora:grain:0.6> -s2 -S1")
    from tests.replay.test_verify_and_replay import rewrite

    for loras in ("film", [{"in_prompt": True}], [{"name": 3}], [None], {"name": "x"}):
        rewrite(path, loras=loras)
        assert session.run(f"!info {path}") is Outcome.OK, json.dumps(loras)


def test_the_toolbar_shows_the_loras_of_the_line(session: SessionHarness) -> None:
    settings = session.session.context.settings
    assert isinstance(settings, Settings)
    toolbar = Toolbar(settings, TokenCounter(settings))
    assert "LoRA" not in toolbar.fragments("a cat")[0][1]
    assert "LoRA grain 0.6" in toolbar.fragments("a cat <lora:grain:0.6>")[0][1]
    assert "LoRA ink 0.3, grain 0.6" in toolbar.fragments("a cat withLora(grain,0.6) --lora ink:.3")[0][1]
    session.run("!set --lora ink:.5")
    toolbar.refresh(session.session)
    assert "LoRA ink 0.5" in toolbar.fragments("a cat")[0][1]
