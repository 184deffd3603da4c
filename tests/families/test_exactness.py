"""Every family's pictures are the stock pipelines' pictures with the family's own defaults, bit for bit."""

from __future__ import annotations

from typing import Any

import pytest

from invoke_cli.engine import Engine
from invoke_cli.language.grammar.line import switches_only
from invoke_cli.models.families.family import StrengthRule
from invoke_cli.planning.capabilities import pipeline_for
from invoke_cli.planning.plan import Task
from tests.families.builders import BUILDERS, Folder
from tests.families.jobs import SIDE, job, mask, ours, stock, tiny
from tests.sample_images import drawing

STEPS = 4


def arguments(family: Any, task: Task, steps: int) -> dict[str, Any]:
    """What a user of diffusers would write for this family's defaults and its own scheduler."""
    usual = switches_only(family.defaults)
    given: dict[str, Any] = {"prompt": "a cat", "num_inference_steps": steps, **family.arguments}
    given[family.guidance] = 7.5 if usual.guidance_scale is None else usual.guidance_scale
    if family.without_negative and given[family.guidance] > 1:
        given["negative_prompt"] = family.without_negative
    if task is not Task.TEXT_TO_IMAGE:
        given["image"] = drawing(SIDE, SIDE)
    if task is Task.INPAINT:
        given["mask_image"] = mask()
    return given


def with_size(family: Any, task: Task, given: dict[str, Any]) -> dict[str, Any]:
    import inspect

    import diffusers

    taken = inspect.signature(getattr(diffusers, pipeline_for(family, task)).__call__).parameters
    size = {"width": SIDE, "height": SIDE, "max_area": SIDE * SIDE}
    return given | {name: value for name, value in size.items() if name in taken}


# The switch for the tiny model's own sampler, where the family's default is another one.
OWN = {"stable-diffusion": "-A ddim", "stable-diffusion-2": "-A ddim", "latent-consistency": "-A lcm"}


def strength(rule: StrengthRule, taken: int, steps: int) -> dict[str, Any]:
    """The strength at which the stock pipeline takes so many steps."""
    match rule:
        case StrengthRule.DOWN:
            return {"strength": (taken + 0.5) / steps}
        case StrengthRule.UP:
            return {"strength": (taken - 0.5) / steps}
        case StrengthRule.SHORT:
            return {"strength": taken / steps}
        case _:
            return {}


@pytest.mark.parametrize("name", BUILDERS)
def test_text_to_image(real_engine: Engine, folder_of: Folder, name: str) -> None:
    model = tiny(folder_of(name))
    family = model.facts.family
    if not family.text_to_image or model.facts.inpainting:
        pytest.skip("it does not draw from a prompt alone")
    made = ours(real_engine, job(f"a cat -s{STEPS} -S42 {OWN.get(name, '')}", model))
    given = with_size(family, Task.TEXT_TO_IMAGE, arguments(family, Task.TEXT_TO_IMAGE, STEPS))
    assert made.tobytes() == stock(folder_of(name), family, family.text_to_image, **given).tobytes()
    assert len(made.getcolors(SIDE * SIDE) or []) > 50, "a picture of something"


@pytest.mark.parametrize("name", BUILDERS)
@pytest.mark.parametrize("task", [Task.IMAGE_TO_IMAGE, Task.INPAINT])
def test_from_an_image(real_engine: Engine, folder_of: Folder, name: str, task: Task) -> None:
    model = tiny(folder_of(name))
    family = model.facts.family
    pipeline = pipeline_for(family, task)
    if not pipeline or (model.facts.inpainting and task is not Task.INPAINT):
        pytest.skip("it has no such pipeline")
    whole = family.strength is StrengthRule.NONE or (task is Task.INPAINT and family.paints_whole)
    said = "" if whole else "-f .5"
    own = OWN.get(name, "")
    made = ours(real_engine, job(f"a cat -s{STEPS} -S42 -I x {said} {own}", model, task))
    steps = 2 if family.strength is StrengthRule.SHORT else STEPS
    given = with_size(family, task, arguments(family, task, steps))
    if not whole:
        given |= {"strength": 0.5} if family.strength is StrengthRule.SHORT else strength(family.strength, 2, STEPS)
    assert made.tobytes() == stock(folder_of(name), family, pipeline, **given).tobytes()
