"""Control images: their syntax, the annotators' output, and the kinds in published model names."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from invoke_cli.errors import LineError
from invoke_cli.imaging.control_images import canny, guide, scribble, soft_edges
from invoke_cli.language.grammar.format import format_line
from invoke_cli.language.grammar.line import Generation, parse
from invoke_cli.models.control_models import kind_in_name
from invoke_cli.request import GenerationRequest


def request(line: str) -> GenerationRequest:
    parsed = parse(line)
    assert isinstance(parsed, Generation)
    return parsed.stages[0].request


@pytest.mark.parametrize(
    ("typed", "choice"),
    [
        ("canny:photo.jpg", ("canny", "photo.jpg", 1)),
        ("canny:photo.jpg:.8", ("canny", "photo.jpg", 0.8)),
        (r"depth:C:\pics\d.png:0", ("depth", r"C:\pics\d.png", 0)),
        ("depth:@last", ("depth", "@last", 1)),
        ("pose:!17:0.5", ("pose", "!17", 0.5)),
        ('"seg:my map.png:2"', ("seg", "my map.png", 2)),
        ("canny:https://example.org/a.png:1.5", ("canny", "https://example.org/a.png", 1.5)),
        ("canny:a:b.png", ("canny", "a:b.png", 1)),
    ],
)
def test_the_last_number_is_the_weight(typed: str, choice: tuple[str, str, float]) -> None:
    parsed = request(f"a cat --control {typed}")
    assert parsed.controls == (choice,)
    assert request(format_line([parsed])) == parsed


def test_control_switches_add_up_and_no_control_clears_them() -> None:
    parsed = request("a cat --control canny:a.png --control depth:b.png:.5")
    assert [choice.kind for choice in parsed.controls or ()] == ["canny", "depth"]
    assert "--control canny:a.png:1 --control depth:b.png:0.5" in format_line([parsed])
    assert request("a cat --no_control").controls == () and "--no_control" in format_line([request("a --no_control")])
    assert request("a cat --control canny:a.png --no_control").controls == ()


@pytest.mark.parametrize("typed", ["canny", "canny:", ":a.png", "canny:a.png:9", "canny:a.png:2.01"])
def test_the_error_of_a_bad_control_points_at_it(typed: str) -> None:
    line = f"a cat --control {typed}"
    with pytest.raises(LineError) as caught:
        parse(line)
    assert caught.value.span is not None and "--control" in caught.value.message
    assert line[caught.value.span.start : caught.value.span.end] == typed


def shape(draw: str) -> Image.Image:
    image = Image.new("RGB", (64, 48), "black")
    getattr(ImageDraw.Draw(image), draw)((16, 12, 47, 35), fill="white")
    return image


def test_canny_finds_the_outline_of_a_rectangle_one_pixel_wide() -> None:
    edges = np.asarray(canny(shape("rectangle")).convert("L"))
    assert set(np.unique(edges)) == {0, 255}
    rows, columns = np.nonzero(edges)
    on_a_side = np.minimum.reduce([abs(columns - 15.5), abs(columns - 47.5), abs(rows - 11.5), abs(rows - 35.5)])
    assert on_a_side.max() <= 1.5, "nothing but the outline"
    assert 2 * (32 + 24) - 16 <= len(rows) <= 2 * (32 + 24) + 16, "the whole of it, one pixel wide"
    for row in (18, 24, 30):
        assert len(np.nonzero(edges[row])[0]) == 2
    assert canny(shape("rectangle")).tobytes() == canny(shape("rectangle")).tobytes()


def test_canny_finds_closed_curves_and_ignores_faint_gradients() -> None:
    edges = np.asarray(canny(shape("ellipse")).convert("L")) > 0
    assert all(2 <= edges[row].sum() <= 8 for row in range(16, 32))
    ramp = Image.fromarray(np.tile(np.arange(64, dtype=np.uint8) * 2, (48, 1)))
    assert not np.asarray(canny(ramp)).any()
    assert not np.asarray(canny(Image.new("RGB", (20, 20), "grey"))).any()


def test_canny_keeps_weak_edges_that_are_connected_to_strong_ones() -> None:
    """The contrast of a bar fades: its edge is followed into the weak part, but a weak edge alone is dropped."""
    values = np.zeros((60, 40), dtype=np.uint8)
    values[:, 20:] = np.linspace(200, 36, 60).astype(np.uint8)[:, None]
    whole = np.asarray(canny(Image.fromarray(values)).convert("L"))
    alone = np.asarray(canny(Image.fromarray(values[52:])).convert("L"))
    assert whole[52:58, 18:22].any(axis=1).all() and not alone.any()


def test_soft_edges_and_scribbles() -> None:
    soft = np.asarray(soft_edges(shape("rectangle")).convert("L"))
    assert soft[24, 15] > 150 and soft[24, 32] < 20 and 0 < soft[24, 13] < soft[24, 15]
    paper = Image.new("RGB", (32, 32), "white")
    ImageDraw.Draw(paper).line((0, 16, 31, 16), fill="black")
    lines = np.asarray(scribble(paper))
    assert lines[16].min() == 255 and lines[5].max() == 0
    assert scribble(Image.fromarray(lines)).tobytes() == lines.tobytes(), "white on black is unchanged"
    assert guide(paper, "depth") is paper


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("control_v11p_sd15_canny", "canny"), ("controlnet-depth-sdxl-1.0", "depth"), ("sd-controlnet-hed", "softedge"),
        ("control_v11p_sd15_openpose", "pose"), ("control_v11p_sd15_seg", "seg"), ("something", ""),
        ("segment-free", ""),
    ],
)  # fmt: skip
def test_the_kind_is_found_in_published_model_names(name: str, kind: str) -> None:
    assert kind_in_name(name) == kind
