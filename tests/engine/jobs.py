"""Engine jobs made from a line without a session, and their results and events."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PIL import Image

from invoke_cli.engine import Engine, Hooks, ImageResult, Job, Model
from invoke_cli.engine.counters import Counters
from invoke_cli.events import Event, Trace
from invoke_cli.imaging.canvas import place_on_canvas
from invoke_cli.imaging.sizes import Size
from invoke_cli.language.grammar.line import Generation, parse
from invoke_cli.language.switches.table import program_defaults
from invoke_cli.models.files.folder import read_facts
from invoke_cli.models.registry import ModelSpec
from invoke_cli.planning.make_plan import make_plan
from invoke_cli.planning.plan import InitFacts
from invoke_cli.planning.plan_inputs import PlanInputs
from invoke_cli.request import GenerationRequest, overlay


class Events(list[Event]):
    """Hooks that record the engine's events."""

    def __init__(self) -> None:
        super().__init__()
        self.stop_after: int | None = None
        self.counters = Counters()

    def hooks(self) -> Hooks:
        return Hooks(emit=self.append, stopped=self._stopped, counters=self.counters)

    def _stopped(self) -> bool:
        return self.stop_after is not None and len(self) > self.stop_after


def model_at(folder: Path) -> Model:
    """Return a model for a folder."""
    return Model(spec=ModelSpec(name=folder.name, path=str(folder)), facts=read_facts(folder, folder.name))


def job_for(line: str, model: Model, init: Image.Image | None = None) -> Job:
    """Return the job of a line; `init` is the image that `-I` names."""
    parsed = parse(line)
    assert isinstance(parsed, Generation)
    defaults = overlay(program_defaults(), GenerationRequest(scheduler="ddim"))
    request = overlay(defaults, parsed.stages[0].request)
    facts = None
    if init is not None:
        facts = InitFacts(name="init.png", reference="init.png", sha256="0" * 64, size=Size(*init.size))
    else:
        request = replace(request, init_image=None)
    plan = make_plan(
        PlanInputs(request=request, model=model.spec.name, facts=model.facts, random_seed=lambda: 7, init=facts)
    )
    canvas = place_on_canvas(init, plan.geometry) if init is not None and plan.geometry is not None else None
    return Job(plan=plan, model=model, images=plan.images, init=canvas, total=len(plan.images))


def results(engine: Engine, job: Job, events: Events | None = None) -> list[ImageResult]:
    """Return the results of a job."""
    return list(engine.generate(job, (events if events is not None else Events()).hooks()))


def traces(events: Events) -> list[str]:
    """Return the trace lines of the events, and the summary that ends a trace."""
    return [*(event.text for event in events if isinstance(event, Trace)), events.counters.summary()]
