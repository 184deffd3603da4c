"""The adapters of a plan: LoRAs from the switch and the prompt, embeddings named in the prompt, control images."""

from __future__ import annotations

from collections.abc import Iterator

from invoke_cli.errors import blame
from invoke_cli.language.prompt.prompt import Prompt
from invoke_cli.planning.plan import ControlUse, EmbeddingUse, LoraUse
from invoke_cli.planning.plan_inputs import PlanInputs
from invoke_cli.request import LoraChoice


def loras_of(inputs: PlanInputs, prompt: Prompt, notices: list[str]) -> tuple[LoraUse, ...]:
    """Return the LoRAs of the switch and of the prompt. The prompt's weight wins if both name the same LoRA."""
    switched = dict(inputs.request.loras or ())
    twice = [name for name, _ in prompt.loras if name in switched]
    notices.extend(f"the LoRA {name} is set twice: the weight in the prompt applies" for name in twice)
    chosen = [LoraChoice(*pair) for pair in (switched | dict(prompt.loras)).items()]
    found: list[LoraUse] = []
    for choice in chosen:
        with blame("loras" if choice.name in switched else "prompt", always=True):
            found.append(inputs.find_lora(choice))
    return tuple(found)


def embeddings_of(inputs: PlanInputs, prompt: Prompt, notices: list[str]) -> Iterator[EmbeddingUse]:
    """Yield the embeddings that the prompt names; an unknown name is read as text, with a notice."""
    for name in prompt.named:
        found = inputs.find_embedding(name)
        if found is not None:
            yield found
        else:
            notices.append(f"unknown embedding <{name}>: read as text")


def controls_of(inputs: PlanInputs) -> tuple[ControlUse, ...]:
    """Return the control images of a line; none if it only postprocesses."""
    if inputs.is_postprocess_only:
        return ()
    with blame("controls", always=True):
        return tuple(map(inputs.find_control, inputs.request.controls or ()))
