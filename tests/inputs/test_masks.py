"""Masks: which pixels are painted, which are kept exactly, and how a mask is read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from invoke_cli.context.outcome import Outcome
from invoke_cli.imaging.masks import painted_share
from invoke_cli.imaging.sizes import Size
from invoke_cli.metadata.containers.text_chunks import read_chunks
from tests.sample_images import disc, drawing
from tests.session_harness import SessionHarness, image_facts, is_fake, size, values


@pytest.mark.feature("mask-transparency")
def test_only_transparent_parts_are_painted(harness: SessionHarness) -> None:
    hole = disc(100, 70)
    source = drawing(100, 70)
    source.putalpha(Image.eval(hole, lambda value: 255 - value))
    source.save("holed.png")
    (result,) = harness.draw("a cat -I holed.png -s3 -S1 -f 1")
    assert size(result) == (100, 70)
    kept = np.asarray(hole) == 0
    before, after = np.asarray(drawing(100, 70)), values(result)
    assert (after[kept] == before[kept]).all() and (after[~kept] != before[~kept]).any()
    assert any(text.startswith("painting ") and "% of the image" in text for text in harness.notices)


@pytest.mark.feature("mask-exact")
def test_pixels_outside_the_mask_are_kept_exactly(harness: SessionHarness) -> None:
    rng = np.random.default_rng(3)
    for number in range(50 if is_fake(harness) else 15):  # the real engine takes its time
        width, height = (int(side) for side in rng.integers(20, 180, 2))
        source = drawing(width, height)
        source.save(f"source{number}.png")
        blocks = rng.random((rng.integers(1, 8), rng.integers(1, 8))) < rng.random()
        mask = Image.fromarray(np.where(blocks, np.uint8(255), np.uint8(0))).resize((width, height), 0)
        mask.convert(["L", "RGB", "1"][number % 3]).save(f"mask{number}.png")
        grow = int(rng.integers(0, 5))
        line = f"a cat -I source{number}.png -M mask{number}.png -s2 -S{number} -f 1 --mask_grow {grow}"
        (result,) = harness.draw(f"{line} --mask_blur {rng.integers(0, 20)}")
        assert size(result) == (width, height)
        from scipy import ndimage

        painted = np.asarray(mask) > 0
        near = ndimage.distance_transform_edt(~painted) <= grow if painted.any() else painted
        assert (values(result)[~near] == np.asarray(source)[~near]).all(), number


@pytest.mark.parametrize("switches", ["", "--invert_mask", "-W 64 -H 64 --crop", "-W 128 -H 96 --stretch", "--pad=red"])
def test_a_resized_mask_paints_no_pixel_outside_it(harness: SessionHarness, switches: str) -> None:
    rng = np.random.default_rng(5)
    for number in range(8):
        source, mask = (Size(*(int(side) for side in rng.integers(low, 200, 2))) for low in (40, 1))
        drawing(*source).save("source.png")
        blocks = Image.fromarray(np.where(rng.random((3, 4)) < 0.5, np.uint8(255), np.uint8(0))).resize(mask, 0)
        blocks.save("mask.png")
        (fitted,) = harness.draw(f"a cat -I source.png {switches.replace('--invert_mask', '')} -f 0")
        line = f"a cat -I source.png -M mask.png {switches} -s2 -S{number} -f 1 --mask_blur {number % 3}"
        (result,) = harness.draw(line)
        base = values(fitted) if "-W" in switches or "--pad" in switches else np.asarray(drawing(*source))
        sized = blocks.resize(source, Image.Resampling.NEAREST)
        placed = fitted_mask(sized, Size(*size(result)), switches)
        kept = (np.asarray(placed) > 0) == ("--invert_mask" in switches)
        assert (values(result)[kept] == base[kept]).all(), (source, mask, number)


def fitted_mask(mask: Image.Image, to: Size, switches: str) -> Image.Image:
    """Return a mask of the size of the init image as the switches place it in the result, without smoothing."""
    how = Image.Resampling.NEAREST
    if "--crop" not in switches:
        return mask.resize(to, how)
    scale = max(to.width / mask.width, to.height / mask.height)
    scaled = mask.resize(Size(*(max(a, round(b * scale)) for a, b in zip(to, mask.size, strict=True))), how)
    left, top = (scaled.width - to.width + 1) // 2, (scaled.height - to.height + 1) // 2
    return scaled.crop((left, top, left + to.width, top + to.height))


@pytest.mark.parametrize("mask_size", [(1, 1), (1, 700), (3000, 2)])
def test_a_mask_of_an_extreme_size_is_stretched(harness: SessionHarness, sketch: Path, mask_size: Size) -> None:
    Image.new("L", mask_size, 255).save("mask.png")
    (result,) = harness.draw("a cat -I sketch.png -M mask.png -s2 -S1 -f 1")
    assert size(result) == (96, 64) and (values(result) != values(sketch)).any(axis=-1).mean() > 0.9


def test_without_matching_the_painted_pixels_are_those_of_the_model(harness: SessionHarness, sketch: Path) -> None:
    disc(96, 64).save("mask.png")
    line = "a cat -I sketch.png -M mask.png -W 96 -H 64 -s2 -S1 -f 1 --mask_blur 0"
    (matched,) = harness.draw(line)
    assert harness.messages == "" and image_facts(matched)["mask_match"] == 1
    (plain,) = harness.draw(f"{line} --mask_match 0")
    assert image_facts(plain)["mask_match"] == 0 and "--mask_match 0" in harness.saved[0].line
    painted = np.asarray(disc(96, 64)) > 0
    assert (values(matched)[~painted] == values(plain)[~painted]).all()
    assert (values(matched)[painted] != values(plain)[painted]).any()
    if is_fake(harness):
        assert len(np.unique(values(plain)[painted], axis=0)) == 1, "the fake engine paints one colour"
    (again,) = harness.draw(f"!replay {plain}")
    assert (values(again) == values(plain)).all()
    harness.run("!set --mask_match 0")
    (pasted,) = harness.draw(read_chunks(matched)["Dream"])
    assert (values(pasted) == values(matched)).all(), "the line states the matching itself"


def test_every_pass_of_a_refinement_and_every_border_can_do_without_matching(
    fake_session: SessionHarness, sketch: Path
) -> None:
    disc(96, 64).save("mask.png")
    for switches in ("-M mask.png -f .8,.5", "-c right 32 -f 1"):
        (path,) = fake_session.draw(f"a cat -I sketch.png {switches} -s4 -S1 --mask_blur 0 --mask_match 0")
        whole, inside = values(path), values(sketch)
        changed = np.ones(whole.shape[:2], dtype=bool)
        changed[: inside.shape[0], : inside.shape[1]] = (whole[:64, :96] != inside).any(axis=-1)
        assert len(np.unique(whole[changed], axis=0)) == 1, switches
        assert fake_session.run(f"!verify {path}") is Outcome.OK, fake_session.messages


def test_masked_images_of_schema_2_are_verified_and_replayed_by_its_rules(harness: SessionHarness) -> None:
    drawing(100, 70).save("sketch.png")
    disc(100, 70).save("mask.png")
    disc(23, 31).save("small.png")
    (same,) = harness.draw("a cat -I sketch.png -M mask.png -s2 -S1 -f 1")
    (resized,) = harness.draw("a cat -I sketch.png -M small.png -s2 -S1 -f 1 --mask_blur 0")
    for path in (same, resized):
        as_schema_2(path)
    assert harness.run(f"!verify {same}") is Outcome.OK and "identical" in harness.messages, harness.messages
    assert harness.run(f"!verify {resized}") is Outcome.FAILED, "its edge was painted by the rules of schema 2"
    (again,) = harness.draw(f"!replay {resized}")
    outside = np.asarray(disc(23, 31).resize((100, 70), Image.Resampling.NEAREST)) == 0
    assert (values(again)[outside] != np.asarray(drawing(100, 70))[outside]).any()
    assert not {"mask_match", "inpainting"} & image_facts(again).keys()
    assert harness.run(f"!verify {again}") is Outcome.OK and "identical" in harness.messages, harness.messages


def as_schema_2(path: Path) -> None:
    """Rewrite the metadata of an image as version 0.2 wrote it."""
    chunks = read_chunks(path)
    document = json.loads(chunks["sd-metadata"])
    document["schema_version"] = 2
    facts = document["image"]
    facts["type"] = facts.pop("task")
    later = ("mask_match", "inpainting", "facetool", "facetool_strength", "upscale", "hires_fix",
             "h_symmetry_time_pct", "v_symmetry_time_pct", "width", "height")  # fmt: skip
    for name in later:
        facts.pop(name, None)
    chunks["sd-metadata"] = json.dumps(document)
    info = PngInfo()
    for key, text in chunks.items():
        info.add_itxt(key, text.replace(" --mask_match 1", ""))
    with Image.open(path) as image:
        image.load()
        image.save(path, pnginfo=info)


@pytest.mark.parametrize("switches", ["-W 128 -H 64", "--fit -W 96 -H 96", "--pad -W 128 -H 128", "--crop -W 64 -H 64"])
def test_pixels_outside_the_mask_equal_the_fitted_image(harness: SessionHarness, sketch: Path, switches: str) -> None:
    disc(96, 64).save("mask.png")
    (fitted,) = harness.draw(f"a cat -I sketch.png {switches} -f 0")
    (result,) = harness.draw(f"a cat -I sketch.png -M mask.png {switches} -s2 -S1 -f 1")
    assert size(result) == size(fitted)
    same = (values(result) == values(fitted)).all(axis=-1)
    corners = same[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners.all() and not same[same.shape[0] // 2, same.shape[1] // 2]


@pytest.mark.feature("mask-file")
def test_white_is_painted_unless_the_mask_is_inverted(harness: SessionHarness, sketch: Path) -> None:
    disc(96, 64).save("mask.png")
    before = values(sketch)
    painted = np.asarray(disc(96, 64)) > 0
    for switch, region in (("", painted), ("--invert_mask", ~painted), ("--mask_polarity black", ~painted)):
        (result,) = harness.draw(f"a cat -I sketch.png -M mask.png -s2 -S1 -f 1 {switch}")
        changed = (values(result) != before).any(axis=-1)
        assert not changed[~region].any() and changed[region].mean() > 0.3


def test_a_transparent_mask_paints_its_transparent_parts(harness: SessionHarness, sketch: Path) -> None:
    mask = Image.new("RGB", (96, 64), "white")
    mask.putalpha(Image.eval(disc(96, 64), lambda value: 255 - value))
    mask.save("mask.png")
    (result,) = harness.draw("a cat -I sketch.png -M mask.png -s2 -S1 -f 1")
    changed = (values(result) != values(sketch)).any(axis=-1)
    assert not changed[np.asarray(disc(96, 64)) == 0].any() and changed.any()


def test_black_is_painted_in_masks_written_by_invokeai(harness: SessionHarness, sketch: Path) -> None:
    about = PngInfo()
    about.add_text("Dream", "!mask sketch.png -tm hair")
    Image.eval(disc(96, 64), lambda value: 255 - value).save("000001.x.masked.png", pnginfo=about)
    (result,) = harness.draw("a cat -I sketch.png -M 000001.x.masked.png -s2 -S1 -f 1")
    changed = (values(result) != values(sketch)).any(axis=-1)
    assert not changed[np.asarray(disc(96, 64)) == 0].any() and changed.any()
    assert any("InvokeAI" in text for text in harness.notices)


@pytest.mark.feature("mask-file")
def test_a_mask_of_another_size_is_stretched_with_a_notice(harness: SessionHarness, sketch: Path) -> None:
    disc(30, 30).save("mask.png")
    (result,) = harness.draw("a cat -I sketch.png -M mask.png -s2 -S1 -f 1")
    assert size(result) == (96, 64) and any("stretched" in text for text in harness.notices)


def test_an_empty_mask_changes_nothing_and_a_full_one_everything(harness: SessionHarness, sketch: Path) -> None:
    Image.new("L", (96, 64), 0).save("none.png")
    Image.new("L", (96, 64), 255).save("all.png")
    (untouched,) = harness.draw("a cat -I sketch.png -M none.png -s2 -S1")
    assert (values(untouched) == values(sketch)).all() and any("the mask is empty" in text for text in harness.notices)
    (result,) = harness.draw("a cat -I sketch.png -M all.png -s2 -S1 -f 1")
    assert size(result) == (96, 64) and (values(result) != values(sketch)).any(axis=-1).mean() > 0.9


@pytest.mark.feature("mask-hidden-colour")
def test_erased_colours_are_filled_with_a_notice(harness: SessionHarness) -> None:
    source = np.full((64, 96, 4), (200, 120, 40, 255), dtype=np.uint8)
    source[20:40, 30:60] = 0
    Image.fromarray(source).save("erased.png")
    (result,) = harness.draw("a cat -I erased.png -s2 -S1 -f 0.1")
    assert any("erased" in text for text in harness.notices)
    if is_fake(harness):
        job = harness.session.context.engine.jobs[-1]  # type: ignore[attr-defined]
        assert (np.asarray(job.init).min(axis=(0, 1)) > (150, 90, 20)).all(), "the encoder gets no black hole"
    assert size(result) == (96, 64)


def test_masked_images_verify_from_another_folder(
    harness: SessionHarness, sketch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disc(96, 64).save("mask.png")
    holed = drawing(80, 80)
    holed.putalpha(disc(80, 80))
    holed.save("holed.png")
    result = [
        *harness.draw("a cat -I sketch.png -M mask.png -s3 -S1 -f .8 --mask_grow 3 --mask_blur 2"),
        *harness.draw("a cat -I sketch.png -M mask.png -s3 -S2 -W 64 -H 64 --mask_polarity black"),
        *harness.draw("a cat -I holed.png -s3 -S3 --invert_mask -n 2"),
    ]
    sketch.unlink()
    (harness.folder / "mask.png").unlink()
    (harness.folder / "elsewhere").mkdir()
    monkeypatch.chdir(harness.folder / "elsewhere")
    assert harness.run(f"!verify {' '.join(map(str, result))}") is Outcome.OK, harness.errors
    assert harness.messages.count(": identical") == len(result)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a cat -M mask.png", "-M needs an init image"),
        ("a cat -I sketch.png --invert_mask", "--invert_mask needs a mask"),
        ("a cat -I sketch.png -M nowhere.png", "there is no image nowhere.png"),
        ("a cat -I sketch.png -M sketch.png --mask_blur -1", "--mask_blur takes"),
        ("a cat -I sketch.png -M sketch.png --mask_polarity grey", "one of white, black"),
        ("a cat -I sketch.png -M sketch.png --mask_match 2", "--mask_match takes a whole number from 0 to 1"),
        ("a cat -I sketch.png --mask_match 0", "--mask_match needs a mask"),
    ],
)
def test_impossible_masks_are_errors(harness: SessionHarness, sketch: Path, line: str, message: str) -> None:
    assert harness.run(line) in (Outcome.FAILED, Outcome.UNREADABLE)
    assert message in harness.errors[0]


def test_an_inpainting_model_needs_a_mask(
    real_session: SessionHarness, sketch: Path, tiny_inpainting_model: Path
) -> None:
    assert real_session.run(f"a cat -s2 -m {tiny_inpainting_model}") is Outcome.FAILED
    assert "supports only inpainting" in real_session.errors[0]
    disc(96, 64).save("mask.png")
    (result,) = real_session.draw(f"a cat -I sketch.png -M mask.png -s2 -S1 -m {tiny_inpainting_model}")
    assert size(result) == (96, 64)
    assert real_session.run(f"!verify {result}") is Outcome.OK


def test_painted_share_of_a_half_white_mask_is_0_5() -> None:
    half = Image.new("L", (10, 10), 0)
    half.paste(255, (0, 0, 5, 10))
    assert painted_share(half) == 0.5


@pytest.mark.parametrize("mask_kind", ["alpha", "alpha --invert_mask", "file", "file -W 64 -H 64"])
def test_variations_paint_the_same_area(harness: SessionHarness, mask_kind: str) -> None:
    kind, *switches = mask_kind.split()
    source = drawing(120, 80)
    disc(120, 80).save("mask.png")
    if kind == "alpha":
        source.putalpha(Image.eval(disc(120, 80), lambda value: 255 - value))
    source.save("source.png")
    mask = "-M mask.png" if kind == "file" else ""
    result = harness.draw(f"a cat -I source.png {mask} {' '.join(switches)} -s4 -S1 -f .9 -v 0.3 -n 3")
    assert len({size(path) for path in result}) == 1 and len({values(path).tobytes() for path in result}) > 1
    if not any("-W" in switch for switch in switches):
        kept = (np.asarray(disc(120, 80)) == 0) != ("--invert_mask" in switches)
        for path in result:
            assert (values(path)[kept] == np.asarray(drawing(120, 80))[kept]).all()
    assert harness.run(f"!verify {' '.join(map(str, result))}") is Outcome.OK, harness.errors


def test_erased_parts_outside_the_mask_are_kept(harness: SessionHarness) -> None:
    source = np.full((64, 96, 4), (200, 120, 40, 255), dtype=np.uint8)
    source[10:20, 10:30] = 0
    Image.fromarray(source).save("erased.png")
    mask = Image.new("L", (96, 64), 0)
    mask.paste(255, (50, 30, 80, 60))
    mask.save("mask.png")
    (result,) = harness.draw("a cat -I erased.png -M mask.png -s2 -S1 -f 1")
    kept = np.asarray(mask) == 0
    assert (values(result)[kept] == source[..., :3][kept]).all()


@pytest.mark.feature("mask-overlay")
def test_the_view_of_a_mask_is_not_accepted_as_a_mask(fake_session: SessionHarness) -> None:
    drawing(96, 64).save("photo.png")
    disc(96, 64).save("disc.png")
    fake_session.run("!mask photo.png -M disc.png")
    (overlay,) = (fake_session.folder / "outputs").glob("*.overlay.png")
    (mask,) = (fake_session.folder / "outputs").glob("*.mask.png")
    assert fake_session.run(f"a cat -I photo.png -M {overlay} -s2") is Outcome.FAILED
    assert "not a mask" in fake_session.errors[0]
    assert fake_session.run(f"a cat -I photo.png -M {mask} -s2") is Outcome.OK
