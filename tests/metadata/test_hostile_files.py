"""Hostile files: reading metadata ends soon, with a line or an error, and no text drives a terminal."""

from __future__ import annotations

import json
import random
import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invoke_cli.errors import MetadataError
from invoke_cli.imaging.png_chunks import SIGNATURE
from invoke_cli.language.grammar.format import format_line
from invoke_cli.language.grammar.line import parse
from invoke_cli.language.sanitize import sanitize_for_terminal
from invoke_cli.metadata import codecs
from invoke_cli.metadata.codec import ParsedMetadata
from invoke_cli.metadata.containers.exif import read_exif
from invoke_cli.metadata.containers.segments import gif_text, jpeg_text, webp_text
from invoke_cli.metadata.containers.text_chunks import parse_chunks
from invoke_cli.metadata.containers.xmp import KEYWORD as XMP
from tests import image_files
from tests.foreign_images import FORMATS
from tests.image_files import USER_COMMENT

FUZZED = 1_000
SECONDS = 2.0
DEEP = '{"a":' * 3_000 + "1" + "}" * 3_000
TERMINAL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
EVIL = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202eesrever\x00\r\n\x1b[A <b>"


def recall_safely(path: Path) -> ParsedMetadata | None:
    """Read metadata within the time limit: return it if it formats and parses, or None after an error of one line."""
    begun = time.process_time()
    try:
        found = codecs.recall(path)
    except MetadataError as error:
        assert error.message and "\n" not in sanitize_for_terminal(error.message)
        return None
    finally:
        assert time.process_time() - begun < SECONDS
    line = format_line(found.stages)
    parse(sanitize_for_terminal(line).replace("\n", " "))
    assert len(line) < 100_000 and len(found.missing) < 100
    assert not TERMINAL.search("".join([*found.facts.values(), found.program])) or found.program.startswith("invoke")
    return found


def mangled(data: bytes, chance: random.Random) -> bytes:
    """Return the file truncated, with changed bytes, or with a part doubled or replaced by noise."""
    change = chance.randrange(5)
    place, length = chance.randrange(len(data)), chance.randrange(1, 200)
    if change == 0:
        return data[:place]
    if change == 1:
        changed = bytearray(data)
        for _ in range(chance.randrange(1, 30)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        return bytes(changed)
    if change == 2:
        return data[:place] + data[max(0, place - length) :]
    if change == 3:
        return data[:place] + chance.randbytes(length) + data[place + length :]
    return data[: min(len(data), 12)] + chance.randbytes(length * 5)


def test_1000_mangled_files_give_a_line_or_an_error(tmp_path: Path) -> None:
    chance = random.Random(20_260_824)
    path = tmp_path / "mangled.bin"
    originals = [data for data, *_ in FORMATS.values() if len(data) < 50_000]
    read = 0
    for _ in range(FUZZED):
        path.write_bytes(mangled(chance.choice(originals), chance))
        read += recall_safely(path) is not None
    assert read > FUZZED // 20, "nearly every file was rejected: the test shows nothing"


STRANGE: list[object] = [
    None, True, -1, 0, 1e308, float("nan"), float("inf"), 2**70, "", "x" * 100_000, EVIL, [], {}, [[]], [None] * 50,
    {"a": {"b": []}}, "9" * 5_000, "1e999", "-0", "0x10", " 5 ", ["3", 0], ["3", 99], [{"text": None}], "(1, 2",
]  # fmt: skip


def replaced(value: object, chance: random.Random) -> object:
    """Return a JSON value with some of its parts replaced by strange ones."""
    if chance.random() < 0.15:
        return chance.choice(STRANGE)
    if isinstance(value, dict):
        return {key: replaced(part, chance) for key, part in value.items()}
    if isinstance(value, list):
        return [replaced(part, chance) for part in value]
    return value


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "NovelAI, hidden"])
def test_json_of_the_wrong_shape_gives_a_line_or_an_error(tmp_path: Path, name: str) -> None:
    """Each JSON document of a format is decoded with values of every wrong type in it."""
    chunks = parse_chunks(FORMATS[name][0])
    documents = {key: json.loads(text) for key, text in chunks.items() if text.startswith('{"')}
    chance = random.Random(name)
    for _ in range(40 if documents else 0):
        strange = {key: json.dumps(replaced(document, chance)) for key, document in documents.items()}
        try:
            found = codecs.decode({**chunks, **strange})
        except MetadataError:
            continue
        assert found is None or parse(sanitize_for_terminal(format_line(found.stages)).replace("\n", " ")) is not None


KEYS = (
    "Dream", "sd-metadata", "invokeai_metadata", "parameters", "prompt", "workflow", "Comment", "comment", "Software",
    "EXIF:UserComment", "EXIF:Model", "fooocus_scheme", XMP, "postprocessing", "scale", "sampler", "Steps",
)  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        DEEP, "[" * 50_000, "{" * 50_000, '{"class_type": ' * 2_000, EVIL * 100, "(" * 50_000, "\\" * 50_000,
        '"' * 20_001, "a, " * 30_000, "-s " * 5_000, "<lora:" * 20_000, "a: b, " * 30_000, "[a:" * 20_000,
        "1" * 100_000, " " * 100_000, "\n" * 50_000, "a" * 4_000_000, '{"a": ' + "9" * 10_000 + "}", "{a|" * 20_000,
        '{"prompt": {"prompt_strength": 1, "size": "' + "9" * 50_000 + 'x5"}}', "Negative prompt:" * 9_000,
    ],
)  # fmt: skip
def test_long_deep_and_repeated_text_is_decoded_in_time(tmp_path: Path, text: str) -> None:
    for key in KEYS:
        begun = time.process_time()
        try:
            codecs.decode({key: text, "prompt" if key != "prompt" else "seed": "x"})
        except MetadataError as error:
            assert len(error.message) < 300
        assert time.process_time() - begun < SECONDS, key


