"""The inputs of a plan, collected by the caller."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from invoke_cli.imaging.sizes import Grid
from invoke_cli.models.files.folder import ModelFacts
from invoke_cli.planning.plan import ControlUse, EmbeddingUse, InitFacts, LoraUse, MaskFacts, ResumeFacts
from invoke_cli.planning.postprocess import ColourFile, PostprocessModels
from invoke_cli.request import ControlChoice, GenerationRequest, LoraChoice
from invoke_cli.version import SCHEMA_VERSION


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanInputs:
    """The inputs of a plan.

    Attributes:
        request: The effective request, including all layers of defaults.
        draw_seed: Returns a random seed.
        find_lora: Finds a LoRA.
        find_control: Finds a control image and its control model.
        find_embedding: Finds an embedding; returns None if there is none.
        colour_file: The image that `--match_colors` names.
        has_colours: Whether there are pixels whose colours can be transferred: an init image or `colour_file`.
        schema_version: The rules to follow (see `version.SCHEMA_VERSION`).
    """

    request: GenerationRequest
    model: str
    facts: ModelFacts
    random_seed: Callable[[], int]
    find_lora: Callable[[LoraChoice], LoraUse] = field(default=lambda choice: LoraUse(**choice._asdict()))
    find_control: Callable[[ControlChoice], ControlUse] = field(
        default=lambda choice: ControlUse(requested_kind=choice.kind, weight=choice.weight, name=choice.image)
    )
    find_embedding: Callable[[str], EmbeddingUse | None] = field(default=lambda _: None)
    init: InitFacts | None = None
    mask: MaskFacts | None = None
    resume: ResumeFacts | None = None
    postprocess_models: PostprocessModels = field(default_factory=PostprocessModels)
    sources: Mapping[str, str] = field(default_factory=dict)
    colour_file: ColourFile | None = None
    has_colours: bool = False
    schema_version: int = SCHEMA_VERSION

    @property
    def is_postprocess_only(self) -> bool:
        """Whether the line only postprocesses the init image."""
        return self.init is not None and bool(self.request.fix or self.request.latent_up or self.request.sr)

    @property
    def grid(self) -> Grid:
        """The sizes that the model supports."""
        return grid_of(self.facts)


def grid_of(facts: ModelFacts) -> Grid:
    """Return the sizes that a model supports."""
    return Grid(multiple=facts.family.multiple, smallest=facts.family.smallest, native=facts.size)
