"""Metadata: law 6 (decode undoes encode), InvokeAI's dialects, A1111's rules, hostile files."""

from __future__ import annotations

import json
import struct
import xml.etree.ElementTree as ElementTree
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from invoke_cli import metadata
from invoke_cli.errors import MetadataError, PlanError, PromptError
from invoke_cli.imaging.png_chunks import SIGNATURE
from invoke_cli.imaging.sizes import Size
from invoke_cli.language.formatting import format_line
from invoke_cli.language.quoting import escape
from invoke_cli.language.showing import harmless
from invoke_cli.language.switches import SWITCHES, program_defaults
from invoke_cli.metadata import xmp
from invoke_cli.metadata.chunks import parse_chunks
from invoke_cli.metadata.codec import Batch, Codec, Record
from invoke_cli.metadata.infotext import split_parameters
from invoke_cli.metadata.invokeai_reading import APP_ID
from invoke_cli.models.families import family_named
from invoke_cli.models.folder import ModelFacts
from invoke_cli.models.samplers import sampler_names
from invoke_cli.planning.inputs import PlanInputs
from invoke_cli.planning.making import make_plan
from invoke_cli.planning.plan import InitFacts
from invoke_cli.planning.recording import recorded_request
from invoke_cli.request import GenerationRequest, overlay
from tests import strategies
from tests.unit.test_recall_hostile import KEYS

FACTS = ModelFacts(
    family=family_named("stable-diffusion"),
    folder=Path("x"),
    size=512,
    scheduler="PNDMScheduler",
    prediction_type="epsilon",
    weights=(),
)
INIT = InitFacts(name="sketch.png", reference="pics/sketch.png", sha256="ab" * 32, size=Size(640, 480))


def record(request: GenerationRequest, init: InitFacts | None = None) -> Record:
    base = overlay(program_defaults(), GenerationRequest(scheduler="k_lms", prompt="a cat"))
    inputs = PlanInputs(request=overlay(base, request), model="tiny", facts=FACTS, draw_seed=lambda: 5, init=init)
    plan = make_plan(inputs)
    return Record(
        plan=plan, image=plan.images[0], size=plan.result_size, pixel_sha256="cd" * 32, program=APP_ID, version="0.1.0",
        model_sha256="ef" * 32, environment={"torch": "2.13.0", "threads": 2},
        batch=Batch(seeds=(plan.images[0].seed,)),
    )  # fmt: skip


def plain(text: str) -> str:
    """Words as prompt source, blanks at the ends of lines aside."""
    return escape("\n".join(line.strip() for line in text.split("\n")).strip())


def wanted(codec: Codec, made: Record, field: str) -> object:
    """What a format must give back: ours all that makes the picture again, A1111's what the picture shows."""
    plan, image = made.plan, made.image
    recorded = getattr(recorded_request(plan, image, by_name=True), field)
    if codec.name != "A1111":
        return recorded
    shown = {
        "prompt": plain(plan.prompt.positive),
        "negative_prompt": plain(plan.prompt.negative) or None,
        "scheduler": plan.sampler.name,
        "width": plan.drawn_size.width,
        "height": plan.drawn_size.height,
    }
    return shown.get(field, recorded)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(strategies.requests(), st.booleans(), st.sampled_from([*sampler_names(), "k_euler_beta", "deis_exponential"]))
def test_law_6_decode_undoes_encode(request: GenerationRequest, with_init: bool, sampler: str) -> None:
    clean = replace(
        request, private=None, no_metadata=None, preview="off", init_image=None, seeds=None, num_images=None
    )
    clean = replace(clean, scheduler=sampler, variation_amount=None)
    try:
        made = record(clean, INIT if with_init else None)
    except (PlanError, PromptError):
        return
    for codec in metadata.CODECS:
        chunks = codec.encode(made)
        assert bool(chunks) == bool(codec.fields)
        if chunks:
            recalled = codec.decode(chunks)
            for field in codec.fields:
                assert getattr(recalled.request, field) == wanted(codec, made, field), field
            assert not recalled.conflicts


def test_every_format_that_is_written_declares_what_it_carries() -> None:
    declared = {codec.name: codec.fields for codec in metadata.CODECS if codec.fields}
    assert set(declared) == {"InvokeAI 2", "A1111"}
    assert declared["InvokeAI 2"] == {row.field for row in SWITCHES if row.recorded}
    assert len(declared["A1111"]) >= 12


