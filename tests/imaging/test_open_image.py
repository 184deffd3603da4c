"""Opening images: every format becomes upright RGB, and every bad file one error message."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from invoke_cli.errors import ImageError
from invoke_cli.imaging.open_image import open_bytes, open_path

COLOURS = Image.fromarray(np.random.default_rng(1).integers(0, 255, (20, 30, 3), dtype=np.uint8))


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.feature("init-formats")
@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF", "WEBP", "JPEG"])
def test_common_formats_become_rgb(kind: str) -> None:
    opened = open_bytes(encoded(COLOURS, kind), "x")
    assert opened.image.mode == "RGB"
    assert opened.size == (30, 20)


@pytest.mark.parametrize("compression", ["tiff_lzw", "jpeg", "group4", "tiff_adobe_deflate"])
def test_damaged_tiffs_are_one_error_without_the_library_s_own_lines(
    compression: str, capfd: pytest.CaptureFixture[str]
) -> None:
    noise = Image.effect_noise((64, 64), 50).convert("1" if compression == "group4" else "L")
    data = bytearray(encoded(noise, "TIFF", compression=compression))
    for position in range(20, len(data) // 2):
        data[position] = (data[position] * 7 + position) % 256
    with contextlib.suppress(ImageError):  # some decoders accept the altered data, and only warn
        open_bytes(bytes(data), "x.tif")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "F"])
def test_all_modes_become_rgb(mode: str) -> None:
    image = COLOURS.convert("L") if mode in ("I;16", "F") else COLOURS
    kind = "TIFF" if mode in ("CMYK", "F") else "PNG"
    if mode == "I;16":
        wide = (np.asarray(image).astype(np.uint16)) * 257
        data = encoded(Image.fromarray(wide), kind)
    elif mode == "F":
        data = encoded(Image.fromarray(np.asarray(image, dtype=np.float32) / 255), kind)
    else:
        data = encoded(image.convert(mode), kind)
    opened = open_bytes(data, "x")
    assert opened.image.mode == "RGB"
    if mode in ("I;16", "F"):
        assert np.array_equal(np.asarray(opened.image)[..., 0], np.asarray(image))


def test_16_bit_values_are_scaled_and_not_clipped() -> None:
    grey = np.full((4, 4), 0xFF00, dtype=np.uint16)
    assert np.asarray(open_bytes(encoded(Image.fromarray(grey)), "x").image)[0, 0, 0] == 254


@pytest.mark.feature("init-formats")
def test_exif_orientation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    opened = open_bytes(encoded(COLOURS, "JPEG", exif=exif), "x.jpg")
    assert opened.size == (20, 30)


@pytest.mark.feature("mask-hidden-colour")
def test_transparency_is_detected_and_the_colours_under_it_are_kept() -> None:
    image = COLOURS.convert("RGBA")
    assert not open_bytes(encoded(image), "x").transparent
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    opened = open_bytes(encoded(image), "x")
    assert opened.transparent
    assert opened.image.tobytes() == COLOURS.tobytes()
    palette = COLOURS.quantize(16)
    assert open_bytes(encoded(palette, "PNG", transparency=0), "x").transparent


def test_rgb_with_a_transparent_colour() -> None:
    opened = open_bytes(encoded(COLOURS, "PNG", transparency=COLOURS.getpixel((0, 0))), "x")
    assert opened.transparent
    assert opened.image.tobytes() == COLOURS.tobytes()


def test_the_first_frame_of_an_animation_is_opened() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    opened = open_bytes(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]), "x.gif")
    assert opened.frames == 2
    assert opened.image.getpixel((0, 0)) == (255, 0, 0)


def bomb(width: int, height: int) -> bytes:
    """Return a PNG that declares a size and holds hardly any data."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.feature("load-errors")
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"hello, I am text", "not an image"),
        (encoded(COLOURS)[:200], "damaged"),
        (encoded(COLOURS, "JPEG")[:300], "damaged"),
        (bomb(30_000, 30_000), "too large"),
        (bomb(12_000, 12_000), "too large"),
        (bomb(64, 64), "damaged"),
        (b"\x89PNG\r\n\x1a\n" + os.urandom(100), ""),
    ],
)
def test_bad_data_is_an_error_of_one_line_with_a_hint(data: bytes, message: str) -> None:
    with pytest.raises(ImageError) as caught:
        open_bytes(data, "x.png")
    assert message in caught.value.message
    assert caught.value.hint
    assert "\n" not in caught.value.message


@pytest.mark.feature("load-errors")
def test_missing_files_folders_and_devices_are_errors(tmp_path: Path) -> None:
    for path, message in (
        (tmp_path / "none.png", "no image"),
        (tmp_path, "folder"),
        (Path("/dev/null"), "regular file"),
    ):
        with pytest.raises(ImageError, match=message):
            open_path(path)
