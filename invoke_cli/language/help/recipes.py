"""Example lines, one row each. `!help recipes` shows them, and the tests run them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """An example line and its chapter. The models and images that it names are placeholders."""

    chapter: str
    line: str


def _chapter(name: str, *lines: str) -> tuple[Recipe, ...]:
    return tuple(Recipe(chapter=name, line=line) for line in lines)


_ASTRONAUT = "Astronaut in a jungle, cold color palette, muted colors, detailed, 8k"
_FIRE = '"fire" -s10 -W384 -H384 -S1592514025'

RECIPES: tuple[Recipe, ...] = (
    *_chapter(
        "from a sketch",
        "tree on a hill with a river, nature photograph, national geographic -I ./tree-and-river-sketch.png -f 0.85",
        "photograph of a tree on a hill with a river",
        "tree on a hill with a river, national geographic -I ./big-sketch.png -H512 -W512 --fit",
    ),
    *_chapter(
        "strength and steps, with one init image",
        _FIRE,
        f"{_FIRE} -I fire-drawing.png --strength 0.7",
        f"{_FIRE} -I fire-drawing.png -f 0.4",
        '"fire" -s50 -W384 -H384 -S1592514025 -I fire-drawing.png -f 0.4',
        '"fire" -s30 -W384 -H384 -S1592514025 -I fire-drawing.png -f 0.7',
        '"fire" -s29 -W384 -H384 -S1592514025 -I fire-drawing.png -f 0.7',
        "fire -s10 -f0.7 -v0.2 -n4 -I fire-drawing.png",
    ),
    *_chapter(
        "another setting, season or style",
        "Transform this landscape into a winter scene with snow-covered mountains and frozen lake "
        "[blurry, low quality, distorted, oversaturated, artifacts] -I landscape.jpg -f 0.6",
        "Transform this astronaut floating in space into a medieval knight floating in a fantasy cosmic realm with "
        "magical nebulas and ancient runes -I astronaut.jpg -f 0.6",
        "Convert this ethereal glitchcore avatar into a realistic oil painting portrait with classical lighting and "
        "traditional brushwork techniques -I avatar.png -f 0.6",
        "Transform this photograph into an impressionist painting style, with visible brushstrokes and vibrant colors "
        "-I photo.jpg -f 0.5",
        "Change this sunny day scene to a dramatic stormy evening with dark clouds and lightning -I photo.jpg -f 0.6",
        "A oil painting of a landscape in impressionist style -I landscape.jpg -f light -C 7.5",
        "A oil painting of a landscape in impressionist style -I landscape.jpg -f balanced -C 7.5",
        "A oil painting of a landscape in impressionist style -I landscape.jpg -f heavy -C 7.5",
        '"{oil painting in the style of Van Gogh|watercolor painting with soft edges|pencil sketch with '
        'cross-hatching|digital art in cyberpunk style}" -I photo.jpg -f 0.6 -C 7.5',
        "in the style of elden ring -I landscape.jpg -f 0.45 -C 10.5",
    ),
    *_chapter(
        "preserving the original",
        'A blue car on a city street -I red-car.jpg -f 0.4 -C 10 --neg "red, distorted, blurry"',
        "professional product photography of a watch -I watch.jpg -f 0.35 -S 0..3",
        "Mountain in the background, lake in the middle ground, trees in the foreground, sunset lighting "
        '-I landscape.jpg -f 0.5 --neg "cluttered, distorted perspective, warped"',
        "impressionist painting with vibrant blues and warm oranges, maintaining original color palette -I photo.jpg "
        '-f 0.4 --neg "desaturated, monochrome, color shift"',
        "sunset over the hills -I photo.jpg -f .35 --match_colors",
        "a golden crown -I portrait.png -M mask.png -f .8 -m inpainting",
        "a castle on the horizon -I landscape.jpg -c top 64 right 128",
    ),
    *_chapter(
        "guidance, strength and negative prompts",
        "cat wizard, gandalf, lord of the rings, detailed, fantasy, cute, adorable, Pixar, Disney, 8k -I cat.png",
        f"{_ASTRONAUT} -I astronaut.jpg -f 0.8",
        f"{_ASTRONAUT} -I astronaut.jpg -C 8.0",
        f'{_ASTRONAUT} -I astronaut.jpg --neg "ugly, deformed, disfigured, poor details, bad anatomy"',
        f"{_ASTRONAUT} [jungle] -I astronaut.jpg",
        f"!sweep {_ASTRONAUT} -I astronaut.jpg -f .4,.6,1",
        f"!sweep {_ASTRONAUT} -I astronaut.jpg -C .1,5,10",
        "astronaut++ in a jungle-, muted colors -I astronaut.jpg",
    ),
    *_chapter(
        "guided by a control image",
        f"{_ASTRONAUT} -I astronaut.jpg --control depth:depth.png",
        f"{_ASTRONAUT} --control canny:astronaut.jpg:0.8",
        f"{_ASTRONAUT} -I astronaut.jpg --control depth:depth.png | in the style of elden ring, astronaut in a jungle "
        "-f 0.45 -C 10.5 --no_control",
    ),
    *_chapter(
        "several stages",
        "ethereal fantasy landscape with glowing crystals -I landscape.jpg -s 20 -f .6,.4,.2",
        "oil painting style -I photo.jpg -f .5 | dramatic sunset lighting -f .3 | highly detailed, masterpiece -f .2",
        f"{_ASTRONAUT} -m sd15 | {_ASTRONAUT} -f .5 -m other",
        f"{_ASTRONAUT} -I astronaut.jpg -m sd15 | -f .5 -m pixel | -f .5 -m comic",
    ),
    *_chapter(
        "upscaling",
        f"{_ASTRONAUT} -I astronaut.jpg | --latent_up 2 | --sr 4",
        '!fix small.png -U 4 --upscaler x4 --new_prompt "high quality, detailed, sharp" -s20',
        "a cat, portrait -I small.png -W 1024 -H 1024 -f .25",
        "!fix small.png -U 2",
    ),
)


def recipes_page() -> str:
    """Return all recipes, grouped by chapter, one line each for copying."""
    parts = []
    for chapter, rows in groupby(RECIPES, key=lambda recipe: recipe.chapter):
        parts.append("\n".join([chapter, *(f"  {recipe.line}" for recipe in rows)]))
    return "\n\n".join(parts)