def test_law_6_what_only_we_record_comes_back() -> None:
    made = record(GenerationRequest(num_inference_steps=10, strength=0.7), INIT)
    chunks = metadata.encode(made)
    assert list(chunks) == ["Dream", "sd-metadata", "parameters", xmp.KEYWORD]
    recalled = metadata.decode(chunks)
    assert recalled is not None and recalled.made is not None
    assert recalled.made.pixel_sha256 == made.pixel_sha256
    assert recalled.made.inputs[-1][0] == INIT.sha256
    assert recalled.made.environment == made.environment
    assert recalled.made.batch == made.batch
    document = json.loads(chunks["sd-metadata"])
    assert {key: document["image"][key] for key in ("steps", "steps_scheduled", "steps_real")} == {
        "steps": 10, "steps_scheduled": 10, "steps_real": 7,
    }  # fmt: skip
    assert "pics" not in json.dumps(chunks), "a path has leaked"


def test_c11_real_steps_are_recorded() -> None:
    made = record(GenerationRequest(real_steps=20, strength=0.4), INIT)
    image = json.loads(metadata.encode(made)["sd-metadata"])["image"]
    assert (image["real_steps"], image["steps_scheduled"], image["steps_real"], image["steps"]) == (20, 50, 20, 50)


def test_a_private_record_holds_no_words() -> None:
    request = GenerationRequest(prompt="my secret [hidden]", negative_prompt="unsaid", private=True)
    text = json.dumps(metadata.encode(record(request, INIT)))
    for word in ("secret", "hidden", "unsaid", "sketch"):
        assert word not in text
    assert "trainedAlgorithmicMedia" in text or "TrainedAlgorithmicMedia" in text


@given(strategies.plain_text.filter(lambda text: '"' not in text))
def test_the_xmp_packet_is_xml(text: str) -> None:
    made = record(GenerationRequest(prompt=escape(text)))
    root = ElementTree.fromstring(xmp.packet(made).split("?>", 1)[1].rsplit("<?", 1)[0])
    description = root[0][0]
    assert description.attrib["{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"].endswith(
        "trainedAlgorithmicMedia"
    )


def test_the_source_type_follows_the_mode() -> None:
    foreign, ours = INIT, replace(INIT, generated=True)
    assert xmp.digital_source_type(record(GenerationRequest())) == "trainedAlgorithmicMedia"
    assert xmp.digital_source_type(record(GenerationRequest(strength=0.5), foreign)).startswith("composite")
    assert xmp.digital_source_type(record(GenerationRequest(strength=1.0), foreign)) == "trainedAlgorithmicMedia"
    assert xmp.digital_source_type(record(GenerationRequest(strength=0.5), ours)) == "trainedAlgorithmicMedia"


# -- InvokeAI's own, from the facts of its files ---------------------------------------------------------

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
    recalled = metadata.decode({"Dream": dream, "sd-metadata": json.dumps(V2)})
    assert recalled is not None
    line = "fire -s 29 -S 1592514025 -W 384 -H 384 -C 7.5 -A ddim -I /tmp/fire-drawing.png -f 0.7"
    assert format_line([recalled.request]) == line
    assert recalled.conflicts == ("sampler: Dream says k_lms, sd-metadata says ddim",)
    assert recalled.facts["model"] == "stable-diffusion-1.4"
    assert recalled.made is None


@pytest.mark.parametrize(
    ("dream", "line", "left_out"),
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
def test_dream_lines_of_all_ages(dream: str, line: str, left_out: tuple[str, ...]) -> None:
    recalled = metadata.decode({"Dream": dream})
    assert recalled is not None
    assert format_line([recalled.request]) == line
    assert recalled.missing == left_out


def test_json_without_a_dream_line() -> None:
    document = {**V2, "image": {**V2["image"], "facetool_strength": 0.8, "upscale": [2, 0.75], "prompt": "plain text"}}  # type: ignore[dict-item]
    recalled = metadata.decode({"sd-metadata": json.dumps(document)})
    assert recalled is not None
    assert recalled.request.prompt == "plain text"
    assert (recalled.request.facetool_strength, recalled.request.upscale) == (0.8, (2, 0.75))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"image": 5}', "null", "[" * 5000])
