"""The bundled model through the whole program, as a new user sees it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from invoke_cli.console.event_text import result_text
from invoke_cli.context.options import SessionOptions
from invoke_cli.context.outcome import Outcome
from invoke_cli.engine import Engine
from invoke_cli.session import Session
from tests.session_harness import SessionHarness, pixels, size

ASSETS = Path(__file__).parent.parent.parent / "invoke_cli" / "assets" / "sketchbook"
FIRE = '"fire" -s10 -W384 -H384 -S1592514025'


@pytest.fixture
def harness(tmp_path: Path, real_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[SessionHarness]:
    """A session with an empty root, so that the bundled model is the default."""
    monkeypatch.chdir(tmp_path)
    harness = SessionHarness(tmp_path, ASSETS, lambda _: real_engine)
    (tmp_path / "root" / "configs" / "models.yaml").unlink()
    options = SessionOptions(root=str(tmp_path / "root"))
    harness.session = Session(options, emit=harness.events.append, opener=lambda _: real_engine)
    yield harness
    harness.session.context.writer.close()


def colours(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), dtype=np.float64)


def fireplace(folder: Path) -> Path:
    """Save a rough drawing of a fire: a black frame and yellow flames with red in them, on white."""
    image = Image.new("RGB", (320, 320), "white")
    pen = ImageDraw.Draw(image)
    pen.rectangle((40, 40, 280, 300), fill="black")
    pen.rectangle((80, 90, 240, 300), fill=(40, 20, 10))
    pen.polygon([(90, 290), (120, 150), (150, 230), (170, 120), (200, 220), (230, 290)], fill=(250, 180, 20))
    pen.polygon([(120, 290), (160, 190), (200, 290)], fill=(230, 60, 20))
    image.save(folder / "fire-drawing.png")
    return folder / "fire-drawing.png"


def test_the_bundled_model_is_the_default(harness: SessionHarness) -> None:
    harness.run("!models")
    assert harness.messages.startswith("sketchbook") and "256 px" in harness.messages
    assert "cannot be used" not in harness.messages


def test_the_entry_has_the_fitted_preview_factors(harness: SessionHarness) -> None:
    fitted = json.loads((ASSETS / "preview.json").read_text(encoding="utf-8"))["rows"]
    preview = harness.session.context.settings.model().spec.preview
    assert preview is not None and [list(row) for row in preview] == fitted


def test_the_transcript_in_the_readme_is_reproduced(harness: SessionHarness) -> None:
    readme = (ASSETS.parent.parent.parent / "README.md").read_text(encoding="utf-8")
    first, *rest = readme[readme.index("invoke> ") : readme.index("\n```", readme.index("invoke> "))].splitlines()
    shown: list[str] = []
    for line in [first, *rest]:
        if line.startswith("invoke> "):
            assert shown == [], "the transcript ends too soon"
            harness.run(line.removeprefix("invoke> "))
            shown = [result_text(event) for event in harness.saved] + harness.messages.splitlines()
        else:
            assert line == shown.pop(0)


@pytest.mark.parametrize(("colour", "channel"), [("red", 0), ("blue", 2)])
def test_a_circle_has_the_requested_colour(harness: SessionHarness, colour: str, channel: int) -> None:
    (path,) = harness.draw(f"a large {colour} circle on a black background -S 3")
    middle = colours(path)[96:160, 96:160].mean(axis=(0, 1))
    assert middle.argmax() == channel and middle[channel] > 120


@pytest.mark.slow
def test_the_position_of_an_object_depends_on_the_seed(harness: SessionHarness) -> None:
    results = harness.draw("a small red circle -S 1..6 -s 8")
    centres = []
    for image in map(colours, results):
        red = image[..., 0] - image[..., 1:].max(axis=2) > 60
        assert red.any()
        centres.append(np.argwhere(red).mean(axis=0) / 256)
    assert np.std(centres, axis=0).mean() > 0.05


def test_exactness_an_image_equals_the_stock_pipeline_s(harness: SessionHarness) -> None:
    import torch
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    (path,) = harness.draw("a green tree, night -s 8 -C 4 -S 42 -A ddim")
    stock = StableDiffusionPipeline.from_pretrained(ASSETS, dtype=torch.float32, local_files_only=True)
    stock.scheduler = DDIMScheduler.from_config(stock.scheduler.config)
    stock.set_progress_bar_config(disable=True)
    seeded = torch.Generator("cpu").manual_seed(42)
    expected = stock("a green tree, night", num_inference_steps=8, guidance_scale=4.0, generator=seeded).images[0]
    assert pixels(path) == expected.tobytes()


@pytest.mark.feature("strength-scale")
@pytest.mark.slow
def test_higher_strength_moves_a_drawing_towards_the_prompt(harness: SessionHarness) -> None:
    source = colours(fireplace(harness.folder))
    distances = []
    for strength in (0.2, 0.6, 1.0):
        (path,) = harness.draw(f'"fire" -s10 -S1 -W320 -H320 -I fire-drawing.png -f {strength}')
        result = colours(path)
        distances.append(np.abs(result - source).mean())
    flames = result[160:290, 90:230].mean(axis=(0, 1))
    assert distances == sorted(distances)
    assert flames[0] > flames[2] + 30, "warm colours in the fire"


@pytest.mark.slow
def test_the_worked_example_verifies(harness: SessionHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    with Image.open(fireplace(harness.folder)) as drawing:
        drawing.resize((1500, 1000)).save("big-sketch.png")
    harness.run("!set --strip")
    results = harness.draw(FIRE)
    results += harness.draw(f"{FIRE} -I fire-drawing.png --strength 0.7")
    assert harness.saved[0].steps_taken == 7
    results += harness.draw('"fire" -s50 -W384 -H384 -S1592514025 -I fire-drawing.png -f 0.4')
    assert harness.saved[0].steps_taken == 20
    results += harness.draw("tree on a hill with a river, national geographic -I big-sketch.png -H512 -W512 --fit")
    assert size(results[-1]) == (512, 336)
    series = harness.draw('"fire" -s30 -f0.7 -v0.2 -n4 -I fire-drawing.png')
    assert len(series) == 4 and len({pixels(path) for path in series}) == 4
    assert all(path.with_name(f"{path.stem}.steps.png").is_file() for path in [*results, *series])
    (harness.folder / "elsewhere").mkdir()
    monkeypatch.chdir(harness.folder / "elsewhere")
    assert harness.run(f"!verify {' '.join(map(str, [*results, *series]))}") is Outcome.OK, harness.errors
    assert harness.messages.count(": identical") == 8


@pytest.mark.slow
def test_a_chain_and_a_mask_verify(harness: SessionHarness) -> None:
    fireplace(harness.folder)
    mask = Image.new("L", (320, 320), 0)
    mask.paste(255, (60, 60, 260, 300))
    mask.save("mask.png")
    (painted,) = harness.draw('"a fireplace" -I fire-drawing.png -M mask.png -f 0.8 -S 4')
    before, after = colours(harness.folder / "fire-drawing.png"), colours(painted)
    kept = np.asarray(mask) == 0
    assert (before[kept] == after[kept]).all() and (before[~kept] != after[~kept]).any()
    (chained,) = harness.draw("a red house on a green hill -S 7 | winter, oil painting -f .5")
    assert harness.run(f"!verify {painted} {chained}") is Outcome.OK


@pytest.mark.feature("subtle-tip")
def test_a_result_that_barely_changed_gives_a_notice(harness: SessionHarness) -> None:
    harness.draw("a large red circle on a black background -S3 -s8")
    harness.draw("a large blue star on a white background -I !1 -f .9 -s8 -S3")
    assert not any("barely changed" in text for text in harness.notices)
    harness.draw("a large red circle on a black background -I !1 -f .15 -s8 -S3")
    assert any("the image barely changed; try a higher -f" in text for text in harness.notices)
