"""The picture of the words before an exchange, drawn along with the picture that is wanted: the same noise, latents and
a sampler of its own. The attention maps that are exchanged are those of this picture (Hertz et al. 2022, algorithm 1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import rescale_noise_cfg

from invoke_cli.engine.sampling.checkpoint import history_of, recall
from invoke_cli.engine.sampling.latent_effects import in_place_of

_BEFORE = "before_"  # in front of the names under which a saved moment has this picture's part


class SourceBranch:
    """Latents (n, channels, rows, columns) that the words before make of the noise of a run. `fresh` gives a sampler
    with the run's schedule; `rescale` is the share of guidance rescale.
    """

    def __init__(self, view: Any, fresh: Callable[[], Any], rescale: float) -> None:
        self._view, self._fresh, self._rescale = view, fresh, rescale
        self._scheduler: Any = None
        self._latents = torch.empty(0)
        self._prediction: torch.Tensor | None = None
        self._other = torch.empty(0)
        self._step = view.scheduler.step
        view.scheduler.step = in_place_of(self._step, self._stepped)

    def begin(self, latents: torch.Tensor) -> None:
        """Start from the latents that the run starts from, or where a run that goes on had left it."""
        self._scheduler, run = self._fresh(), self._view.scheduler
        left = {name.removeprefix(_BEFORE): value for name, value in vars(run).items() if name.startswith(_BEFORE)}
        self._latents = left.pop("latents", latents)
        recall(self._scheduler, left or history_of(run, self._scheduler), 1, latents.device)

    def seen(self, arguments: Sequence[Any], look: Callable[..., Any]) -> None:
        """Call the UNet, `look`, on these latents as the pipeline calls it with `arguments` on its own."""
        sample, timestep, *others = arguments
        guided = self._view.do_classifier_free_guidance
        latents = torch.cat([self._latents] * 2) if guided else self._latents
        latents = self._scheduler.scale_model_input(latents, timestep)
        if sample.shape[1] > latents.shape[1]:  # behind them, models for inpainting have the mask and what it leaves
            latents = torch.cat([latents, sample[:, latents.shape[1] :]], dim=1)
        output = look(latents, timestep, *others)[0]
        self._prediction = self._guided(output) if guided else output

    def follow(self, latents: torch.Tensor, look: Callable[[torch.Tensor], torch.Tensor] | None) -> None:
        """What the pipeline put back into its own latents after a step (the part that a mask keeps) is put into these;
        then what a look changes, where a step ends.
        """
        if self._prediction is None:
            return
        self._prediction = None
        if latents is not self._other:
            self._latents = torch.where(latents == self._other, self._latents, latents)
        if look is not None:
            self._latents = look(self._latents)

    def history(self, fresh: Any) -> Mapping[str, object]:
        """What a run that goes on from here has to know of it."""
        own = {**history_of(self._scheduler, fresh), "latents": self._latents}
        return {f"{_BEFORE}{name}": value for name, value in own.items()}

    def _guided(self, output: torch.Tensor) -> torch.Tensor:
        plain, prompted = output.chunk(2)
        prediction: torch.Tensor = plain + self._view.guidance_scale * (prompted - plain)
        if self._rescale:
            prediction = rescale_noise_cfg(prediction, prompted, guidance_rescale=self._rescale)
        return prediction

    def _stepped(self, prediction: torch.Tensor, timestep: Any, sample: torch.Tensor, **named: Any) -> Any:
        """The pipeline's step, and the same one here with the same noise."""
        given = named.get("generator")
        generators = given if isinstance(given, list) else [given] if given is not None else []
        states = [generator.get_state() for generator in generators]
        found = self._step(prediction, timestep, sample, **named)
        self._other = found[0]
        if self._prediction is not None:
            later = [generator.get_state() for generator in generators]
            _set(generators, states)
            self._latents = self._scheduler.step(self._prediction, timestep, self._latents, **named)[0]
            _set(generators, later)
        return found


def _set(generators: Sequence[torch.Generator], states: Sequence[torch.Tensor]) -> None:
    for generator, state in zip(generators, states, strict=True):
        generator.set_state(state)
