"""Written metadata is readable by A1111's rules, by InvokeAI 2.x's, and as XML."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from invoke_cli.imaging.sizes import Size
from invoke_cli.language.grammar.quotes import escape
from invoke_cli.metadata import codecs
from invoke_cli.metadata.containers import xmp
from invoke_cli.models.samplers import sampler_names
from invoke_cli.planning.plan import ImagePlan
from invoke_cli.request import GenerationRequest, Variation
from tests import strategies
from tests.sample_records import INIT, record

IPTC = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
CREATOR = "{http://ns.adobe.com/xap/1.0/}CreatorTool"


def pairs_by_a1111(line: str) -> dict[str, str]:
    """Parse pairs as A1111 does: a key of letters, digits, spaces, `-` and `/`; a JSON string or up to a comma."""
    found: dict[str, str] = {}
    position = 0
    while position < len(line):
        colon = line.find(":", position)
        key = line[position:colon].strip()
        if colon < 0 or not key or not all(char.isalnum() or char in "_ -/" for char in key):
            position = line.find(",", position) + 1 or len(line)
            continue
        rest = line[colon + 1 :].lstrip()
        start = len(line) - len(rest)
        if rest.startswith('"'):
            value, length = json.JSONDecoder().raw_decode(rest)
            found[key], position = value, start + length + 1
        else:
            comma = line.find(",", start)
            end = len(line) if comma < 0 else comma
            found[key], position = line[start:end].strip(), end + 1
    return found


def read_by_a1111(text: str) -> dict[str, str]:
    """Parse as A1111 does: parameters need three pairs; `Negative prompt:` begins a section; `AxB` is split."""
    *lines, last = text.strip().split("\n")
    pairs = pairs_by_a1111(last)
    if len(pairs) < 3:
        lines, pairs = [*lines, last], {}
    prompts: dict[str, list[str]] = {"Prompt": [], "Negative prompt": []}
    into = "Prompt"
    for line in map(str.strip, lines):
        if line.startswith("Negative prompt:"):
            into, line = "Negative prompt", line[16:].strip()
        prompts[into].append(line)
    for key in ("Size",):
        width, _, height = pairs.get(key, "x").partition("x")
        pairs |= {f"{key}-1": width, f"{key}-2": height}
    defaults = {"Clip skip": "1", "Schedule type": "Automatic", "RNG": "GPU"}
    return {**defaults, **pairs, **{name: "\n".join(part).strip() for name, part in prompts.items()}}


def text_by_a1111(prompt: str) -> str:
    """Return the text that A1111 makes of a prompt, in which a backslash escapes a bracket or a backslash."""
    signs: list[str] = []
    position = 0
    while position < len(prompt):
        if prompt[position] == "\\" and prompt[position + 1 : position + 2] in tuple("\\()[]"):
            position += 1
        elif prompt[position] in "()[]":
            signs.append("weight")
        signs.append(prompt[position])
        position += 1
    return "".join(signs)


def stripped(text: str) -> str:
    return "\n".join(line.strip() for line in text.split("\n")).strip()


@settings(max_examples=200)
@given(strategies.plain_text, strategies.plain_text)
def test_any_prompt_is_read_back_by_a1111_s_rules(prompt: str, negative: str) -> None:
    written = record(GenerationRequest(prompt=escape(prompt), negative_prompt=escape(negative)))
    found = read_by_a1111(codecs.encode(written)["parameters"])
    assert text_by_a1111(found["Prompt"]) == stripped(written.plan.prompt.positive)
    assert text_by_a1111(found["Negative prompt"]) == stripped(written.plan.prompt.negative)
    assert found["Seed"] == "5" and found["Steps"] == "30"


@pytest.mark.feature("clip-skip")
def test_numbers_follow_a1111_s_conventions() -> None:
    request = GenerationRequest(
        num_inference_steps=12, guidance_scale=6.5, strength=0.4, clip_skip=1, seamless=True, guidance_rescale=0.7,
        scheduler="dpmpp_2m_k",
    )  # fmt: skip
    written = record(request, INIT)
    written = replace(written, image=ImagePlan(seed=5, variations=(Variation(7, 0.2),)))
    found = read_by_a1111(codecs.encode(written)["parameters"])
    expected = {
        "Steps": "12", "CFG scale": "6.5", "Denoising strength": "0.4", "Clip skip": "2", "Tiling": "True", "Seed": "5",
        "Sampler": "DPM++ 2M", "Schedule type": "Karras", "Variation seed": "7", "Variation seed strength": "0.2",
        "Size-1": str(written.size.width), "Size-2": str(written.size.height), "Model": "tiny", "Model hash": "ef" * 5,
        "RNG": "CPU",
    }  # fmt: skip
    assert {key: found[key] for key in expected} == expected


def test_text_to_image_has_no_denoising_strength() -> None:
    found = read_by_a1111(codecs.encode(record(GenerationRequest(strength=0.4)))["parameters"])
    assert "Denoising strength" not in found and found["Clip skip"] == "1"


# The samplers of A1111, including those whose default schedule differs from the plain one.
OF_A1111 = {
    "DDIM", "PLMS", "LMS", "Euler", "Euler a", "Heun", "DPM2", "DPM2 a", "DPM++ 2M", "DPM++ 2M SDE",
    "DPM++ 2M SDE Heun", "DPM++ 3M SDE", "DPM++ 2S a", "DPM++ SDE", "UniPC", "LCM",
}  # fmt: skip
UNKNOWN_THERE = {"DDPM", "DEIS", "TCD"}
SCHEDULES_OF_A1111 = {"Automatic", "Uniform", "Karras", "Exponential", "SGM Uniform", "Beta"}


@pytest.mark.parametrize("sampler", [*sampler_names(), "k_euler_exponential", "k_euler_trailing", "k_dpmpp_2_beta"])
def test_samplers_have_a1111_s_names(sampler: str) -> None:
    found = read_by_a1111(codecs.encode(record(GenerationRequest(scheduler=sampler)))["parameters"])
    assert found["Sampler"] in OF_A1111 | UNKNOWN_THERE
    assert found["Schedule type"] in SCHEDULES_OF_A1111


def read_by_invokeai_2(document: dict[str, Any]) -> dict[str, Any]:
    """Parse as InvokeAI 2 does: `image` or `images`, weighted parts joined, the strength in `strength_steps`."""
    image = dict(document["images"][0] if "images" in document else document["image"])
    parts = image["prompt"]
    joined = parts[0]["prompt"] if len(parts) == 1 else ", ".join(f"{p['prompt']}:{p['weight']}" for p in parts)
    image["prompt"] = joined
    if "strength_steps" in image:
        image["strength"] = image.pop("strength_steps")
    image["with_variations"] = [[v["seed"], v["weight"]] for v in image["variations"]]
    return image


def test_invokeai_2_reads_our_json() -> None:
    written = record(GenerationRequest(num_inference_steps=12, strength=0.4, perlin=0.1, scheduler="k_euler"), INIT)
    written = replace(written, image=ImagePlan(seed=5, variations=(Variation(7, 0.2),)))
    document = json.loads(codecs.encode(written)["sd-metadata"])
    assert {"model", "model_id", "model_hash", "app_id", "app_version", "image"} <= document.keys()
    found = read_by_invokeai_2(document)
    expected = {
        "type": "img2img", "prompt": "a cat", "seed": 5, "steps": 12, "cfg_scale": 7.5, "sampler": "k_euler",
        "strength": 0.4, "with_variations": [[7, 0.2]], "perlin": 0.1, "threshold": 0, "orig_hash": INIT.sha256,
        "postprocessing": None,
    }  # fmt: skip
    assert {key: found[key] for key in expected} == expected
    plain = read_by_invokeai_2(json.loads(codecs.encode(record(GenerationRequest()))["sd-metadata"]))
    assert (plain["type"], plain["width"], plain["height"]) == ("txt2img", 512, 512)
    assert "strength" not in plain, "InvokeAI 2 has no strength for text to image"


def properties(request: GenerationRequest, **init: Any) -> dict[str, str]:
    written = record(request, replace(INIT, **init) if init else None)
    packet = codecs.encode(written)[xmp.KEYWORD]
    return dict(ElementTree.fromstring(packet.split("?>", 1)[1].rsplit("<?", 1)[0])[0][0].attrib)


def code(request: GenerationRequest, **init: Any) -> str:
    return properties(request, **init).get(f"{IPTC}DigitalSourceType", "").removeprefix(xmp.SOURCE_TYPES)


def test_xmp_has_iptc_s_fields_for_generated_images() -> None:
    found = properties(GenerationRequest(prompt='a "cat" & <dog>', negative_prompt="ugly"))
    assert found[f"{IPTC}AISystemUsed"] == "tiny"
    assert found[f"{IPTC}AISystemVersionUsed"] == "sha256:efefefefef"
    assert found[f"{IPTC}AIPromptInformation"].split() == ["a", '"cat"', "&", "<dog>", "Negative", "prompt:", "ugly"]
    assert found[CREATOR].startswith("invoke-cli")
    assert f"{IPTC}AIPromptWriterName" not in found, "the prompt's author is private"


def test_the_digital_source_type_depends_on_the_mode() -> None:
    trained, composite = "trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"
    size = Size(640, 480)
    assert code(GenerationRequest()) == trained
    assert code(GenerationRequest(strength=0.5), size=size) == composite
    assert code(GenerationRequest(strength=1.0), size=size) == trained
    assert code(GenerationRequest(strength=0.5), size=size, generated=True) == trained
    assert code(GenerationRequest(strength=0.0), size=size, generated=True) == trained
    assert code(GenerationRequest(strength=0.0), source_type="digitalCapture") == "digitalCapture"
    assert code(GenerationRequest(strength=0.5), source_type="digitalCapture") == composite


def test_an_image_of_strength_0_claims_no_source_type() -> None:
    found = properties(GenerationRequest(strength=0.0), size=Size(640, 480))
    assert set(found) - {"{http://www.w3.org/1999/02/22-rdf-syntax-ns#}about"} == {CREATOR}


def test_a_private_image_keeps_its_source_type_and_hides_its_prompts() -> None:
    found = properties(GenerationRequest(prompt="secret", negative_prompt="hidden", private=True))
    assert found[f"{IPTC}DigitalSourceType"].endswith("trainedAlgorithmicMedia")
    assert "secret" not in str(found) and "hidden" not in str(found)
