"""Choose the speed-ups of `--fast auto`, which depend on the processor, so that the record names them."""

from __future__ import annotations

from dataclasses import replace

from invoke_cli.context.context import SessionContext
from invoke_cli.generation.prepare import Prepared

AUTO = "auto"
FASTER = "--fast auto is faster on this processor, and changes the image slightly"


def with_chosen_speedups(context: SessionContext, prepared: Prepared) -> Prepared:
    """Replace `--fast auto` in all stages by what pays for their model on this device.

    A line without `--fast` that turns out to be slow gets a tip if something would pay.
    """
    if prepared.plan.request.fast is None and not prepared.needs_no_model:
        context.faster = FASTER if context.engine.best_fast(prepared.model) else ""
    first = _chosen(context, prepared)
    return replace(first, later=tuple(_chosen(context, stage) for stage in first.later))


def _chosen(context: SessionContext, stage: Prepared) -> Prepared:
    if stage.plan.request.fast != AUTO:
        return stage
    names = context.engine.best_fast(stage.model) or None
    request = replace(stage.plan.request, fast=names)
    return replace(stage, plan=replace(stage.plan, request=request))
