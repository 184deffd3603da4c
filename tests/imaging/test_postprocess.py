"""The pure parts of postprocessing: colour transfer, tiles, faces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.stats import wasserstein_distance

from invoke_cli.imaging.color_transfer import MATCHING_METHODS, from_lab, lab_distance, matched, to_lab
from invoke_cli.imaging.face_blend import blend_face, face_box
from invoke_cli.imaging.sizes import Grid, Size
from invoke_cli.imaging.tiles import blend_tile, crop_tile, layout_tiles, tiling_canvas
from tests.sample_images import drawing

GRID = Grid(multiple=8, smallest=64, native=64)


def random_image(seed: int, low: int = 0, high: int = 256, size: tuple[int, int] = (40, 30)) -> Image.Image:
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
def test_rgb_to_lab_gives_the_published_values(rgb: tuple[int, int, int], lab: tuple[float, float, float]) -> None:
    assert np.allclose(to_lab(np.array([rgb], dtype=np.uint8))[0], lab, atol=0.05)


def test_lab_to_rgb_undoes_rgb_to_lab() -> None:
    pixels = np.asarray(random_image(1)).reshape(-1, 3)
    assert (from_lab(to_lab(pixels)) == pixels).all()


@settings(max_examples=40)
@given(st.integers(0, 1000), st.sampled_from(list(MATCHING_METHODS)), st.integers(0, 150), st.integers(20, 105))
def test_matched_colours_are_nearer_to_the_reference(seed: int, method: str, low: int, spread: int) -> None:
    image, reference = random_image(seed, low, low + spread), drawing(40, 30)
    result = matched(image, reference, method)
    assert result.size == image.size
    assert lab_distance(result, reference) < lab_distance(image, reference)


def test_histogram_matching_gives_the_reference_s_histogram() -> None:
    image, reference = random_image(1, 0, 100), random_image(2, 60, 250)
    result = np.asarray(matched(image, reference, "histogram"))
    assert np.abs(np.sort(result, axis=None).astype(int) - np.sort(np.asarray(reference), axis=None)).max() <= 3


def test_chroma_matching_keeps_the_lightness() -> None:
    image, reference = random_image(1, 90, 160), random_image(2, 110, 140)
    before, after = (
        to_lab(np.asarray(each).reshape(-1, 3))[:, 0] for each in (image, matched(image, reference, "chroma"))
    )
    assert np.abs(before - after).max() < 1


def test_images_of_one_colour_can_be_matched() -> None:
    flat = Image.new("RGB", (8, 8), (10, 200, 30))
    for method in MATCHING_METHODS:
        assert matched(flat, drawing(8, 8), method).size == (8, 8)
    assert matched(drawing(8, 8), flat, "lab").getpixel((0, 0)) == pytest.approx((10, 200, 30), abs=2)


def test_colours_change_only_under_the_mask() -> None:
    share = Image.new("L", (40, 30), 0)
    share.paste(128, (0, 0, 20, 30))
    image = random_image(3)
    result = np.asarray(matched(image, drawing(40, 30), "lab", share))
    assert (result[:, 20:] == np.asarray(image)[:, 20:]).all()
    assert (result[:, :20] != np.asarray(image)[:, :20]).any()
    assert matched(image, drawing(40, 30), "lab", Image.new("L", (40, 30), 0)) is image


def photographs() -> dict[str, Image.Image]:
    """Return images of many kinds: flat, dark, grey, saturated, of few colours, noisy, with a gradient."""
    ramp = np.linspace(0, 255, 40)
    gradient = np.stack([*np.meshgrid(ramp, ramp[:30]), np.full((30, 40), 90.0)], axis=-1).astype(np.uint8)
    black = Image.new("RGB", (40, 30))
    black.paste((255, 230, 20), (10, 10, 12, 12))
    return {
        "drawing": drawing(40, 30),
        "noise": random_image(1),
        "dark": random_image(2, 0, 40),
        "grey": random_image(3, 100, 180).convert("L").convert("RGB"),
        "flat": Image.new("RGB", (64, 8), (200, 30, 60)),
        "spot": black,
        "gradient": Image.fromarray(gradient),
        "red": Image.merge("RGB", [band.point(lambda value, scale=scale: int(value * scale))
                                   for band, scale in zip(random_image(4).split(), (1, 0.1, 0.2), strict=True)]),
        "blue": Image.merge("RGB", [band.point(lambda value, scale=scale: int(value * scale))
                                    for band, scale in zip(drawing(50, 20).split(), (0.2, 0.3, 1), strict=True)]),
    }  # fmt: skip


def wasserstein(one: Image.Image, other: Image.Image) -> list[float]:
    """Return the Wasserstein distance of two images on each axis of LAB."""
    labs = [to_lab(np.asarray(each).reshape(-1, 3)) for each in (one, other)]
    return [float(wasserstein_distance(labs[0][:, axis], labs[1][:, axis])) for axis in range(3)]


@pytest.mark.parametrize("method", list(MATCHING_METHODS))
def test_each_method_lowers_the_wasserstein_distance_on_each_axis(method: str) -> None:
    images = photographs()
    before, after = [], []
    for name, image in images.items():
        for other, reference in images.items():
            if name != other:
                before.append(wasserstein(image, reference))
                after.append(wasserstein(matched(image, reference, method), reference))
    axes = slice(1 if method == "chroma" else 0, 3)
    assert (np.array(after) <= np.array(before) + 1e-4)[:, axes].all()
    assert (np.mean(after, axis=0) < 0.6 * np.mean(before, axis=0))[axes].all()


def test_colours_of_an_image_of_another_size_can_be_matched_inside_a_mask() -> None:
    share = Image.new("L", (40, 30), 0)
    share.paste(255, (0, 0, 20, 30))
    image, reference = random_image(3), Image.new("RGB", (7, 200), (30, 60, 200))
    result = matched(image, reference, "lab", share)
    assert lab_distance(result, reference, share) < 3 < lab_distance(image, reference, share)
    assert np.array_equal(np.asarray(result)[:, 20:], np.asarray(image)[:, 20:])


# -- tiles -----------------------------------------------------------------------------------------------------------


@settings(max_examples=80)
@given(st.integers(1, 400), st.integers(1, 300), st.sampled_from([64, 96, 128]), st.integers(0, 32))
def test_unchanged_tiles_reassemble_the_image_without_seams(width: int, height: int, side: int, overlap: int) -> None:
    image = random_image(1, size=(width, height))
    canvas = tiling_canvas(Size(width, height), GRID)
    tiles = layout_tiles(canvas, side, overlap, GRID.multiple)
    assert len({tile.box.size for tile in tiles}) == 1
    result = Image.new("RGB", (width, height))
    for tile in tiles:
        box = tile.box
        assert not (box.left % 8 or box.top % 8) and box.right <= canvas.width and box.bottom <= canvas.height
        blend_tile(result, crop_tile(image, box), tile, alone=False)
    assert np.abs(np.asarray(result).astype(int) - np.asarray(image)).max() <= 1


def test_two_tiles_cross_fade_over_their_overlap() -> None:
    tiles = layout_tiles(Size(112, 64), 64, 16, 8)
    assert [tile.box.left for tile in tiles] == [0, 48]
    result = Image.new("RGB", (112, 64))
    for value, tile in zip((0, 200), tiles, strict=True):
        blend_tile(result, Image.new("RGB", (64, 64), (value,) * 3), tile, alone=False)
    row = np.asarray(result)[32, :, 0].astype(int)
    assert row[47] == 0 and row[64] == 200
    assert (np.diff(row[47:65]) > 0).all() and np.diff(row).max() <= 14


# -- faces -----------------------------------------------------------------------------------------------------------


def test_the_face_box_is_centred_and_blends_out_at_its_edges() -> None:
    image = Image.new("RGB", (100, 60), (10, 10, 10))
    box = face_box(Size(100, 60))
    assert box == (20, 0, 80, 60)
    result = np.asarray(blend_face(image, Image.new("RGB", (512, 512), (210, 210, 210)), box, 0.5))
    assert result[30, 50, 0] == 110 and (result[:, :20] == 10).all() and (result[0] == 10).all()
