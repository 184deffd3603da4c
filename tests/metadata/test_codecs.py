"""Metadata as we write it: law 6 (decode undoes encode), and what a record holds or keeps to itself."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

from hypothesis import given, reject, settings
from hypothesis import strategies as st

from invoke_cli import metadata
from invoke_cli.errors import PlanError, PromptError
from invoke_cli.language.grammar.quotes import escape
from invoke_cli.language.switches.table import SWITCHES
from invoke_cli.metadata.codec import Codec, Record
from invoke_cli.metadata.containers import xmp
from invoke_cli.models.samplers import sampler_names
from invoke_cli.planning.recorded_request import recorded_request
from invoke_cli.request import GenerationRequest
from tests import strategies
from tests.sample_records import INIT, record


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
        "width": plan.generated_size.width,
        "height": plan.generated_size.height,
    }
    return shown.get(field, recorded)


@settings(max_examples=300)
@given(strategies.requests(), st.booleans(), st.sampled_from([*sampler_names(), "k_euler_beta", "deis_exponential"]))
def test_law_6_decode_undoes_encode(request: GenerationRequest, with_init: bool, sampler: str) -> None:
    clean = replace(
        request, private=None, no_metadata=None, preview="off", init_image=None, seeds=None, num_images=None
    )
    clean = replace(clean, scheduler=sampler, variation_amount=None)
    try:
        made = record(clean, INIT if with_init else None)
    except (PlanError, PromptError):
        reject()  # of too many, Hypothesis would complain
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
    assert recalled is not None and recalled.provenance is not None
    assert recalled.provenance.pixel_sha256 == made.pixel_sha256
    assert recalled.provenance.inputs[-1][0] == INIT.sha256
    assert recalled.provenance.environment == made.environment
    assert recalled.provenance.batch == made.batch
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
