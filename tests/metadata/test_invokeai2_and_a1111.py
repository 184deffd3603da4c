"""InvokeAI 2's lines and JSON and A1111's text, as other programs wrote them."""

from __future__ import annotations

import json

import pytest

from invoke_cli.errors import MetadataError
from invoke_cli.language.grammar.format import format_line
from invoke_cli.metadata import codecs
from invoke_cli.metadata.formats.infotext import split_parameters
from invoke_cli.request import GenerationRequest
from tests.sample_records import INIT, record

# -- InvokeAI 2 -------------------------------------------------------------------------------------------


V2 = {
    "model": "stable diffusion", "model_id": "stable-diffusion-1.4", "app_id": "lstein/stable-diffusion",
    "app_version": "v1.15",
    "image": {
        "seed": 1592514025, "height": 384, "steps": 29, "prompt": [{"prompt": "fire", "weight": 1.0}], "width": 384,
        "cfg_scale": 7.5, "postprocessing": None, "sampler": "ddim", "variations": [], "type": "img2img",
        "strength_steps": 0.7, "orig_hash": "4e",
    },
}  # fmt: skip


def test_both_chunks_are_merged_and_the_json_wins() -> None:
    dream = '"fire" -s 29 -S 1592514025 -W 384 -H 384 -C 7.5 -I /tmp/fire-drawing.png -A k_lms -f 0.7'
    recalled = codecs.decode({"Dream": dream, "sd-metadata": json.dumps(V2)})
    assert recalled is not None
    line = "fire -s 29 -S 1592514025 -W 384 -H 384 -C 7.5 -A ddim -I /tmp/fire-drawing.png -f 0.7"
    assert format_line([recalled.request]) == line
    assert recalled.conflicts == ("sampler: Dream has k_lms, sd-metadata has ddim",)
    assert recalled.facts["model"] == "stable-diffusion-1.4"
    assert recalled.provenance is None


@pytest.mark.parametrize(
    ("dream", "line", "unsupported"),
    [
        (
            '"lucy lawless, warrior" -s50 -W512 -H512 -C7.5 -Ak_lms -V 3647897225,0.1;1614299449,0.1 -S3357757885',
            "lucy lawless, warrior -s 50 -S 3357757885 -W 512 -H 512 -C 7.5 -A k_lms -V 3647897225:0.1,1614299449:0.1",
            (),
        ),
        (
            "a cat -s 50 -S 5 --perlin 0.1 -A k_lms -G 0.8 -ft gfpgan -U 2.0 0.75 # model_id=sd-1.5",
            "a cat -s 50 -S 5 -A k_lms --perlin 0.1 -G 0.8 -ft gfpgan -U 2 0.75",
            (),
        ),
        ("a cat -s 20 --seamless --hires_fix", "a cat -s 20 --seamless --hires_fix", ()),
    ],
)
def test_dream_lines_of_all_versions_are_read(dream: str, line: str, unsupported: tuple[str, ...]) -> None:
    recalled = codecs.decode({"Dream": dream})
    assert recalled is not None
    assert format_line([recalled.request]) == line
    assert recalled.missing == unsupported


def test_json_without_a_dream_line_is_read() -> None:
    document = {**V2, "image": {**V2["image"], "facetool_strength": 0.8, "upscale": [2, 0.75], "prompt": "plain text"}}  # type: ignore[dict-item]
    recalled = codecs.decode({"sd-metadata": json.dumps(document)})
    assert recalled is not None
    assert recalled.request.prompt == "plain text"
    assert (recalled.request.facetool_strength, recalled.request.upscale) == (0.8, (2, 0.75))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"image": 5}', "null", "[" * 5000])
def test_damaged_json_is_an_error_unless_a_dream_line_can_be_read(text: str) -> None:
    with pytest.raises(MetadataError):
        codecs.decode({"sd-metadata": text})
    recalled = codecs.decode({"sd-metadata": text, "Dream": "a cat -s 5"})
    assert recalled is not None and recalled.request.num_inference_steps == 5


# -- A1111 -----------------------------------------------------------------------------------------------


PARAMETERS = """a castle, (stone:1.2)
on a hill
Negative prompt: blurry, [dark]
Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 965400086, Size: 512x768, \
Model hash: 45dee52b2e, Model: v1-5, Denoising strength: 0.6, Clip skip: 2, Style: "4x, sharp", \
Version: v1.10.1"""