def test_damaged_json_is_told(text: str) -> None:
    with pytest.raises(MetadataError):
        metadata.decode({"sd-metadata": text})
    recalled = metadata.decode({"sd-metadata": text, "Dream": "a cat -s 5"})
    assert recalled is not None and recalled.request.num_inference_steps == 5


# -- A1111 -----------------------------------------------------------------------------------------------

PARAMETERS = """a castle, (stone:1.2)
on a hill
Negative prompt: blurry, [dark]
Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 965400086, Size: 512x768, \
Model hash: 45dee52b2e, Model: v1-5, Denoising strength: 0.6, Clip skip: 2, Style: "4x, sharp", \
Version: v1.10.1"""


def test_a1111_text_becomes_a_line() -> None:
    recalled = metadata.decode({"parameters": PARAMETERS})
    assert recalled is not None
    request = recalled.request
    assert (request.num_inference_steps, request.guidance_scale, request.seeds) == (20, 7, (965400086,))
    assert (request.width, request.height, request.strength) == (512, 768, 0.6)
    assert request.scheduler == "dpmpp_2m_k"
    assert request.prompt == "a castle, \\(stone:1.2\\)\\non a hill"
    assert request.negative_prompt == "blurry, \\[dark\\]"
    assert request.clip_skip == 1, "A1111 counts from 1"
    assert "(stone:1.2) stays text" in recalled.missing
    assert recalled.facts["model"] == "v1-5"


def test_a1111_a_last_line_of_fewer_than_three_pairs_is_prompt() -> None:
    assert split_parameters("a cat\nSteps: 20, Seed: 5")[2] == {}
    assert split_parameters("a cat\nSteps: 20, Seed: 5, Size: 8x8")[2]["Seed"] == "5"


def test_what_we_write_parses_by_a1111_s_rules() -> None:
    made = record(GenerationRequest(prompt="a cat, sitting: still [dog]", scheduler="dpmpp_2m_k", strength=0.5), INIT)
    prompt, negative, pairs = split_parameters(metadata.encode(made)["parameters"])
    assert (prompt, negative) == ("a cat, sitting: still", "dog")
    assert pairs["Sampler"] == "DPM++ 2M" and pairs["Schedule type"] == "Karras"
    assert pairs["Size"] == str(made.size) and pairs["Denoising strength"] == "0.5"


# -- containers ------------------------------------------------------------------------------------------


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    parts = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    ]
    return SIGNATURE + b"".join(parts)


def test_text_chunks_of_every_kind_before_and_after_the_pixels() -> None:
    data = png(
        (b"IHDR", b"\0" * 13),
        (b"tEXt", b"Dream\0caf\xe9"),
        (b"IDAT", b"\0\0"),
        (b"zTXt", b"parameters\0\0" + zlib.compress(b"a cat")),
        (b"iTXt", b"Title\0\0\0\0\0" + "漢字".encode()),
        (b"iTXt", b"Zipped\0\1\0\0\0" + zlib.compress("żółw".encode())),
        (b"tEXt", "Utf\0naïve".encode()),
        (b"IEND", b""),
    )
    found = parse_chunks(data)
    assert found == {"Dream": "café", "parameters": "a cat", "Title": "漢字", "Zipped": "żółw", "Utf": "naïve"}


def test_a_bomb_of_text_is_left_alone() -> None:
    bomb = zlib.compress(b"\0" * 50_000_000)
    assert parse_chunks(png((b"zTXt", b"Dream\0\0" + bomb), (b"iTXt", b"A\0\1\0\0\0" + bomb))) == {}


@given(st.binary(max_size=300))
def test_any_bytes_are_survived(data: bytes) -> None:
    assert isinstance(parse_chunks(SIGNATURE + data), dict)


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from(KEYS), st.text(max_size=200), min_size=1))
def test_any_text_is_survived(chunks: dict[str, str]) -> None:
    try:
        recalled = metadata.decode(chunks)
    except MetadataError:
        return
    assert recalled is None or recalled.request is not None


def test_foreign_text_cannot_drive_a_terminal() -> None:
    assert (
        harmless("a\x1b[31mb\x07c\x9b\nd")
        == "a\N{REPLACEMENT CHARACTER}[31mb\N{REPLACEMENT CHARACTER}c\N{REPLACEMENT CHARACTER}\nd"
    )
