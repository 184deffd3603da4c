"""Resume a run from saved latents, with its sampler's history and its generators' states.

The pipeline gets the rest of the schedule. Values that the original start drew for later use (the noise of the
unmasked part, in inpainting) are drawn again from the original seed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from invoke_cli.engine.sampling.checkpoint import Checkpoint, SamplerState, recall, repeated
from invoke_cli.engine.sampling.initial_latents import STARTS, DenoiseContext, FromNoise
from invoke_cli.engine.sampling.noise import generator
from invoke_cli.metadata.latents import LatentFile
from invoke_cli.planning.plan import Task


class Resumed(FromNoise):
    """The start of a resumed run; `beginning` is the start that the run originally had."""

    def __init__(self, setting: DenoiseContext, file: LatentFile, point: Checkpoint) -> None:
        images = [replace(image, seed=file.seed) for image in setting.images]
        setting.generators[:] = [generator(file.seed) for _ in images]
        super().__init__(setting)
        self.point = point
        self.states = self._states(file)
        self.latents = repeated(point.latents.to(setting.device, setting.dtype), len(images))
        begun = replace(setting, images=images)
        begun.generators = setting.generators
        self.beginning = STARTS[setting.plan.task](begun)

    @property
    def first(self) -> int:
        """The index in the scheduler's timesteps at which the run originally began."""
        return self.beginning.first

    @property
    def moment(self) -> SamplerState:
        """The state at which the run resumes."""
        return replace(self.point.moment, generators=self.states)

    def attach(self, view: Any) -> dict[str, object]:
        """Replace the pipeline's own start; return the additional arguments of its call."""
        view.get_timesteps = self._rest
        if self.setting.plan.task is Task.INPAINT:
            return self._attach_painting(view)
        view.prepare_latents = self._given
        placeholder = torch.zeros(self.setting.shape, dtype=self.setting.dtype)
        return {"image": placeholder, "strength": 1.0}

    def _attach_painting(self, view: Any) -> dict[str, object]:
        arguments = self.beginning.attach(view)
        begin, mask = view.prepare_latents, view.prepare_mask_latents

        def prepared(*values: object, **named: Any) -> Any:
            return (self.latents, *begin(*values, **named)[1:])

        def masked(*values: object) -> Any:
            made = mask(*values)
            self._settle()
            return made

        view.prepare_latents, view.prepare_mask_latents = prepared, masked
        return arguments

    def _given(self, *_: object) -> torch.Tensor:
        self._settle()
        return self.latents

    def _rest(self, *_: object, **__: object) -> tuple[Any, int]:
        """Return the remaining timesteps, after restoring the scheduler's history."""
        scheduler, plan = self.setting.scheduler, self.setting.plan
        recall(scheduler, self.point.moment.history, len(self.setting.images), self.setting.device)
        return scheduler.timesteps[self.first + self.point.moment.calls :], plan.steps_left

    def _states(self, file: LatentFile) -> tuple[torch.Tensor, ...]:
        """Return the generators' states: the saved one, or for an image with another seed the start of that seed."""
        saved, drawn = self.point.moment.generators, file.request.seeds
        states = [
            saved[0] if saved and (image.seed,) == drawn else generator(image.seed).get_state()
            for image in self.setting.images
            if saved or (image.seed,) != drawn
        ]
        return tuple(states) if len(states) == len(self.setting.images) else ()

    def _settle(self) -> None:
        for source, state in zip(self.setting.generators, self.states, strict=False):
            source.set_state(state)
