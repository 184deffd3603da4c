"""`--hires_fix`: generate a large image in two passes, the first at the model's native area. A chain of two stages.

The second pass starts from the image of the first one, enlarged with Lanczos; InvokeAI 2.x started from its latents.
"""

from __future__ import annotations

import math
from dataclasses import replace

from invoke_cli.imaging.sizes import FitMode, Grid, Size, free_size
from invoke_cli.language.switches.switch import Group
from invoke_cli.language.switches.table import SWITCHES
from invoke_cli.planning.plan import Plan, Task
from invoke_cli.request import GenerationRequest

STRENGTH = 0.75


def _split_postprocessing(request: GenerationRequest) -> tuple[GenerationRequest, GenerationRequest]:
    """Split a request into everything else and its postprocessing."""
    fields = {row.field for row in SWITCHES if row.group is Group.POSTPROCESS}
    values = request.set_fields().items()
    generation = {name: value for name, value in values if name not in fields}
    postprocessing = {name: value for name, value in values if name in fields}
    return GenerationRequest.of(generation), GenerationRequest.of(postprocessing)


def two_passes(request: GenerationRequest, grid: Grid) -> tuple[GenerationRequest, GenerationRequest] | None:
    """Split a request into the requests of two passes; None if its size does not exceed the model's native area.

    `-f` and postprocessing apply to the second pass, variations to the first one, whose noise has that size.
    """
    target = free_size(request.width or 0, request.height or 0, grid)
    if target.width * target.height <= grid.native**2:
        return None
    first = native_size(target, grid)
    strength = STRENGTH if request.strength is None else request.strength
    first_request, second_request = _split_postprocessing(request)
    return (
        replace(first_request, width=first.width, height=first.height, strength=None, hires_fix=False),
        replace(
            second_request, width=target.width, height=target.height, crop=True, strength=strength, hires_fix=False
        ),
    )


def is_second_pass(first: Plan, second: Plan) -> bool:
    """Return whether a stage generates the image of the first one again in a larger size, as the second pass does."""
    if first.task is not Task.TEXT_TO_IMAGE or second.task is not Task.IMAGE_TO_IMAGE or second.geometry is None:
        return False
    small, large = first.generated_size, second.generated_size
    is_enlarged = small.width * small.height < large.width * large.height
    same_prompt = first.request.prompt == second.request.prompt
    return is_enlarged and same_prompt and second.geometry.mode is FitMode.CROP


def native_size(target: Size, grid: Grid) -> Size:
    """Return the size with about the model's native area in the aspect of `target`, at most as large as `target`."""
    scale = grid.native / math.sqrt(target.width * target.height)
    sides = (math.floor(side * scale / grid.multiple + 0.5) * grid.multiple for side in target)
    width, height = (min(max(side, grid.smallest), most) for side, most in zip(sides, target, strict=True))
    return Size(width, height)
