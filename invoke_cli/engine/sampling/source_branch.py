"""The source branch of prompt-to-prompt: the image of the original prompt, generated along with the edited one.

It starts from the same noise and has latents and a scheduler of its own. Its attention maps replace those of the edited
prompt (Hertz et al. 2022, algorithm 1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import rescale_noise_cfg

from invoke_cli.engine.sampling.checkpoint import history_of, restore_history
from invoke_cli.engine.sampling.patching import patched, with_signature_of

_PREFIX = "before_"  # prefix of the source branch's entries in a saved state


class SourceBranch:
    """The source branch's latents (n, channels, rows, columns) and scheduler.

    Args:
        view: The pipeline that generates the edited image.
        fresh: Returns a new scheduler with the run's schedule.
        rescale: The share of guidance rescale, 0 to 1.
    """

    def __init__(self, view: Any, fresh: Callable[[], Any], rescale: float) -> None:
        self._view, self._fresh, self._rescale = view, fresh, rescale
        self._scheduler: Any = None
        self._latents = torch.empty(0)
        self._prediction: torch.Tensor | None = None
        self._pipeline_latents = torch.empty(0)
        self._step = view.scheduler.step

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Take a step here with every step of the pipeline, within the context."""
        self._step = self._view.scheduler.step
        with patched(self._view.scheduler, step=with_signature_of(self._step, self._stepped)):
            yield

    def begin(self, latents: torch.Tensor) -> None:
        """Start from the run's initial latents, or from the saved state of a resumed run."""
        self._scheduler, run = self._fresh(), self._view.scheduler
        saved = {name.removeprefix(_PREFIX): value for name, value in vars(run).items() if name.startswith(_PREFIX)}
        self._latents = saved.pop("latents", latents)
        restore_history(self._scheduler, saved or history_of(run, self._scheduler), 1, latents.device)

    def run_unet(self, arguments: Sequence[Any], unet: Callable[..., Any]) -> None:
        """Call the UNet, `unet`, on these latents with the other arguments of the pipeline's own call."""
        sample, timestep, *others = arguments
        guided = self._view.do_classifier_free_guidance
        latents = torch.cat([self._latents] * 2) if guided else self._latents
        latents = self._scheduler.scale_model_input(latents, timestep)
        if sample.shape[1] > latents.shape[1]:  # inpainting UNets also take the mask and the masked image
            latents = torch.cat([latents, sample[:, latents.shape[1] :]], dim=1)
        output = unet(latents, timestep, *others)[0]
        self._prediction = self._guided(output) if guided else output

    def follow(self, latents: torch.Tensor, effects: Callable[[torch.Tensor], torch.Tensor] | None) -> None:
        """Apply to these latents what the pipeline did after a step: restore the unmasked part, apply `effects`."""
        if self._prediction is None:
            return
        self._prediction = None
        if latents is not self._pipeline_latents:
            self._latents = torch.where(latents == self._pipeline_latents, self._latents, latents)
        if effects is not None:
            self._latents = effects(self._latents)

    def history(self, fresh: Any) -> Mapping[str, object]:
        """Return the state that a resumed run needs."""
        own = {**history_of(self._scheduler, fresh), "latents": self._latents}
        return {f"{_PREFIX}{name}": value for name, value in own.items()}

    def _guided(self, output: torch.Tensor) -> torch.Tensor:
        unprompted, prompted = output.chunk(2)
        prediction: torch.Tensor = unprompted + self._view.guidance_scale * (prompted - unprompted)
        if self._rescale:
            prediction = rescale_noise_cfg(prediction, prompted, guidance_rescale=self._rescale)
        return prediction

    def _stepped(self, prediction: torch.Tensor, timestep: Any, sample: torch.Tensor, **named: Any) -> Any:
        """Take the pipeline's step, and the same step here with the same noise."""
        given = named.get("generator")
        generators = given if isinstance(given, list) else [given] if given is not None else []
        states = [generator.get_state() for generator in generators]
        result = self._step(prediction, timestep, sample, **named)
        self._pipeline_latents = result[0]
        if self._prediction is not None:
            later = [generator.get_state() for generator in generators]
            _set_states(generators, states)
            self._latents = self._scheduler.step(self._prediction, timestep, self._latents, **named)[0]
            _set_states(generators, later)
        return result


def _set_states(generators: Sequence[torch.Generator], states: Sequence[torch.Tensor]) -> None:
    for generator, state in zip(generators, states, strict=True):
        generator.set_state(state)
