"""Sizes: how a source is fitted onto the canvas, in numbers and in pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from invoke_cli.imaging.canvas import crop_from_canvas, place_on_canvas
from invoke_cli.imaging.patches import border_patches, grown, inner_box
from invoke_cli.imaging.sizes import FitMode, Grid, Size, aspects_differ, fit, free_size
from invoke_cli.request import Borders

NATIVE_512 = Grid(multiple=8, smallest=64, native=512)
sides = st.integers(1, 5000)


@pytest.mark.feature("size")
def test_size_0_is_native_and_others_are_rounded_down_to_the_grid() -> None:
    assert free_size(0, 0, NATIVE_512) == (512, 512)
    assert free_size(500, 384, NATIVE_512) == (496, 384)
    assert free_size(7, 64, NATIVE_512) == (64, 64)


@pytest.mark.feature("fit")
@pytest.mark.parametrize(
    ("source", "size", "canvas"),
    [
        ((1000, 500), (512, 512), (512, 256)), ((500, 1000), (512, 512), (256, 512)),
        ((256, 256), (512, 512), (512, 512)), ((1500, 1000), (512, 512), (512, 336)),
        ((640, 427), (512, 512), (512, 336)), ((2000, 100), (512, 512), (512, 64)),
    ],
)  # fmt: skip
def test_fit_keeps_the_aspect_within_the_size(source: Size, size: Size, canvas: Size) -> None:
    assert fit(Size(*source), *size, FitMode.FIT, NATIVE_512).canvas == canvas


@pytest.mark.feature("pad")
def test_pad_centres_the_source_and_crops_the_result() -> None:
    geometry = fit(Size(1000, 500), 0, 0, FitMode.PAD, NATIVE_512)
    assert geometry.canvas == (512, 512)
    assert geometry.scaled == (512, 256)
    assert geometry.offset == (0, 128)
    assert geometry.result == (512, 256)
    upright = fit(Size(500, 1000), 0, 0, FitMode.PAD, NATIVE_512)
    assert upright.offset == (128, 0) and upright.result == (256, 512)
    assert fit(Size(700, 700), 0, 0, FitMode.PAD, NATIVE_512).output is None


@pytest.mark.feature("native-size")
def test_without_a_size_the_canvas_has_the_model_s_area() -> None:
    geometry = fit(Size(1600, 900), 0, 0, FitMode.AUTO, NATIVE_512)
    assert geometry.canvas == (680, 384)
    assert fit(Size(384, 384), 0, 0, FitMode.AUTO, NATIVE_512).canvas == (512, 512)


def test_one_given_side_determines_the_other() -> None:
    assert fit(Size(1000, 500), 400, 0, FitMode.AUTO, NATIVE_512).canvas == (400, 200)
    assert fit(Size(1000, 500), 0, 400, FitMode.AUTO, NATIVE_512).canvas == (800, 400)


def test_aspects_more_than_5_percent_apart_differ() -> None:
    assert aspects_differ(Size(1000, 500), Size(512, 512))
    assert not aspects_differ(Size(1000, 980), Size(512, 512))


@pytest.mark.feature("stretch")
def test_stretch_is_a_plain_resize() -> None:
    image = Image.effect_noise((100, 50), 80).convert("RGB")
    geometry = fit(Size(100, 50), 64, 64, FitMode.STRETCH, NATIVE_512)
    assert place_on_canvas(image, geometry).tobytes() == image.resize((64, 64), Image.Resampling.LANCZOS).tobytes()


@pytest.mark.feature("size-multiple")
@given(sides, sides, st.integers(0, 2000), st.integers(0, 2000), st.sampled_from(FitMode))
def test_the_canvas_is_always_on_the_grid(width: int, height: int, wide: int, high: int, mode: FitMode) -> None:
    geometry = fit(Size(width, height), wide, high, mode, NATIVE_512)
    assert all(side % 8 == 0 and side >= 64 for side in geometry.canvas)
    if mode is FitMode.STRETCH:
        assert geometry.scaled == geometry.canvas
    elif geometry.output is not None:
        assert all(scaled <= side for scaled, side in zip(geometry.scaled, geometry.canvas, strict=True))
        assert geometry.result == geometry.scaled, "the margin is cut off again"
    else:
        assert all(scaled >= side for scaled, side in zip(geometry.scaled, geometry.canvas, strict=True))
        tight = [scaled == side for scaled, side in zip(geometry.scaled, geometry.canvas, strict=True)]
        assert any(tight)


@example(177, 515, 0, 0, FitMode.FIT)
@given(sides, sides, st.integers(0, 2000), st.integers(0, 2000), st.sampled_from([FitMode.AUTO, FitMode.FIT]))
def test_only_crop_cuts_off_more_than_the_remainder_of_a_multiple(
    width: int, height: int, wide: int, high: int, mode: FitMode
) -> None:
    geometry = fit(Size(width, height), wide, high, mode, NATIVE_512)
    cut = [scaled - side for scaled, side in zip(geometry.scaled, geometry.result, strict=True)]
    assert all(0 <= side < 8 for side in cut)
    assert geometry.canvas.width * geometry.canvas.height <= 512**2 or wide or high or mode is FitMode.FIT


@pytest.mark.parametrize(
    ("source", "size", "mode", "canvas", "result"),
    [
        ((3000, 90), (512, 512), FitMode.FIT, (512, 64), (512, 15)),
        ((90, 3000), (512, 512), FitMode.FIT, (64, 512), (15, 512)),
        ((50, 100), (128, 96), FitMode.FIT, (64, 96), (48, 96)),
        ((6000, 60), (0, 0), FitMode.AUTO, (4096, 64), (4096, 41)),
        ((800, 90), (320, 0), FitMode.AUTO, (320, 64), (320, 36)),
        ((40, 30), (40, 30), FitMode.AUTO, (64, 64), (40, 30)),
        ((1000, 970), (512, 512), FitMode.AUTO, (512, 496), (512, 496)),
        ((5000, 1), (512, 512), FitMode.FIT, (512, 64), (512, 1)),
    ],
)  # fmt: skip
def test_a_side_below_the_smallest_one_is_padded(
    source: Size, size: Size, mode: FitMode, canvas: Size, result: Size
) -> None:
    geometry = fit(Size(*source), *size, mode, NATIVE_512)
    assert geometry.canvas == canvas and geometry.result == result


def test_a_padded_strip_repeats_its_edges_and_comes_back_whole() -> None:
    image = Image.effect_noise((300, 10), 80).convert("RGB")
    geometry = fit(Size(300, 10), 320, 320, FitMode.FIT, NATIVE_512)
    placed = place_on_canvas(image, geometry)
    top = geometry.offset[1]
    assert (np.asarray(placed)[: top + 1] == np.asarray(placed)[top]).all()
    expected = image.resize(geometry.scaled, Image.Resampling.LANCZOS)
    assert crop_from_canvas(placed, geometry).tobytes() == expected.tobytes()


@given(st.integers(100, 900), st.integers(100, 900))
def test_scaling_preserves_the_aspect(width: int, height: int) -> None:
    geometry = fit(Size(width, height), 0, 0, FitMode.AUTO, NATIVE_512)
    across, down = geometry.scaled.width / width, geometry.scaled.height / height
    assert abs(across / down - 1) < 0.02


def test_an_image_that_fits_is_unchanged() -> None:
    image = Image.effect_noise((384, 384), 80).convert("RGB")
    geometry = fit(Size(384, 384), 384, 384, FitMode.AUTO, NATIVE_512)
    assert place_on_canvas(image, geometry).tobytes() == image.tobytes()


def test_padding_is_filled_and_cropped_off_again() -> None:
    image = Image.new("RGB", (100, 50), "red")
    geometry = fit(Size(100, 50), 128, 128, FitMode.PAD, NATIVE_512)
    canvas = place_on_canvas(image, geometry, "white")
    pixels = np.asarray(canvas)
    assert pixels[0, 0].tolist() == [255, 255, 255]
    assert pixels[64, 64].tolist() == [255, 0, 0]
    assert crop_from_canvas(canvas, geometry).size == (128, 64)
    assert np.asarray(crop_from_canvas(canvas, geometry)).reshape(-1, 3).tolist() == [[255, 0, 0]] * (128 * 64)


def test_fit_with_one_side_leaves_the_other_free() -> None:
    assert fit(Size(96, 64), 128, 0, FitMode.FIT, Grid(8, 64, 64)).canvas == Size(128, 80)
    assert fit(Size(64, 96), 0, 128, FitMode.FIT, Grid(8, 64, 64)).canvas == Size(80, 128)


@settings(max_examples=150)
@given(
    whole=st.tuples(st.integers(1, 900), st.integers(1, 700)),
    sides=st.tuples(*[st.integers(0, 400)] * 4),
    native=st.sampled_from([128, 256, 512]),
)
def test_outpainting_patches_cover_the_border_in_windows_of_the_native_size(
    whole: tuple[int, int], sides: tuple[int, int, int, int], native: int
) -> None:
    borders = Borders(*sides)
    size = grown(Size(*whole), borders)
    known = np.zeros((size.height, size.width), dtype=bool)
    old = inner_box(size, borders)
    known[old.top : old.bottom, old.left : old.right] = True
    for patch in border_patches(size, borders, Grid(multiple=8, smallest=64, native=native)):
        window, painted = patch.geometry.window, patch.painted
        assert window is not None and window.size.width <= native and window.size.height <= native
        known[painted.top : painted.bottom, painted.left : painted.right] = True
        assert known[window.top : window.bottom, window.left : window.right].all()
        assert not (painted.left < old.right and painted.right > old.left
                    and painted.top < old.bottom and painted.bottom > old.top)  # fmt: skip
    assert known.all()
