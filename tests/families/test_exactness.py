"""The guarantee "Exactness": images of every family equal its stock pipeline's, bit for bit."""

from __future__ import annotations

from typing import Any

import pytest

from invoke_cli.engine import Engine
from invoke_cli.language.grammar.line import switches_only
from invoke_cli.models.families.family import StrengthRule
from invoke_cli.planning.capabilities import pipeline_for
from invoke_cli.planning.plan import Task
from tests.families.builders import BUILDERS, Folder
from tests.families.jobs import SIDE, first_image, job, mask, stock, tiny
from tests.sample_images import drawing

STEPS = 4


def arguments(family: Any, task: Task, steps: int) -> dict[str, Any]:
    """Return the arguments that give the stock pipeline this family's defaults."""
    defaults = switches_only(family.defaults)
    options: dict[str, Any] = {"prompt": "a cat", "num_inference_steps": steps, **family.arguments}
    options[family.guidance] = 7.5 if defaults.guidance_scale is None else defaults.guidance_scale
    if family.without_negative and options[family.guidance] > 1:
        options["negative_prompt"] = family.without_negative
    if task is not Task.TEXT_TO_IMAGE:
        options["image"] = drawing(SIDE, SIDE)
    if task is Task.INPAINT:
        options["mask_image"] = mask()
    return options


def with_size(family: Any, task: Task, options: dict[str, Any]) -> dict[str, Any]:
    import inspect

    import diffusers

    taken = inspect.signature(getattr(diffusers, pipeline_for(family, task)).__call__).parameters
    size = {"width": SIDE, "height": SIDE, "max_area": SIDE * SIDE}
    return options | {name: value for name, value in size.items() if name in taken}


# The switch for the tiny model's own sampler, where the family's default differs.
OWN_SAMPLER = {"stable-diffusion": "-A ddim", "stable-diffusion-2": "-A ddim", "latent-consistency": "-A lcm"}


def strength(rule: StrengthRule, taken: int, steps: int) -> dict[str, Any]:
    """Return the strength at which the stock pipeline takes this number of steps."""
    match rule:
        case StrengthRule.DOWN:
            return {"strength": (taken + 0.5) / steps}
        case StrengthRule.UP:
            return {"strength": (taken - 0.5) / steps}
        case StrengthRule.SHORT:
            return {"strength": taken / steps}
        case _:
            return {}


@pytest.mark.feature("families")
@pytest.mark.parametrize("name", BUILDERS)
def test_exactness_of_text_to_image(real_engine: Engine, folder_of: Folder, name: str) -> None:
    model = tiny(folder_of(name))
    family = model.facts.family
    if not family.text_to_image or model.facts.inpainting:
        pytest.skip("the model has no text to image")
    result = first_image(real_engine, job(f"a cat -s{STEPS} -S42 {OWN_SAMPLER.get(name, '')}", model))
    options = with_size(family, Task.TEXT_TO_IMAGE, arguments(family, Task.TEXT_TO_IMAGE, STEPS))
    assert result.tobytes() == stock(folder_of(name), family, family.text_to_image, **options).tobytes()
    assert len(result.getcolors(SIDE * SIDE) or []) > 50, "the image is not uniform"


@pytest.mark.feature("families")
@pytest.mark.parametrize("name", BUILDERS)
@pytest.mark.parametrize("task", [Task.IMAGE_TO_IMAGE, Task.INPAINT])
def test_exactness_of_image_to_image_and_inpainting(
    real_engine: Engine, folder_of: Folder, name: str, task: Task
) -> None:
    model = tiny(folder_of(name))
    family = model.facts.family
    pipeline = pipeline_for(family, task)
    if not pipeline or (model.facts.inpainting and task is not Task.INPAINT):
        pytest.skip("the family has no such pipeline")
    whole = family.strength is StrengthRule.NONE or (task is Task.INPAINT and family.paints_whole)
    strength_switch = "" if whole else "-f .5"
    own = OWN_SAMPLER.get(name, "")
    result = first_image(real_engine, job(f"a cat -s{STEPS} -S42 -I x {strength_switch} {own}", model, task))
    steps = 2 if family.strength is StrengthRule.SHORT else STEPS
    options = with_size(family, task, arguments(family, task, steps))
    if not whole:
        options |= {"strength": 0.5} if family.strength is StrengthRule.SHORT else strength(family.strength, 2, STEPS)
    assert result.tobytes() == stock(folder_of(name), family, pipeline, **options).tobytes()
