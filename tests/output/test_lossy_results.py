"""Results as JPEG and WebP: their metadata is complete, and they are verified by encoding again."""

from __future__ import annotations

import io
import json
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin, features

from invoke_cli.context.outcome import Outcome
from invoke_cli.imaging.formats import described_formats, readable_formats
from invoke_cli.imaging.open_image import open_bytes
from invoke_cli.metadata.containers.text_chunks import parse_chunks, read_chunks
from invoke_cli.metadata.containers.xmp import KEYWORD
from tests.sample_images import drawing
from tests.session_harness import SessionHarness, pixels

NAMES = ("cat.jpg", "cat.JPEG", "cat.webp")
LINE = "a (caf\u00e9)1.2, \u6771\u4eac [ugly] -s2 -S1"


@pytest.fixture
def fresh_formats() -> Iterator[None]:
    readable_formats.cache_clear()
    yield
    readable_formats.cache_clear()


@pytest.mark.parametrize("name", NAMES)
def test_a_lossy_result_has_the_whole_record_and_verifies(harness: SessionHarness, name: str) -> None:
    (png,) = harness.draw(LINE)
    (path,) = harness.draw(f"{LINE} -o {name}")
    with Image.open(path) as image:
        assert image.format == ("WEBP" if "webp" in name else "JPEG")
    lossy, exact = read_chunks(path), read_chunks(png)
    assert {key: lossy[key] for key in ("Dream", "parameters", KEYWORD)} == {
        key: exact[key] for key in ("Dream", "parameters", KEYWORD)
    }
    assert lossy["EXIF:UserComment"] == exact["parameters"]
    assert lossy["encoding"].endswith(" 95")
    assert json.loads(lossy["sd-metadata"]) | {"pixel_sha256": ""} == json.loads(exact["sd-metadata"]) | {
        "pixel_sha256": ""
    }
    assert harness.run(f"!verify {name}") is Outcome.OK and "identical" in harness.messages
    (again,) = harness.draw(f"!replay {name}")
    assert pixels(again) == pixels(png) and "identical" in harness.notices[-1]
    harness.run(f"!fetch {name}")
    assert harness.prefills[0].startswith("a (caf\u00e9)1.2, \u6771\u4eac [ugly] -s 2 -S 1")


def test_a_changed_lossy_file_differs(harness: SessionHarness) -> None:
    harness.draw(f"{LINE} -o cat.jpg")
    with Image.open("cat.jpg") as image:
        exif, packet = image.info["exif"], image.info["xmp"]
    Image.new("RGB", (64, 64), "red").save("cat.jpg", quality=95, subsampling=0, exif=exif, xmp=packet)
    assert harness.run("!verify cat.jpg") is Outcome.FAILED
    assert "differs" in harness.messages


def test_the_prompt_of_a_lossy_file_is_recalled(harness: SessionHarness) -> None:
    harness.draw("a red star -s2 -S1 -o cat.webp")
    harness.draw("-I cat.webp -f .5 -s2 -S2")
    assert harness.saved[0].line.startswith("a red star")


@pytest.mark.parametrize("switch", ["--private", "--no_metadata"])
def test_a_lossy_file_keeps_what_is_private_to_itself(harness: SessionHarness, switch: str) -> None:
    (path,) = harness.draw(f"sesame -s2 -S1 -o cat.jpg {switch}")
    data = path.read_bytes()
    assert b"sesame" not in data and "sesame".encode("utf-16-be") not in data
    assert ("Dream" in read_chunks(path)) == (switch == "--private")


def test_long_metadata_fits_into_a_jpeg(harness: SessionHarness) -> None:
    prompt = " ".join(f"word{number}" for number in range(2500))
    (path,) = harness.draw(f'"{prompt}" -s2 -S1 -o cat.jpg')
    assert "word2499" in read_chunks(path)["Dream"]


@pytest.mark.parametrize("record", ["{", "[]", '{"Dream": 5, "other": "x"}', "zlib:AAAA", "zlib:" + "eJw" * 50])
def test_a_damaged_record_is_ignored(record: str) -> None:
    target = io.BytesIO()
    block = f'<rdf:Description rdf:about="" xmlns:invoke="urn:invoke-cli:record:1/" invoke:record=\'{record}\'/>\n'
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f"{block}</rdf:RDF></x:xmpmeta>"
    )
    drawing(16, 16).convert("RGB").save(target, "JPEG", xmp=packet.encode())
    assert set(parse_chunks(target.getvalue())) <= {KEYWORD}


@pytest.mark.skipif(not features.check("avif"), reason="Pillow reads no AVIF here")
def test_avif_is_read_with_its_metadata(harness: SessionHarness) -> None:
    exif = Image.Exif()
    exif[0x0131] = "another program"
    settings = "a hare\nNegative prompt: ugly\nSteps: 4, Sampler: Euler, Seed: 8, Size: 64x64"
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + settings.encode("utf-16-le")
    drawing(64, 64).convert("RGB").save("theirs.avif", exif=exif)
    harness.run("!fetch theirs.avif")
    assert harness.prefills[0].startswith("a hare -s 4 -S 8")
    harness.draw("a cat -I theirs.avif -s2 -S1 -f .5")
    data = Path("theirs.avif").read_bytes()
    Path("cut.avif").write_bytes(data[: len(data) // 2])
    assert harness.run("a cat -I cut.avif") is Outcome.FAILED and "cut.avif" in harness.errors[0]
    harness.run("!replay theirs.avif")
    assert not any("lines" in text for text in harness.errors)


def test_the_formats_in_messages_are_those_that_pillow_has(harness: SessionHarness) -> None:
    Path("notes.png").write_text("not an image")
    harness.run("a cat -I notes.png")
    text = described_formats()
    assert text.startswith("PNG, JPEG, WebP") and ("AVIF" in text) == features.check("avif")
    assert ("HEIC" in text) == ("HEIF" in Image.OPEN)


@pytest.mark.usefixtures("fresh_formats")
def test_an_installed_plug_in_adds_its_format(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = types.ModuleType("pillow_heif")
    monkeypatch.setitem(Image.OPEN, "HEIF", (PngImagePlugin.PngImageFile, lambda start: start[:4] == b"\x89PNG"))
    monkeypatch.delitem(Image.OPEN, "HEIF")

    def register_heif_opener() -> None:
        Image.OPEN["HEIF"] = (PngImagePlugin.PngImageFile, None)

    plugin.register_heif_opener = register_heif_opener  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pillow_heif", plugin)
    assert "HEIC" in described_formats()
    target = io.BytesIO()
    drawing(16, 16).save(target, "PNG")
    assert open_bytes(target.getvalue(), "photo").size.width == 16
