"""`--hires_fix`: a large picture in two passes, the first at the model's own area. Short for a chain of two stages.

The second pass starts from the first one's picture, enlarged by Lanczos, as InvokeAI 2.x started from its latents.
"""

from __future__ import annotations

import math
from dataclasses import replace

from invoke_cli.imaging.sizes import Grid, Size, free_size
from invoke_cli.language.switches.switch import Group
from invoke_cli.language.switches.table import SWITCHES
from invoke_cli.request import GenerationRequest

STRENGTH = 0.75


def two_passes(request: GenerationRequest, grid: Grid) -> tuple[GenerationRequest, GenerationRequest] | None:
    """The requests of both passes; None where the size asked for is not beyond the model's own area.

    `-f` and the work after the picture are the second pass's; variations are the first one's, whose noise has its size.
    """
    target = free_size(request.width or 0, request.height or 0, grid)
    if target.width * target.height <= grid.native**2:
        return None
    first = native_size(target, grid)
    strength = STRENGTH if request.strength is None else request.strength
    after = {row.field for row in SWITCHES if row.group is Group.AFTER}
    said = request.said()
    drawing = GenerationRequest.of({name: value for name, value in said.items() if name not in after})
    second = GenerationRequest.of({name: value for name, value in said.items() if name in after})
    return (
        replace(drawing, width=first.width, height=first.height, strength=None, hires_fix=False),
        replace(second, width=target.width, height=target.height, crop=True, strength=strength, hires_fix=False),
    )


def native_size(target: Size, grid: Grid) -> Size:
    """The size of about the model's own area, and not beyond the target's sides, in the target's aspect."""
    scale = grid.native / math.sqrt(target.width * target.height)
    sides = (math.floor(side * scale / grid.multiple + 0.5) * grid.multiple for side in target)
    width, height = (min(max(side, grid.smallest), most) for side, most in zip(sides, target, strict=True))
    return Size(width, height)
