"""Chains: what a stage has from the one before, and which switches hold for the whole line. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from invoke_cli.errors import PlanError, blame
from invoke_cli.language.grammar.line import Stage
from invoke_cli.language.switches.switch import Group
from invoke_cli.language.switches.table import SWITCHES
from invoke_cli.request import GenerationRequest, overlay

# What a stage says anew or not at all: its place in the picture, its seed, and how strongly it works.
_OWN_GROUPS = (Group.INIT_IMAGE, Group.MASK, Group.VARIATION, Group.AFTER)
_OWN_FIELDS = ("seeds", "num_images")
_FIRST_ONLY = {
    "init_image": "a later stage starts from the one before; -I belongs to the first",
    "num_images": "-n belongs to the first stage: each of its images goes through the chain",
}
_LINE_GROUPS = (Group.OUTPUT, Group.RUN)


def linked(stages: Sequence[Stage]) -> list[GenerationRequest]:
    """The stages' requests, each with what it has from its predecessor; PlanError for what only the first may say."""
    line = _whole_line(stages)
    requests = [overlay(stages[0].request, line)]
    for number, stage in enumerate(stages[1:], start=1):
        _refuse(stage, number)
        before = inherited(requests[-1])
        if stage.request.outcrop is not None:  # it has the size of the picture before, and more
            before = replace(before, width=None, height=None)
        requests.append(overlay(overlay(before, stage.request), line))
    return requests


def inherited(request: GenerationRequest) -> GenerationRequest:
    """What the next stage has from a request that does not say otherwise."""
    own = {row.field for row in SWITCHES if row.group in _OWN_GROUPS} | set(_OWN_FIELDS)
    return GenerationRequest.of({name: value for name, value in request.said().items() if name not in own})


def sized(request: GenerationRequest, width: int, height: int) -> GenerationRequest:
    """The request of a later stage at the size of the picture before, unless it says another."""
    if request.width or request.height or request.outcrop:
        return request
    return replace(request, width=width, height=height)


def _whole_line(stages: Sequence[Stage]) -> GenerationRequest:
    """The switches that hold for the line, wherever they stand in it."""
    fields = {row.field for row in SWITCHES if row.group in _LINE_GROUPS}
    said: dict[str, object] = {}
    for stage in stages:
        said |= {name: value for name, value in stage.request.said().items() if name in fields}
    return GenerationRequest.of(said)


def _refuse(stage: Stage, number: int) -> None:
    """PlanError for what only the first stage of a chain may say."""
    request = stage.request
    wrong = [(name, hint) for name, hint in _FIRST_ONLY.items() if getattr(request, name) is not None]
    if request.seeds is not None and len(request.seeds) > 1:
        wrong.append(("seeds", "a list of seeds belongs to the first stage"))
    for name, hint in wrong:
        spelling = next(row.spelling for row in SWITCHES if row.field == name)
        with blame(stage=number):
            raise PlanError(f"{spelling} cannot stand in a later stage of a chain", hint=hint, field=name)
