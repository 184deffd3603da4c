"""Embedded colour profiles: converted to sRGB, left alone where they are sRGB, reported where they are damaged."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from invoke_cli.imaging.open_image import OpenedImage, open_bytes
from tests import icc_profiles
from tests.sample_images import drawing
from tests.session_harness import SessionHarness


def opened(image: Image.Image, profile: bytes | None, kind: str = "PNG") -> OpenedImage:
    target = io.BytesIO()
    image.save(target, kind, **({"icc_profile": profile} if profile else {}))
    return open_bytes(target.getvalue(), "photo")


def linear(level: int) -> float:
    value = level / 255
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def test_colours_of_a_wider_space_become_more_vivid_numbers() -> None:
    found = opened(Image.new("RGB", (4, 4), (203, 61, 51)), icc_profiles.adobe_rgb())
    red, green, blue = np.asarray(found.image)[0, 0].tolist()
    # By the definition of Adobe RGB: its red is 1.398 of sRGB's, less the share of green.
    expected = 1.39836 * (203 / 255) ** 2.2 - 0.39836 * (61 / 255) ** 2.2
    assert abs(linear(red) - expected) < 0.02
    assert red > 220 and green < 64 and blue < 64
    assert "wide" in found.remark and "sRGB" in found.remark


def test_grey_with_a_gamma_keeps_its_lightness() -> None:
    found = opened(Image.new("L", (4, 4), 100), icc_profiles.grey(1.0))
    level = np.asarray(found.image)[0, 0].tolist()[0]
    assert abs(linear(level) - 100 / 255) < 0.01
    wide = opened(Image.fromarray(np.full((4, 4), 100 * 257, np.uint16)), icc_profiles.grey(1.0))
    assert abs(np.asarray(wide.image)[0, 0].tolist()[0] - level) <= 1


def test_cmyk_is_converted_by_its_profile() -> None:
    for inks, dark in (((0, 0, 0, 0), False), ((0, 0, 0, 255), True)):
        found = opened(Image.new("CMYK", (4, 4), inks), icc_profiles.cmyk(), "TIFF")
        assert found.remark
        assert (np.asarray(found.image).max() < 20) == dark and (np.asarray(found.image).min() > 235) != dark


def test_transparency_and_palettes_are_kept() -> None:
    clear = opened(Image.new("RGBA", (4, 4), (203, 61, 51, 80)), icc_profiles.adobe_rgb())
    assert clear.alpha is not None and clear.alpha.getextrema() == (80, 80)
    plain = opened(Image.new("RGB", (4, 4), (203, 61, 51)), icc_profiles.adobe_rgb())
    assert np.array_equal(np.asarray(clear.image), np.asarray(plain.image))
    palette = opened(Image.new("RGB", (4, 4), (203, 61, 51)).quantize(4), icc_profiles.adobe_rgb())
    assert np.array_equal(np.asarray(palette.image), np.asarray(plain.image))


@pytest.mark.parametrize("profile", [ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), None])
def test_srgb_is_left_bit_for_bit(profile: bytes | None) -> None:
    image = drawing(64, 48)
    found = opened(image, profile)
    assert found.image.tobytes() == image.convert("RGB").tobytes() and found.remark == ""


@pytest.mark.parametrize("damage", ["cut", "noise", "grey"])
def test_a_profile_that_cannot_be_used_is_reported_and_pixels_stay(damage: str) -> None:
    whole = icc_profiles.adobe_rgb()
    profile = {
        "cut": whole[:200],
        "noise": b"\xff" * 600,
        "grey": icc_profiles.grey(1.8),
    }[damage]
    image = drawing(32, 32)
    found = opened(image, profile)
    assert found.image.tobytes() == image.convert("RGB").tobytes()
    assert "as they are" in found.remark


def test_one_notice_for_each_image_of_a_line_and_of_fix(harness: SessionHarness) -> None:
    drawing(64, 64).save("photo.png", icc_profile=icc_profiles.adobe_rgb())
    Image.new("L", (64, 64), 255).save("mask.png", icc_profile=icc_profiles.grey(1.0))
    harness.draw("a cat -s2 -S1 -I photo.png -M mask.png -f .5")
    assert sorted(text.split(":")[0] for text in harness.notices if "to sRGB" in text) == ["mask.png", "photo.png"]
    harness.draw("!fix photo.png -U 2")
    assert len([text for text in harness.notices if "to sRGB" in text]) == 1
    assert Path("photo.png").is_file()
