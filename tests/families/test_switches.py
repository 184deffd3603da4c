"""The guarantee "One declaration": every family honours every switch or rejects it by name before loading."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from invoke_cli.engine import Engine, Job, Model
from invoke_cli.errors import PlanError
from invoke_cli.language.switches.switch import Group, Needs, Switch
from invoke_cli.language.switches.table import SWITCHES
from invoke_cli.models.families.family import Family
from invoke_cli.models.families.table import FAMILIES, family_named
from invoke_cli.models.files.folder import ModelFacts
from invoke_cli.models.registry import ModelSpec
from invoke_cli.models.samplers import SAMPLERS
from invoke_cli.planning.plan import Task
from tests.families.builders import BUILDERS, Folder
from tests.families.jobs import first_image, job, tiny

GENERATING = [family for family in FAMILIES if family.can_generate]
# The value of a switch, where its example would change nothing in four steps or name missing files.
TRIED = {
    "scheduler": "", "model": "", "init_image": "", "init_mask": "", "width": "", "height": "", "seeds": "",
    "num_inference_steps": "-s 3", "strength": "-f 0.6", "real_steps": "--real_steps 2", "guidance_scale": "-C 3.25",
    "negative_prompt": '--neg "a dog"', "variations": "-V 9:0.5", "variation_amount": "-v 0.5",
    "threshold": "--threshold 1", "perlin": "--perlin 0.5", "seamless": "--seamless",
    "seamless_axes": "--seamless_axes x",
    "h_symmetry_time_pct": "--h_symmetry_time_pct 0.5", "v_symmetry_time_pct": "--v_symmetry_time_pct 0.5",
    "prompt_syntax": "--prompt_syntax a1111",
    "clip_skip": "--clip_skip 1", "guidance_rescale": "--cfg_rescale 0.7", "eta": "--eta 0.9 -A ddim",
    "controls": "--control canny:photo.jpg",
    "offload": "--offload model", "attention": "--attention math", "vae_tiling": "--vae_tiling", "fast": "--fast tf32",
}  # fmt: skip
# Switches that need another sampler, an init image, several images, a GPU or brackets to change anything; tiling along
# one axis is like tiling along both.
WITHOUT_EFFECT = (
    "controls", "eta", "variation_amount", "strength", "real_steps", "seamless_axes", "offload", "attention",
    "vae_tiling", "fast", "prompt_syntax",
)  # fmt: skip
EFFECTIVE = [row for row in SWITCHES if row.recorded and row.group is not Group.OUTPUT and TRIED.get(row.field, "")]


def model_without_files(family: Family) -> Model:
    """Return a model of a family without files."""
    model_facts = ModelFacts(
        family=family, folder=Path("x"), size=64, scheduler="", prediction_type="", weights=(),
        inpainting=not (family.text_to_image or family.image_to_image),
    )  # fmt: skip
    return Model(spec=ModelSpec(name="it", path="x"), facts=model_facts)


def task_of(family: Family) -> Task:
    """Return the first task that the family supports."""
    if family.text_to_image:
        return Task.TEXT_TO_IMAGE
    return Task.IMAGE_TO_IMAGE if family.image_to_image else Task.INPAINT


@pytest.mark.parametrize("family", GENERATING, ids=lambda family: family.name)
@pytest.mark.parametrize("row", EFFECTIVE, ids=lambda row: row.name)
def test_a_switch_is_planned_or_rejected_by_name(family: Family, row: Switch) -> None:
    task = task_of(family)
    if row.needs is Needs.INIT and task is Task.TEXT_TO_IMAGE:
        if not family.image_to_image:
            return  # rejected with the init image
        task = Task.IMAGE_TO_IMAGE
    line = f"a cat {TRIED[row.field]}"
    line = line.replace(" -A ddim", "") if family.samplers or family.flow else line
    uncontrolled = row.field == "controls" and not family.controlled
    if row.field in family.refuses or uncontrolled or (family.paints_whole and row.field in ("strength", "real_steps")):
        with pytest.raises(PlanError) as caught:
            job(line, model_without_files(family), task)
        assert row.spelling in caught.value.message and family.label in caught.value.message
        reason = (
            "no control models" if uncontrolled else family.refuses.get(row.field, "regenerates the whole masked area")
        )
        assert reason in caught.value.message and caught.value.field == row.field
    else:
        requested = job(line, model_without_files(family), task).plan
        assert getattr(requested.request, row.field) not in (None, False)


@pytest.mark.parametrize("family", GENERATING, ids=lambda family: family.name)
def test_rejections_of_a_family_name_existing_fields(family: Family) -> None:
    fields = {row.field for row in SWITCHES}
    assert set(family.refuses) <= fields
    assert set(family.samplers) <= {row.name for row in SAMPLERS}
    assert all(not reason.endswith(".") for reason in family.refuses.values())


@pytest.mark.parametrize("family", GENERATING, ids=lambda family: family.name)
@pytest.mark.parametrize("task", [Task.TEXT_TO_IMAGE, Task.IMAGE_TO_IMAGE, Task.INPAINT])
def test_a_task_is_planned_or_rejected(family: Family, task: Task) -> None:
    pipeline = {
        Task.TEXT_TO_IMAGE: family.text_to_image, Task.IMAGE_TO_IMAGE: family.image_to_image,
        Task.INPAINT: family.inpaint,
    }[task]  # fmt: skip
    if pipeline:
        assert job("a cat", model_without_files(family), task).plan.task is task
    else:
        with pytest.raises(PlanError) as caught:
            job("a cat", model_without_files(family), task)
        assert "it" in caught.value.message


def test_a_family_s_own_defaults_give_no_notices() -> None:
    requested = job("a cat", model_without_files(family_named("flux")))
    assert not requested.plan.notices
    model = model_without_files(family_named("flux"))
    with pytest.raises(PlanError, match="brackets"):
        job("a cat [a dog]", model)


def image_digest(engine: Engine, job: Job) -> str:
    return hashlib.sha256(first_image(engine, job).tobytes()).hexdigest()


@pytest.mark.parametrize("name", [name for name in BUILDERS if name != "sdxl-inpainting"])
def test_a_planned_switch_changes_the_image(real_engine: Engine, folder_of: Folder, name: str) -> None:
    model = tiny(folder_of(name))
    family, task = model.facts.family, task_of(model.facts.family)
    steps = "-s 4 -S 5" + (" -f 0.9" if task is Task.IMAGE_TO_IMAGE and "strength" not in family.refuses else "")
    plain = image_digest(real_engine, job(f"a cat {steps}", model, task))
    for row in EFFECTIVE:
        unguided = "-C 0" in family.defaults and row.field in ("guidance_rescale", "negative_prompt")
        if row.field in family.refuses or row.field in WITHOUT_EFFECT or unguided:
            continue
        changed = job(f"a cat {steps} {TRIED[row.field]}", model, task)
        assert image_digest(real_engine, changed) != plain, row.name
    again = image_digest(real_engine, job(f"a cat {steps}", model, task))
    assert again == plain, "no state is left"


@pytest.mark.parametrize("name", ["stable-diffusion-3", "flux", "qwen-image", "sana", "z-image", "kandinsky-2.2"])
def test_every_sampler_of_a_family_generates_an_image(real_engine: Engine, folder_of: Folder, name: str) -> None:
    model = tiny(folder_of(name))
    images = set()
    for sampler in model.facts.family.samplers:
        requested = first_image(real_engine, job(f"a cat -s 4 -S 5 -A {sampler}", model))
        assert len(requested.getcolors(64 * 64) or []) > 50, sampler
        images.add(requested.tobytes())
    assert len(images) == len(model.facts.family.samplers)
    with pytest.raises(PlanError, match="k_dpm_2_a"):
        job("a cat -A k_dpm_2_a", model)


@pytest.mark.parametrize("name", ["flux", "qwen-image", "sana", "z-image", "pixart-sigma", "kandinsky-2.2"])
def test_frames_are_decoded_from_every_latent_layout(real_engine: Engine, folder_of: Folder, name: str) -> None:
    from tests.engine.jobs import Events

    requested = job("a cat -s 3 -S 5 --strip --save_latents", tiny(folder_of(name)))
    result = next(iter(real_engine.generate(replace(requested, total=1), Events().hooks())))
    assert len(result.frames) == 4 and len(result.latents) == 4
    scale = requested.plan.family.latent_scale
    assert {frame.size for frame in result.frames} == {(64 // scale, 64 // scale)}
