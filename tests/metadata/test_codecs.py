"""The metadata that is written: the guarantee "Codecs", and what a record contains or leaves out."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

from hypothesis import given, reject, settings
from hypothesis import strategies as st

from invoke_cli.errors import PlanError, PromptError
from invoke_cli.language.grammar.quotes import escape
from invoke_cli.language.switches.table import SWITCHES
from invoke_cli.metadata import codecs
from invoke_cli.metadata.codec import Codec, Record
from invoke_cli.metadata.containers import xmp
from invoke_cli.models.samplers import sampler_names
from invoke_cli.planning.recorded_request import recorded_request
from invoke_cli.request import GenerationRequest
from tests import strategies
from tests.sample_records import INIT, record


def plain(text: str) -> str:
    """Return text as prompt source, without spaces at the ends of lines."""
    return escape("\n".join(line.strip() for line in text.split("\n")).strip())


def expected_value(codec: Codec, written: Record, field: str) -> object:
    """Return the value that a codec must decode: the recorded one, or for A1111 the one that the image shows."""
    plan, image = written.plan, written.image
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
def test_codecs_decode_undoes_encode(request: GenerationRequest, with_init: bool, sampler: str) -> None:
    clean = replace(
        request, private=None, no_metadata=None, preview="off", init_image=None, seeds=None, num_images=None
    )
    clean = replace(clean, scheduler=sampler, variation_amount=None)
    try:
        written = record(clean, INIT if with_init else None)
    except (PlanError, PromptError):
        reject()  # a plan cannot be made of every request
    for codec in codecs.CODECS:
        chunks = codec.encode(written)
        assert bool(chunks) == bool(codec.fields)
        if chunks:
            recalled = codec.decode(chunks)
            for field in codec.fields:
                assert getattr(recalled.request, field) == expected_value(codec, written, field), field
            assert not recalled.conflicts
            assert not (recalled.missing and codec.name == "InvokeAI 2"), "nothing of our own is lost"


def test_every_written_format_declares_its_fields() -> None:
    declared = {codec.name: codec.fields for codec in codecs.CODECS if codec.fields}
    assert set(declared) == {"InvokeAI 2", "A1111"}
    assert declared["InvokeAI 2"] == {row.field for row in SWITCHES if row.recorded}
    assert len(declared["A1111"]) >= 12


def test_codecs_provenance_and_step_counts_are_decoded() -> None:
    written = record(GenerationRequest(num_inference_steps=10, strength=0.7), INIT)
    chunks = codecs.encode(written)
    assert list(chunks) == ["Dream", "sd-metadata", "parameters", xmp.KEYWORD]
    recalled = codecs.decode(chunks)
    assert recalled is not None and recalled.provenance is not None
    assert recalled.provenance.pixel_sha256 == written.pixel_sha256
    assert recalled.provenance.inputs[-1][0] == INIT.sha256
    assert recalled.provenance.environment == written.environment
    assert recalled.provenance.batch == written.batch
    document = json.loads(chunks["sd-metadata"])
    assert {key: document["image"][key] for key in ("steps", "steps_scheduled", "steps_real")} == {
        "steps": 10, "steps_scheduled": 10, "steps_real": 7,
    }  # fmt: skip
    assert "pics" not in json.dumps(chunks), "a path has leaked"


def test_real_steps_are_recorded() -> None:
    written = record(GenerationRequest(real_steps=20, strength=0.4), INIT)
    image = json.loads(codecs.encode(written)["sd-metadata"])["image"]
    assert (image["real_steps"], image["steps_scheduled"], image["steps_real"], image["steps"]) == (20, 50, 20, 50)


def test_a_private_record_contains_no_prompt_and_no_file_name() -> None:
    request = GenerationRequest(prompt="my secret [hidden]", negative_prompt="unsaid", private=True)
    text = json.dumps(codecs.encode(record(request, INIT)))
    for word in ("secret", "hidden", "unsaid", "sketch"):
        assert word not in text
    assert "trainedAlgorithmicMedia" in text or "TrainedAlgorithmicMedia" in text


@given(strategies.plain_text.filter(lambda text: '"' not in text))
def test_the_xmp_packet_is_valid_xml(text: str) -> None:
    written = record(GenerationRequest(prompt=escape(text)))
    root = ElementTree.fromstring(xmp.packet(written).split("?>", 1)[1].rsplit("<?", 1)[0])
    description = root[0][0]
    assert description.attrib["{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"].endswith(
        "trainedAlgorithmicMedia"
    )


def test_the_digital_source_type_depends_on_the_mode() -> None:
    foreign, ours = INIT, replace(INIT, generated=True)
    assert xmp.digital_source_type(record(GenerationRequest())) == "trainedAlgorithmicMedia"
    assert xmp.digital_source_type(record(GenerationRequest(strength=0.5), foreign)).startswith("composite")
    assert xmp.digital_source_type(record(GenerationRequest(strength=1.0), foreign)) == "trainedAlgorithmicMedia"
    assert xmp.digital_source_type(record(GenerationRequest(strength=0.5), ours)) == "trainedAlgorithmicMedia"
