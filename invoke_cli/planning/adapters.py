"""The adapters of a plan: LoRAs of the switch and of the prompt, embeddings that the prompt names, control images."""

from __future__ import annotations

from collections.abc import Iterator

from invoke_cli.errors import blame
from invoke_cli.language.prompt.prompt import Prompt
from invoke_cli.planning.plan import ControlUse, EmbeddingUse, LoraUse
from invoke_cli.planning.plan_inputs import PlanInputs
from invoke_cli.request import LoraChoice


def loras_of(inputs: PlanInputs, prompt: Prompt, notices: list[str]) -> tuple[LoraUse, ...]:
    """The LoRAs of the switch and of the prompt, which wins where both name one."""
    switched = dict(inputs.request.loras or ())
    twice = [name for name, _ in prompt.loras if name in switched]
    notices.extend(f"the LoRA {name} is named twice: the prompt's weight counts" for name in twice)
    chosen = [LoraChoice(*pair) for pair in (switched | dict(prompt.loras)).items()]
    found: list[LoraUse] = []
    for choice in chosen:
        with blame("loras" if choice.name in switched else "prompt", always=True):
            found.append(inputs.find_lora(choice))
    return tuple(found)


def embeddings_of(inputs: PlanInputs, prompt: Prompt, notices: list[str]) -> Iterator[EmbeddingUse]:
    """The embeddings that the prompt names; a name without one is text."""
    for name in prompt.named:
        found = inputs.find_embedding(name)
        if found is not None:
            yield found
        else:
            notices.append(f"<{name}> is not a known embedding; it is taken as text")


def controls_of(inputs: PlanInputs) -> tuple[ControlUse, ...]:
    """The control images of a line that draws."""
    if inputs.fixing:
        return ()
    with blame("controls", always=True):
        return tuple(map(inputs.find_control, inputs.request.controls or ()))
