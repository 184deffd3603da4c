"""One image of each program, built from its documented format: the line that it becomes, and what is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from invoke_cli.errors import MetadataError
from invoke_cli.language.grammar.format import format_line
from invoke_cli.metadata import codecs
from invoke_cli.metadata.codec import ParsedMetadata
from tests import image_files
from tests.foreign_images import FORMATS
from tests.foreign_metadata import A1111, FOOOCUS, INVOKEAI_5, SDCPP, comfy
from tests.image_files import USER_COMMENT


def recall(tmp_path: Path, data: bytes, name: str = "theirs.png") -> ParsedMetadata:
    path = tmp_path / name
    path.write_bytes(data)
    return codecs.recall(path)


@pytest.mark.feature("recall")
@pytest.mark.parametrize("name", FORMATS)
def test_each_format_is_converted_to_a_line(tmp_path: Path, name: str) -> None:
    data, program, line, missing = FORMATS[name]
    found = recall(tmp_path, data, "theirs.bin")
    assert found.program == program
    assert format_line(found.stages) == line
    for text in missing:
        assert any(text in entry for entry in found.missing), (text, found.missing)
    assert found.provenance is None


@pytest.mark.parametrize(
    "name", ["A1111 in PNG", "ComfyUI", "Fooocus", "SwarmUI", "Draw Things", "mflux", "InvokeAI 5"]
)
def test_the_model_s_name_is_among_the_facts(tmp_path: Path, name: str) -> None:
    assert recall(tmp_path, FORMATS[name][0]).facts["model"]


def test_parameters_take_precedence_over_comfyui_s_graph(tmp_path: Path) -> None:
    data = image_files.png_of({"prompt": json.dumps(comfy()), "parameters": A1111})
    assert recall(tmp_path, data).program == "A1111 v1.10.1"


def test_text_after_the_pixels_and_utf_8_in_place_of_latin_1_are_read(tmp_path: Path) -> None:
    body = b"parameters\0" + "ein schöner Hügel, 東京\nSteps: 5, Seed: 3, Sampler: Euler".encode()
    found = recall(tmp_path, image_files.png(after=image_files.chunk(b"tEXt", body)))
    assert found.request.prompt == "ein schöner Hügel, 東京"


def test_a_seed_that_is_too_large_is_reported_as_missing(tmp_path: Path) -> None:
    found = recall(tmp_path, image_files.png_of({"prompt": json.dumps(comfy(seed=2**64))}))
    assert found.request.seeds is None
    assert any(str(2**64) in text for text in found.missing)


@pytest.mark.parametrize("seed", [-1, "-1", "random", True, [1], 1.5, "0..9", "1,2,3"])
def test_invalid_seeds_are_left_unset(tmp_path: Path, seed: object) -> None:
    """-1 means "random" in other programs, but "the last image's seed" here."""
    found = recall(tmp_path, image_files.png_of({"prompt": json.dumps(comfy(seed=seed))}))
    assert found.request.seeds is None


def test_the_seed_of_an_old_file_is_read_from_its_name(tmp_path: Path) -> None:
    data = image_files.png_of({"Dream": "a cat -s 20 -W 512 -H 512"})
    assert recall(tmp_path, data, "000017.42.png").request.seeds == (42,)
    assert recall(tmp_path, data, "cat.png").request.seeds is None


@pytest.mark.parametrize(
    ("schedule", "sampler"),
    [
        ("DPM++ 2M, Schedule type: Automatic", "dpmpp_2m_k"),
        ("DPM++ 2M Karras", "dpmpp_2m_k"),
        ("DPM++ 2M", "k_dpmpp_2"),
        ("DPM++ 2M SDE, Schedule type: Automatic", "dpmpp_2m_sde_exponential"),
        ("Euler a, Schedule type: Automatic", "k_euler_a"),
        ("Euler, Schedule type: SGM Uniform", "k_euler_trailing"),
        ("DPM2 a, Schedule type: Karras", "kdpm_2_a_k"),
        ("UniPC", "unipc"),
        ("LMS Karras", "lms_k"),
        ("Restart, Schedule type: Automatic", None),
    ],
)
def test_samplers_and_schedules_of_a1111_are_converted(schedule: str, sampler: str | None) -> None:
    found = codecs.decode({"parameters": f"x\nSteps: 5, Sampler: {schedule}, Seed: 1"})
    assert found is not None
    assert found.request.scheduler == sampler
    assert bool(sampler) != any("Restart" in text for text in found.missing)


DAMAGED: dict[str, bytes] = {
    "InvokeAI 5": image_files.png_of({"invokeai_metadata": json.dumps(INVOKEAI_5)[:-40]}),
    "a graph without a sampler": image_files.png_of({"prompt": json.dumps({"1": {"class_type": "LoadImage"}})}),
    "a Dream line that is a command": image_files.png_of({"Dream": "!fix cat.png -U 2"}),
    "only an upscale": image_files.png_of({"postprocessing": "Postprocess upscale by: 4"}),
    "cut-off Fooocus": image_files.png_of({"parameters": json.dumps(FOOOCUS)[:50]}),
    "a comment by a person": image_files.jpeg(comment=b"my holidays: sea, sun"),
    "a photo's user comment": image_files.jpeg(exif_block=image_files.exif({USER_COMMENT: b"ASCII\0\0\0nice"})),
    "nothing": image_files.png(),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_the_error_of_unreadable_metadata_is_one_line_with_a_hint(tmp_path: Path, name: str) -> None:
    with pytest.raises(MetadataError) as error:
        recall(tmp_path, DAMAGED[name])
    assert error.value.message and error.value.hint
    assert "\n" not in error.value.message


def test_a_readable_text_replaces_a_damaged_one(tmp_path: Path) -> None:
    data = image_files.png_of({"invokeai_metadata": "{", "parameters": A1111})
    assert recall(tmp_path, data).program == "A1111 v1.10.1"


def test_a_truncated_json_tail_of_stable_diffusion_cpp_leaves_the_pairs(tmp_path: Path) -> None:
    found = recall(tmp_path, image_files.png_of({"parameters": SDCPP[: SDCPP.index("SDCPP:") + 30]}))
    assert (found.request.seeds, found.request.num_inference_steps) == ((42,), 20)
