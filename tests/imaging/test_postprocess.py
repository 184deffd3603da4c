"""The pure parts of the work after the picture: colours, tiles, faces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from invoke_cli.imaging.color_transfer import MATCHING_METHODS, from_lab, lab_distance, matched, to_lab
from invoke_cli.imaging.faces import blend_face, face_box
from invoke_cli.imaging.sizes import Grid, Size
from invoke_cli.imaging.tiles import blend_tile, crop_tile, layout_tiles, tiling_canvas
from tests.sample_images import drawing

GRID = Grid(multiple=8, smallest=64, native=64)


def random_picture(seed: int, low: int = 0, high: int = 256, size: tuple[int, int] = (40, 30)) -> Image.Image:
    values = np.random.default_rng(seed).integers(low, high, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(values)


# -- colours ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        ((255, 255, 255), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((119, 119, 119), (50.03, 0, 0)),
    ],
)
def test_lab_has_the_published_values(rgb: tuple[int, int, int], lab: tuple[float, float, float]) -> None:
    assert np.allclose(to_lab(np.array([rgb], dtype=np.uint8))[0], lab, atol=0.05)


def test_lab_comes_back() -> None:
    pixels = np.asarray(random_picture(1)).reshape(-1, 3)
    assert (from_lab(to_lab(pixels)) == pixels).all()


@settings(max_examples=40)
@given(st.integers(0, 1000), st.sampled_from(list(MATCHING_METHODS)), st.integers(0, 150), st.integers(20, 105))
def test_matching_brings_the_colours_nearer(seed: int, way: str, low: int, spread: int) -> None:
    image, reference = random_picture(seed, low, low + spread), drawing(40, 30)
    result = matched(image, reference, way)
    assert result.size == image.size
    assert lab_distance(result, reference) < lab_distance(image, reference)


def test_the_histogram_becomes_the_other_s() -> None:
    image, reference = random_picture(1, 0, 100), random_picture(2, 60, 250)
    result = np.asarray(matched(image, reference, "histogram"))
    assert np.abs(np.sort(result, axis=None).astype(int) - np.sort(np.asarray(reference), axis=None)).max() <= 3


def test_chroma_leaves_the_lightness() -> None:
    image, reference = random_picture(1, 90, 160), random_picture(2, 110, 140)
    before, after = (
        to_lab(np.asarray(each).reshape(-1, 3))[:, 0] for each in (image, matched(image, reference, "chroma"))
    )
    assert np.abs(before - after).max() < 1


def test_a_flat_picture_survives() -> None:
    flat = Image.new("RGB", (8, 8), (10, 200, 30))
    for way in MATCHING_METHODS:
        assert matched(flat, drawing(8, 8), way).size == (8, 8)
    assert matched(drawing(8, 8), flat, "lab").getpixel((0, 0)) == pytest.approx((10, 200, 30), abs=2)


def test_only_what_is_under_the_mask_changes() -> None:
    share = Image.new("L", (40, 30), 0)
    share.paste(128, (0, 0, 20, 30))
    image = random_picture(3)
    result = np.asarray(matched(image, drawing(40, 30), "lab", share))
    assert (result[:, 20:] == np.asarray(image)[:, 20:]).all()
    assert (result[:, :20] != np.asarray(image)[:, :20]).any()
    assert matched(image, drawing(40, 30), "lab", Image.new("L", (40, 30), 0)) is image


# -- tiles -----------------------------------------------------------------------------------------------------------


@settings(max_examples=80)
@given(st.integers(1, 400), st.integers(1, 300), st.sampled_from([64, 96, 128]), st.integers(0, 32))
def test_tiles_cover_every_pixel_and_come_back_without_a_seam(width: int, height: int, side: int, overlap: int) -> None:
    picture = random_picture(1, size=(width, height))
    canvas = tiling_canvas(Size(width, height), GRID)
    tiles = layout_tiles(canvas, side, overlap, GRID.multiple)
    assert len({tile.box.size for tile in tiles}) == 1
    result = Image.new("RGB", (width, height))
    for tile in tiles:
        box = tile.box
        assert not (box.left % 8 or box.top % 8) and box.right <= canvas.width and box.bottom <= canvas.height
        blend_tile(result, crop_tile(picture, box), tile, alone=False)
    assert np.abs(np.asarray(result).astype(int) - np.asarray(picture)).max() <= 1


def test_two_tiles_cross_fade_over_what_they_share() -> None:
    tiles = layout_tiles(Size(112, 64), 64, 16, 8)
    assert [tile.box.left for tile in tiles] == [0, 48]
    result = Image.new("RGB", (112, 64))
    for value, tile in zip((0, 200), tiles, strict=True):
        blend_tile(result, Image.new("RGB", (64, 64), (value,) * 3), tile, alone=False)
    row = np.asarray(result)[32, :, 0].astype(int)
    assert row[47] == 0 and row[64] == 200
    assert (np.diff(row[47:65]) > 0).all() and np.diff(row).max() <= 14


# -- faces -----------------------------------------------------------------------------------------------------------


def test_the_face_is_the_middle_and_fades_out() -> None:
    image = Image.new("RGB", (100, 60), (10, 10, 10))
    box = face_box(Size(100, 60))
    assert box == (20, 0, 80, 60)
    result = np.asarray(blend_face(image, Image.new("RGB", (512, 512), (210, 210, 210)), box, 0.5))
    assert result[30, 50, 0] == 110 and (result[:, :20] == 10).all() and (result[0] == 10).all()
