"""The adapters of a plan: LoRAs from the switch and the prompt, embeddings named in the prompt, control images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from invoke_cli.errors import PlanError, blame
from invoke_cli.language.prompt.prompt import Prompt
from invoke_cli.language.switches.named_values import MAX_LORA_WEIGHT
from invoke_cli.models.control_models import Technique
from invoke_cli.planning.plan import ControlUse, EmbeddingUse, LoraUse
from invoke_cli.planning.plan_inputs import PlanInputs
from invoke_cli.request import LoraChoice


def loras_of(inputs: PlanInputs, prompt: Prompt, notices: list[str]) -> tuple[LoraUse, ...]:
    """Return the LoRAs of the switch and of the prompt.

    Weights of the same LoRA add up. Those in the prompt replace those of the switch.

    Raises:
        InvokeError: A LoRA is missing, or its weights add up to too much.
    """
    switched, prompted = (_find_loras(inputs, *part) for part in (("loras", inputs.request.loras or ()),
                                                                 ("prompt", prompt.loras)))  # fmt: skip
    notices.extend(
        f"the LoRA {use.name} is set twice: the weight in the prompt applies"
        for key, use in prompted.items()
        if key in switched
    )
    return tuple((switched | prompted).values())


def _find_loras(inputs: PlanInputs, field: str, choices: Sequence[LoraChoice]) -> dict[str, LoraUse]:
    """Find the LoRAs that a field names; one that is named several times, by any name, has the sum of the weights."""
    found: dict[str, LoraUse] = {}
    for choice in choices:
        with blame(field, always=True):
            use = inputs.find_lora(choice)
            key = use.path or use.name
            weight = round(use.weight + (found[key].weight if key in found else 0.0), 6)
            if abs(weight) > MAX_LORA_WEIGHT:
                hint = f"use weights that add up to at most {MAX_LORA_WEIGHT:g}"
                raise PlanError(f"the weights of the LoRA {use.name} add up to {weight:g}", hint=hint, field=field)
        found[key] = replace(found.get(key, use), weight=weight)
    return found


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
        uses = tuple(map(inputs.find_control, inputs.request.controls or ()))
        _check_combination(uses)
        return uses


def _check_combination(uses: Sequence[ControlUse]) -> None:
    """Raise PlanError if a ControlNet Union is combined with an ordinary ControlNet."""
    networks = [use for use in uses if use.technique.is_controlnet]
    union = next((use for use in networks if use.technique is Technique.CONTROLNET_UNION), None)
    other = next((use for use in networks if use.technique is not Technique.CONTROLNET_UNION), None)
    if union and other:
        message = f"{union.model} (a ControlNet Union) and {other.model} cannot be used in one line"
        hint = "use the ControlNet Union for all of them, or run a chain"
        raise PlanError(message, hint=hint, field="controls")
