"""Records of plans that were never generated, to write into images."""

from __future__ import annotations

from pathlib import Path

from invoke_cli.imaging.sizes import Size
from invoke_cli.language.switches.table import program_defaults
from invoke_cli.metadata.codec import Batch, Record
from invoke_cli.metadata.formats.invokeai2 import APP_ID
from invoke_cli.models.families.table import family_named
from invoke_cli.models.files.folder import ModelFacts
from invoke_cli.planning.make_plan import make_plan
from invoke_cli.planning.plan import InitFacts
from invoke_cli.planning.plan_inputs import PlanInputs
from invoke_cli.request import GenerationRequest, overlay

FACTS = ModelFacts(
    family=family_named("stable-diffusion"),
    folder=Path("x"),
    size=512,
    scheduler="PNDMScheduler",
    prediction_type="epsilon",
    weights=(),
)
INIT = InitFacts(name="sketch.png", reference="pics/sketch.png", sha256="ab" * 32, size=Size(640, 480))


def record(request: GenerationRequest, init: InitFacts | None = None) -> Record:
    """Return the record of a request's first image, over the program's defaults."""
    base = overlay(program_defaults(), GenerationRequest(scheduler="k_lms", prompt="a cat"))
    inputs = PlanInputs(request=overlay(base, request), model="tiny", facts=FACTS, random_seed=lambda: 5, init=init)
    plan = make_plan(inputs)
    return Record(
        plan=plan, image=plan.images[0], size=plan.result_size, pixel_sha256="cd" * 32, program=APP_ID, version="0.1.0",
        model_sha256="ef" * 32, environment={"torch": "2.13.0", "threads": 2},
        batch=Batch(seeds=(plan.images[0].seed,)),
    )  # fmt: skip