def test_a1111_text_is_converted_to_a_request() -> None:
    recalled = codecs.decode({"parameters": PARAMETERS})
    assert recalled is not None
    request = recalled.request
    assert (request.num_inference_steps, request.guidance_scale, request.seeds) == (20, 7, (965400086,))
    assert (request.width, request.height, request.strength) == (512, 768, 0.6)
    assert request.scheduler == "dpmpp_2m_k"
    assert request.prompt == "a castle, \\(stone:1.2\\)\\non a hill"
    assert request.negative_prompt == "blurry, \\[dark\\]"
    assert request.clip_skip == 1, "A1111 counts from 1"
    assert "(stone:1.2) was kept as text" in recalled.missing
    assert recalled.facts["model"] == "v1-5"


def test_a_last_line_of_fewer_than_three_pairs_is_prompt_text() -> None:
    assert split_parameters("a cat\nSteps: 20, Seed: 5")[2] == {}
    assert split_parameters("a cat\nSteps: 20, Seed: 5, Size: 8x8")[2]["Seed"] == "5"


def test_written_parameters_parse_by_a1111_s_rules() -> None:
    written = record(
        GenerationRequest(prompt="a cat, sitting: still [dog]", scheduler="dpmpp_2m_k", strength=0.5), INIT
    )
    prompt, negative, pairs = split_parameters(codecs.encode(written)["parameters"])
    assert (prompt, negative) == ("a cat, sitting: still", "dog")
    assert pairs["Sampler"] == "DPM++ 2M" and pairs["Schedule type"] == "Karras"
    assert pairs["Size"] == str(written.size) and pairs["Denoising strength"] == "0.5"


# -- lines of InvokeAI that need care ---------------------------------------------------------------------


def recalled_line(dream: str | None = None, **image: object) -> tuple[str, tuple[str, ...]]:
    """Return the line and what is missing of an image of InvokeAI with these chunks."""
    chunks = {"Dream": dream} if dream else {}
    if image:
        chunks["sd-metadata"] = json.dumps({"app_id": "invoke-ai/InvokeAI", "image": image})
    found = codecs.decode(chunks)
    assert found is not None
    return format_line(found.stages), found.missing


PARTS = [{"prompt": "the train at 7", "weight": 0.5}, {"prompt": "sharp", "weight": 0.25}]


def test_a_prompt_with_colons_keeps_its_text_or_becomes_a_blend() -> None:
    line, _ = recalled_line("the train at 7:45, sharp -s 9 -S 3", prompt=PARTS, steps=9, seed=3)
    assert line == "the train at 7:45, sharp -s 9 -S 3"
    line, _ = recalled_line(prompt=PARTS, steps=9, seed=3)
    assert line == '("the train at 7","sharp").blend(0.5,0.25) -s 9 -S 3'


def test_the_sampler_of_version_1_is_not_taken_for_a_model() -> None:
    assert recalled_line('"a cat" -s9 -S3 -mplms') == ("a cat -s 9 -S 3 -A plms", ())


def test_an_embedded_image_is_reported_and_not_put_into_the_line() -> None:
    line, missing = recalled_line(f"a cat -s 9 -I data:image/jpeg;base64,{'Qk1+/' * 30_000}== -f 0.5 -S 3")
    assert line == "a cat -s 9 -S 3 -f 0.5"
    assert "init image" in missing[0]


def test_names_with_blanks_are_read_without_quotes() -> None:
    line, missing = recalled_line("a cat -s 9 -I /home/me/my best photo.png -M the mask (2).png -S 3 -A k_lms")
    assert line == 'a cat -s 9 -S 3 -A k_lms -I "/home/me/my best photo.png" -M "the mask (2).png"'
    assert missing == ()


@pytest.mark.parametrize("seed", [2**32, 1125899906842624, 2**63, 2**64 - 1])
def test_seeds_of_64_bits_are_recalled(seed: int) -> None:
    assert recalled_line(f"a cat -S {seed} -V {seed}:0.2")[0] == f"a cat -S {seed} -V {seed}:0.2"
    parsed = codecs.decode({"parameters": f"a cat\nSteps: 9, Seed: {seed}, Size: 64x64"})
    assert parsed is not None and parsed.request.seeds == (seed,)
