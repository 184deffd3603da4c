"""The recipes of `!help recipes`: every line runs, on tiny models, with the right files, sizes and steps."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from invoke_cli.context.outcome import Outcome
from invoke_cli.events import Saved
from invoke_cli.language.help.recipes import RECIPES, recipes_page
from tests.sample_images import drawing
from tests.session_harness import SessionHarness, size
from tests.tiny_controls import build_controlnet
from tests.tiny_models import build_tiny_model
from tests.tiny_upscalers import build_latent_upscaler, build_x4_upscaler

# (part of the line, files, size, steps of each); any other recipe generates one image of 64 x 64.
EXPECTED: tuple[tuple[str, int, tuple[int, int], tuple[int, ...]], ...] = (
    ("tree-and-river-sketch.png", 1, (64, 64), (25,)),
    ("-H512 -W512 --fit", 1, (512, 256), (22,)),
    ("--strength 0.7", 1, (384, 384), (7,)),
    ("-s10 -W384 -H384 -S1592514025 -I fire-drawing.png -f 0.4", 1, (384, 384), (4,)),
    ("-s50 -W384", 1, (384, 384), (20,)),
    ("-s30 -W384", 1, (384, 384), (21,)),
    ("-s29 -W384", 1, (384, 384), (20,)),
    ('"fire" -s10 -W384', 1, (384, 384), (10,)),
    ("-v0.2 -n4", 4, (64, 64), (7, 7, 7, 7)),
    ("{oil painting in the style", 4, (64, 64), (18, 18, 18, 18)),
    ("-S 0..3", 4, (64, 64), (10, 10, 10, 10)),
    ("-f light", 1, (64, 64), (9,)),
    ("-f balanced", 1, (64, 64), (15,)),
    ("-f heavy", 1, (64, 64), (24,)),
    ("-f .6,.4,.2", 1, (64, 64), ()),
    ("-c top 64 right 128", 1, (224, 160), ()),
    ("golden crown", 1, (96, 96), (24,)),
    ("-f .4,.6,1", 3, (64, 64), (12, 18, 30)),
    ("-C .1,5,10", 3, (64, 64), (22, 22, 22)),
    ("canny:astronaut.jpg", 1, (64, 64), (30,)),
    ("-f 0.45 -C 10.5 --no_control", 1, (64, 64), (13,)),
    ("--latent_up 2 | --sr 4", 1, (512, 512), ()),
    ("-U 4 --upscaler", 1, (256, 256), ()),
    ("!fix small.png -U 2", 1, (128, 128), ()),
    ("-W 1024 -H 1024", 1, (1024, 1024), (7,)),
)
IMAGES = {"landscape.jpg": (96, 96), "portrait.png": (96, 96), "mask.png": (96, 96), "big-sketch.png": (800, 400)}


@pytest.fixture
def recipe_session(
    real_session: SessionHarness, tiny_inpainting_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> SessionHarness:
    """A session with an image and a model of every name that the recipes use."""
    models = real_session.folder / "root" / "configs" / "models.yaml"
    tiny = re.search(r"path: (.*)", models.read_text())
    assert tiny is not None
    built = tmp_path_factory.getbasetemp() / "recipes"
    folders = {"other": built / "other", "x2": built / "x2", "x4": built / "x4"}
    if not built.is_dir():
        build_tiny_model(folders["other"], seed=1)
        build_latent_upscaler(folders["x2"], Path(tiny[1]) / "vae")
        build_x4_upscaler(folders["x4"])
        build_controlnet(built / "net", Path(tiny[1]), 1)
    folders |= {name: Path(tiny[1]) for name in ("sd15", "pixel", "comic")} | {"inpainting": tiny_inpainting_model}
    with models.open("a") as file:
        file.writelines(f"{kind}-tiny:\n  path: {built / 'net'}\n  control: {kind}\n" for kind in ("depth", "canny"))
        file.writelines(f"{name}:\n  path: {folder}\n" for name, folder in folders.items())
    for recipe in RECIPES:
        for name in re.findall(r"[\w-]+\.(?:png|jpg)", recipe.line):
            drawing(*IMAGES.get(name, (64, 64))).save(name)
    return real_session


def rows() -> list[object]:
    """Return the lines, with the slow mark on the one that takes a minute."""
    slow = pytest.mark.slow
    return [pytest.param(row.line, marks=slow if "--latent_up" in row.line else ()) for row in RECIPES]


@pytest.mark.feature("edit-without-mask", "keep-palette", "style-only", "spatial-words", "negative-recipes", "recipes")
@pytest.mark.parametrize("line", rows())
def test_a_recipe_gives_the_expected_files_sizes_and_steps(recipe_session: SessionHarness, line: str) -> None:
    outcome = recipe_session.run(line if "-S" in line or line.startswith("!") else f"!dream {line}")
    assert outcome is Outcome.OK, recipe_session.errors
    _, files, sides, taken = next((row for row in EXPECTED if row[0] in line), ("", 1, (64, 64), ()))
    saved = recipe_session.of(Saved)
    assert [size(recipe_session.folder / event.path) for event in saved] == [sides] * files
    assert not taken or tuple(event.steps_taken for event in saved) == taken


def test_each_recipe_is_on_one_line_of_the_page() -> None:
    lines = recipes_page().splitlines()
    assert all(f"  {recipe.line}" in lines for recipe in RECIPES)
