"""A1111's settings line: found wherever it stands, among the lines of extensions, with values of any shape."""

from __future__ import annotations

import time

import pytest

from invoke_cli.metadata import codecs
from invoke_cli.metadata.codec import ParsedMetadata
from invoke_cli.metadata.formats.infotext import split_parameters

SETTINGS = "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 512x768"
TEMPLATES = "Template: a {cat|dog}, Size: large\nin a basket\nNegative Template: {bad|ugly}"
CIVITAI = (
    'Civitai resources: [{"type":"checkpoint","modelName":"Dreamy, XL"},{"type":"lycoris","weight":0.35,'
    '"modelName":"Ink: \\"wet\\", slow"},{"type":"embedding","weight":1,"modelName":"BadHands"}]'
)


def parsed(text: str) -> ParsedMetadata:
    found = codecs.decode({"parameters": text})
    assert found is not None
    return found


@pytest.mark.parametrize(
    "text",
    [
        f"a cat\nNegative prompt: ugly\n{SETTINGS}\n{TEMPLATES}",
        f"a cat\nNegative prompt: ugly\n{TEMPLATES}\n{SETTINGS}",
        f'a cat\nNegative prompt: ugly\nTiled Diffusion: {{"Method": "Mixture, fast", "Tile": [96, 96]}}\n{SETTINGS}',
        f"a cat\nNegative prompt: ugly\n{SETTINGS}\nADetailer model: face.pt, ADetailer prompt: \"a face, 'smiling'\"",
        f"a cat\nNegative prompt: ugly\n{SETTINGS}, Style: [a, b], Saved by hand\n\nmade for a friend, with love",
        "a cat\nNegative prompt: ugly\nVersion: 1, Size: 512x768, Seed: 5, CFG scale: 7, Sampler: Euler a, Steps: 20",
        f"a cat Negative prompt: ugly {SETTINGS}",
        f"a cat\r\nNegative prompt: ugly\r\n{SETTINGS}\r\n",
        f"{SETTINGS}\na cat\nNegative prompt: ugly",
    ],
)
def test_settings_and_prompts_are_found_among_other_lines(text: str) -> None:
    request = parsed(text).request
    assert (request.prompt, request.negative_prompt) == ("a cat", "ugly")
    assert (request.num_inference_steps, request.seeds, request.guidance_scale) == (20, (5,), 7)
    assert (request.width, request.height, request.scheduler) == (512, 768, "k_euler_a")


def test_words_that_look_like_settings_stay_in_the_prompt() -> None:
    prompt = "Steps: up the hill, Seed: of doubt, Size: large\nModel: a woman, Sampler: silk, Steps: worn"
    assert parsed(f"{prompt}\n{SETTINGS}").request.prompt == prompt.replace("\n", "\\n")
    assert split_parameters(prompt)[2].get("Seed") is None


def test_a_text_without_prompts_has_only_settings() -> None:
    request = parsed(f"{SETTINGS}\nTemplate: a cat").request
    assert (request.prompt, request.negative_prompt, request.seeds) == ("", None, (5,))


def test_everything_else_is_reported_once_and_whole() -> None:
    found = parsed(
        f'a cat\n{SETTINGS}, Script: {{"a": "x, Seed: 9"}}, Note: "say \\"hi, Steps: 3\\""\n{TEMPLATES}\nbye'
    )
    assert found.request.seeds == (5,) and found.request.num_inference_steps == 20
    for text in ('Script: {"a": "x, Seed: 9"}', 'Note: say "hi, Steps: 3"', "Template: a {cat|dog}, Size: large in a"):
        assert any(text in entry for entry in found.missing), (text, found.missing)


def test_the_resources_of_a_site_are_model_loras_and_the_rest() -> None:
    found = parsed(f'a cat\n{SETTINGS}, {CIVITAI}, Lora hashes: "film: 0a1b2c, old: 3d4e5f", Civitai metadata: {{}}')
    assert found.facts["model"] == "Dreamy, XL"
    assert [(lora.name, lora.weight) for lora in found.loras] == [
        ('Ink: "wet", slow', 0.35), ("film", None), ("old", None)
    ]  # fmt: skip
    assert "embedding: BadHands at 1" in found.missing
    assert not any("Civitai" in text for text in found.missing)


@pytest.mark.parametrize(
    "value",
    [
        '[{"type":"checkpoint","modelName":"Dre',
        "[1, [2], null]",
        '[{"type": 5, "modelName": ["x"]}]',
        '"text"',
        "{",
        "[",
    ],
)
def test_damaged_resources_invent_nothing(value: str) -> None:
    found = parsed(f"a cat\n{SETTINGS}, Civitai resources: {value}")
    assert "model" not in found.facts and found.loras == ()
    assert found.request.seeds == (5,)


@pytest.mark.parametrize(
    "text", ["Steps: [, " * 400_000, 'Steps: {[a, b: "x' * 50_000, "Seed: 1, Size: 5x5\n" * 90_000]
)
def test_hostile_settings_cost_little(text: str) -> None:
    start = time.monotonic()
    split_parameters(text)
    assert time.monotonic() - start < 5