def test_cyclic_and_very_long_graphs_are_decoded_in_time() -> None:
    node = {"class_type": "KSampler", "inputs": {"latent_image": ["1", 0], "sampler_name": ["1", 0], "steps": ["1", 0],
            "positive": ["1", 0], "model": ["1", 0], "text": ["1", 0], "value": ["1", 0]}}  # fmt: skip
    long = {
        str(n): {"class_type": "Join", "inputs": {"text_a": [str(n + 1), 0], "text_b": [str(n + 1), 0]}}
        for n in range(60)
    }
    start = {"class_type": "KSampler", "inputs": {"sampler_name": "euler", "latent_image": ["0", 0],
             "positive": ["p", 0]}}  # fmt: skip
    encode = {"class_type": "CLIPTextEncode", "inputs": {"text": ["0", 0]}}
    many = {str(n): {"class_type": "SaveImage", "inputs": {"images": [str(n - 1), 0]}} for n in range(20_000)}
    for graph in ({"1": node}, {**long, "s": start, "p": encode}, {**many, "0": start}):
        begun = time.process_time()
        found = codecs.decode({"prompt": json.dumps(graph)})
        assert found is not None and found.program == "ComfyUI"
        assert time.process_time() - begun < SECONDS


def test_self_referring_and_oversized_blocks_are_parsed_in_time() -> None:
    block = b"MM\0*\0\0\0\x08" + b"\xff\xff" + b"\x92\x86\0\x07\xff\xff\xff\xff\0\0\0\0" * 70_000
    itself = b"MM\0*\0\0\0\x08\0\x01\x87\x69\0\x04\0\0\0\x01\0\0\0\x08\0\0\0\0"
    begun = time.process_time()
    assert read_exif(block) == {} and read_exif(itself) == {}
    assert jpeg_text(b"\xff\xd8" + b"\xff\xe1\0\2" * 100_000) == {}
    assert webp_text(b"RIFF\0\0\0\0WEBP" + b"EXIF\0\0\0\0" * 200_000) == {}
    assert gif_text(b"GIF89a" + b"\0" * 7 + b"!\xf9\0" * 100_000) == {}
    assert time.process_time() - begun < SECONDS


@pytest.mark.parametrize("place", ["Dream", "parameters", "invokeai_metadata", "prompt", "EXIF", "sd-metadata"])
def test_control_characters_in_metadata_never_reach_the_terminal(tmp_path: Path, place: str) -> None:
    graph = {"3": {"class_type": f"KSampler{EVIL}", "inputs": {"sampler_name": EVIL, "latent_image": ["9", 0],
             "scheduler": EVIL, "model": ["4", 0]}}, "4": {"class_type": EVIL, "inputs": {"lora_name": EVIL,
             "ckpt_name": EVIL}}}  # fmt: skip
    texts = {
        "Dream": f'"a cat {EVIL}" -s 20 --made_up {EVIL}',
        "parameters": f"a cat {EVIL}\nSteps: 5, Sampler: {EVIL.split()[0]}, Seed: 1, Model: x\x1b[2J, Odd: y\x9b",
        "invokeai_metadata": json.dumps({"positive_prompt": EVIL, "app_version": EVIL, "model": EVIL, EVIL: EVIL}),
        "prompt": json.dumps(graph),
        "sd-metadata": json.dumps({"app_id": EVIL, "model_id": EVIL, "image": {"prompt": EVIL, "sampler": EVIL}}),
    }
    path = tmp_path / "evil.png"
    data = image_files.png(image_files.chunk(b"eXIf", image_files.exif({USER_COMMENT: texts["parameters"].encode()})))
    path.write_bytes(data if place == "EXIF" else image_files.png_of({place: texts[place]}))
    found = codecs.recall(path)
    shown = [format_line(found.stages), found.program, *found.facts.values(), *found.missing, *found.conflicts]
    assert not TERMINAL.search(sanitize_for_terminal("\n".join(shown)).replace("\n", ""))
    if found.request.prompt and place != "Dream":
        assert not TERMINAL.search(found.request.prompt.replace("\u202e", ""))


def test_metadata_is_never_evaluated_and_opens_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trap = tmp_path / "trap"
    code = f"__import__('pathlib').Path({str(trap)!r}).touch()"
    texts = {
        "parameters": json.dumps({"prompt": code, "resolution": code, "styles": code, "base_model": str(trap)}),
        "fooocus_scheme": "fooocus",
    }
    path = tmp_path / "evil.png"
    path.write_bytes(image_files.png_of(texts))
    opened: list[str] = []
    real = Path.open

    def watched(self: Path, *args: Any, **kwargs: Any) -> Any:
        opened.append(str(self))
        return real(self, *args, **kwargs)

    monkeypatch.setattr(Path, "open", watched)
    codecs.recall(path)
    assert not trap.exists()
    assert set(opened) <= {str(path)}


@given(st.binary(max_size=300))
def test_any_bytes_after_the_png_signature_parse(data: bytes) -> None:
    assert isinstance(parse_chunks(SIGNATURE + data), dict)


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from(KEYS), st.text(max_size=200), min_size=1))
def test_any_text_decodes_or_raises_a_metadata_error(chunks: dict[str, str]) -> None:
    try:
        recalled = codecs.decode(chunks)
    except MetadataError:
        return
    assert recalled is None or recalled.request is not None


def test_sanitize_replaces_control_characters() -> None:
    assert sanitize_for_terminal("a\x1b[31mb\x07c\x9b\nd") == "a\\x1b[31mb\\x07c\\x9b\nd"
