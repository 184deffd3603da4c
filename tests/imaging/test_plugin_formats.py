"""HEIC and JPEG XL images, read with Pillow's plug-ins."""

from __future__ import annotations

import io
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from invoke_cli.context.outcome import Outcome
from invoke_cli.errors import ImageError
from invoke_cli.imaging import open_image
from invoke_cli.imaging.box_formats import CONTAINER, canvas
from invoke_cli.imaging.formats import header_values, readable_formats, usual_suffix
from invoke_cli.imaging.open_image import open_bytes
from invoke_cli.metadata.containers.text_chunks import parse_chunks
from tests.sample_images import drawing
from tests.session_harness import SessionHarness

SETTINGS = "a hare\nNegative prompt: ugly\nSteps: 4, Sampler: Euler, Seed: 8, Size: 64x64"
FORMATS = ("HEIF", "JXL")
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>'


@pytest.fixture(autouse=True)
def plugins() -> None:
    pytest.importorskip("pillow_heif")
    pytest.importorskip("pillow_jxl")
    readable_formats()


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    target = io.BytesIO()
    exact = {"quality": -1, "chroma": 444} if kind == "HEIF" else {"lossless": True}
    image.save(target, kind, **{**exact, **options})
    return target.getvalue()


def with_comment() -> bytes:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + SETTINGS.encode("utf-16-be")
    return exif.tobytes()


@pytest.mark.parametrize("kind", FORMATS)
def test_the_pixels_are_read(kind: str) -> None:
    image = drawing(72, 48).convert("RGB")
    opened = open_bytes(encoded(image, kind), "photo")
    difference = np.abs(np.asarray(opened.image, int) - np.asarray(image, int))
    assert opened.size == (72, 48) and difference.max() <= (2 if kind == "HEIF" else 0), "HEIC stores YCbCr"


@pytest.mark.parametrize("kind", FORMATS)
def test_transparency_is_read(kind: str) -> None:
    image = drawing(64, 64).convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 32, 64))
    alpha = open_bytes(encoded(image, kind), "photo").alpha
    assert alpha is not None and alpha.getpixel((5, 5)) == 0 and alpha.getpixel((60, 5)) == 255


@pytest.mark.parametrize(("kind", "suffix"), [("HEIF", "heic"), ("JXL", "jxl")])
def test_metadata_is_recalled_and_the_image_is_an_init_image(harness: SessionHarness, kind: str, suffix: str) -> None:
    name = f"photo.{suffix}"
    Path(name).write_bytes(encoded(drawing(64, 64).convert("RGB"), kind, exif=with_comment(), xmp=XMP))
    assert parse_chunks(Path(name).read_bytes())["XML:com.adobe.xmp"].startswith("<x:xmpmeta")
    harness.run(f"!fetch {name}")
    assert harness.prefills[0].startswith("a hare -s 4 -S 8")
    (result,) = harness.draw(f"a cat -I {name} -s2 -S1 -f .5")
    assert harness.run(f"!verify {result}") is Outcome.OK


def test_exif_is_read_with_and_without_the_offset_of_its_header() -> None:
    plain = encoded(drawing(16, 16).convert("RGB"), "JXL", exif=with_comment())
    block = with_comment().removeprefix(b"Exif\0\0")
    start = plain.index(block) - 8
    box = (len(block) + 12).to_bytes(4, "big") + b"Exif" + bytes(4) + block
    standard = plain[:start] + box + plain[start + 8 + len(block) :]
    assert parse_chunks(plain)["EXIF:UserComment"] == parse_chunks(standard)["EXIF:UserComment"] == SETTINGS


def test_the_orientation_is_applied_once(tmp_path: Path) -> None:
    image = drawing(64, 48).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    assert open_bytes(encoded(image, "HEIF", exif=exif.tobytes()), "photo").size == (48, 64)
    # A file in JPEG XL states its orientation itself; that of EXIF is informative (ISO/IEC 18181-2).
    assert open_bytes(encoded(image, "JXL", exif=exif.tobytes()), "photo").size == (64, 48)
    image.save(tmp_path / "photo.jpg", exif=exif)
    with Image.open(tmp_path / "photo.jpg") as jpeg:
        recompressed = io.BytesIO()
        jpeg.save(recompressed, "JXL", lossless_jpeg=True)
    assert open_bytes(recompressed.getvalue(), "photo").size == (48, 64)


@pytest.mark.parametrize("size", [(8, 8), (64, 48), (48, 64), (256, 256), (640, 360), (333, 77), (1000, 9), (3000, 2)])
@pytest.mark.parametrize("container", [True, False])
def test_the_announced_size_is_the_real_one(size: tuple[int, int], container: bool) -> None:
    data = encoded(Image.new("RGB", size, "teal"), "JXL", use_container=container)
    assert data.startswith(CONTAINER) == container and canvas(data) == size


@pytest.mark.parametrize("kind", FORMATS)
def test_damaged_files_are_one_clear_error(kind: str) -> None:
    data = encoded(drawing(64, 64).convert("RGB"), kind, exif=with_comment())
    for cut in range(16, len(data) - 40, 37):
        with pytest.raises(ImageError, match=r"photo is (damaged|not an image)") as caught:
            open_bytes(data[:cut], "photo")
        assert "libjxl" not in caught.value.message
        parse_chunks(data[:cut])
    garbled = bytes(byte ^ 0x5A if place > 60 else byte for place, byte in enumerate(data))
    with pytest.raises(ImageError):
        open_bytes(garbled, "photo")
    parse_chunks(garbled)


def test_a_huge_canvas_is_rejected_before_it_is_decoded() -> None:
    sides = (1 << 30) - 2
    bits = 3 << 1 | sides << 3 | 3 << 36 | sides << 38  # both sides in 30 bits: large, no ratio
    data = b"\xff\x0a" + bits.to_bytes(16, "little")
    assert canvas(data) == (sides + 1, sides + 1)
    started = time.process_time()
    with pytest.raises(ImageError, match="photo is too large"):
        open_bytes(data, "photo")
    assert time.process_time() - started < 5


def test_without_the_plug_in_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    data = {kind: encoded(drawing(16, 16).convert("RGB"), kind) for kind in FORMATS}
    monkeypatch.setattr(open_image, "readable_formats", lambda: ("PNG", "JPEG"))
    for kind, label in (("HEIF", "HEIC"), ("JXL", "JPEG XL")):
        with pytest.raises(ImageError, match=f"photo is in the format {label}, which needs a plug-in") as caught:
            open_bytes(data[kind], "photo")
        assert "invoke-cli[formats]" in str(caught.value.hint)


def test_the_suffix_of_a_huge_canvas_is_not_found_by_decoding_it() -> None:
    sides = (1 << 30) - 2
    data = b"\xff\x0a" + (3 << 1 | sides << 3 | 3 << 36 | sides << 38).to_bytes(16, "little")
    assert usual_suffix(data) == "" and header_values(data) == {}
    assert usual_suffix(encoded(drawing(16, 16).convert("RGB"), "JXL")) == ".jxl"
