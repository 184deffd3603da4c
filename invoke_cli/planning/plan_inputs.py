"""What a plan is made from, gathered by the caller."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from invoke_cli.imaging.sizes import Grid
from invoke_cli.models.files.folder import ModelFacts
from invoke_cli.planning.plan import ControlUse, EmbeddingUse, InitFacts, LoraUse, MaskFacts, ResumeFacts
from invoke_cli.planning.postprocess import PostprocessModels
from invoke_cli.request import ControlChoice, GenerationRequest, LoraChoice


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanInputs:
    """All that a plan is made from. Every layer of defaults is in `request`; `draw_seed` asks the OS for a seed,
    `find_lora` looks a LoRA up, `find_control` a control model and its picture, `find_embedding` an embedding, which
    need not be there.
    """

    request: GenerationRequest
    model: str
    facts: ModelFacts
    draw_seed: Callable[[], int]
    find_lora: Callable[[LoraChoice], LoraUse] = field(default=lambda choice: LoraUse(**choice._asdict()))
    find_control: Callable[[ControlChoice], ControlUse] = field(
        default=lambda choice: ControlUse(said=choice.kind, weight=choice.weight, name=choice.image)
    )
    find_embedding: Callable[[str], EmbeddingUse | None] = field(default=lambda _: None)
    init: InitFacts | None = None
    mask: MaskFacts | None = None
    resume: ResumeFacts | None = None
    helpers: PostprocessModels = field(default_factory=PostprocessModels)
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def fixing(self) -> bool:
        """Whether nothing is drawn: all there is to do is work on the init image as it is."""
        return self.init is not None and bool(self.request.fix or self.request.latent_up or self.request.sr)

    @property
    def grid(self) -> Grid:
        """The sides that the model accepts."""
        return grid_of(self.facts)


def grid_of(facts: ModelFacts) -> Grid:
    """The sides that a model accepts."""
    return Grid(multiple=facts.family.multiple, smallest=facts.family.smallest, native=facts.size)
