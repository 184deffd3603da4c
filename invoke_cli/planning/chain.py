"""Chains: what a stage inherits from the previous one, and which switches apply to the whole line. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from invoke_cli.errors import PlanError, blame
from invoke_cli.language.grammar.line import Stage
from invoke_cli.language.switches.switch import Group
from invoke_cli.language.switches.table import SWITCHES
from invoke_cli.request import GenerationRequest, overlay

# Settings that a stage does not inherit: how it uses the init image, its seeds, and postprocessing.
_OWN_GROUPS = (Group.INIT_IMAGE, Group.MASK, Group.VARIATION, Group.POSTPROCESS)
_OWN_FIELDS = ("seeds", "num_images")
_FIRST_ONLY = {
    "init_image": "a later stage starts from the previous result; use -I in the first stage",
    "num_images": "use -n in the first stage: each of its images passes through the chain",
}
ENLARGING = ("upscale", "embiggen", "latent_up", "sr")
_LINE_GROUPS = (Group.OUTPUT, Group.RUN)


def link_stages(stages: Sequence[Stage]) -> list[GenerationRequest]:
    """Return the request of each stage, including the settings inherited from the previous stage.

    Raises:
        PlanError: If a later stage sets a switch that is only valid in the first one.
    """
    line = _line_switches(stages)
    requests = [overlay(stages[0].request, line)]
    for number, stage in enumerate(stages[1:], start=1):
        _check_later_stage(stage, number)
        before = inherited(requests[-1])
        # The size of an outpainted image is that of the previous one, plus the borders; an enlarged or padded one keeps
        # the size of its result.
        if stage.request.outcrop is not None or any(getattr(requests[-1], name) for name in (*ENLARGING, "pad")):
            before = replace(before, width=None, height=None)
        requests.append(overlay(overlay(before, stage.request), line))
    return requests


def inherited(request: GenerationRequest) -> GenerationRequest:
    """Return the settings of a request that the next stage inherits."""
    own = {row.field for row in SWITCHES if row.group in _OWN_GROUPS} | set(_OWN_FIELDS)
    return GenerationRequest.of({name: value for name, value in request.set_fields().items() if name not in own})


def sized(request: GenerationRequest, width: int, height: int) -> GenerationRequest:
    """Set the size of a later stage to that of the previous image, unless it sets its own."""
    if request.width or request.height or request.outcrop:
        return request
    return replace(request, width=width, height=height)


def _line_switches(stages: Sequence[Stage]) -> GenerationRequest:
    """Return the switches that apply to the whole line, from all stages."""
    fields = {row.field for row in SWITCHES if row.group in _LINE_GROUPS}
    values: dict[str, object] = {}
    for stage in stages:
        values |= {name: value for name, value in stage.request.set_fields().items() if name in fields}
    return GenerationRequest.of(values)


def _check_later_stage(stage: Stage, number: int) -> None:
    """Raise PlanError for switches that are only valid in the first stage of a chain."""
    request = stage.request
    invalid = [(name, hint) for name, hint in _FIRST_ONLY.items() if getattr(request, name) is not None]
    if request.seeds is not None and len(request.seeds) > 1:
        invalid.append(("seeds", "use a list of seeds in the first stage"))
    for name, hint in invalid:
        spelling = next(row.spelling for row in SWITCHES if row.field == name)
        with blame(stage=number):
            raise PlanError(f"{spelling} is not valid in a later stage of a chain", hint=hint, field=name)
