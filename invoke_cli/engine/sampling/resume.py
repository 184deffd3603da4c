"""Resume a run from saved latents, with its sampler's history and its generators' states.

The pipeline gets the rest of the schedule. Values that the original start drew for later use (the noise of the
unmasked part, in inpainting) are drawn again from the original seed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from invoke_cli.engine.sampling.checkpoint import Checkpoint, SamplerState, repeat_latents, restore_history
from invoke_cli.engine.sampling.initial_latents import STARTS, DenoiseContext, FromNoise
from invoke_cli.engine.sampling.noise import generator
from invoke_cli.metadata.latents import LatentFile
from invoke_cli.planning.plan import Task


class Resumed(FromNoise):
    """The start of a resumed run; `beginning` is the start that the run originally had."""

    def __init__(self, context: DenoiseContext, file: LatentFile, checkpoint: Checkpoint) -> None:
        images = [replace(image, seed=file.seed) for image in context.images]
        context.generators[:] = [generator(file.seed) for _ in images]
        super().__init__(context)
        self.checkpoint = checkpoint
        self.states = self._states(file)
        self.latents = repeat_latents(checkpoint.latents.to(context.device, context.dtype), len(images))
        original = replace(context, images=images)
        original.generators = context.generators
        self.beginning = STARTS[context.plan.task](original)

    @property
    def first(self) -> int:
        """The index in the scheduler's timesteps at which the run originally began."""
        return self.beginning.first

    @property
    def state(self) -> SamplerState:
        """The state at which the run resumes."""
        return replace(self.checkpoint.state, generators=self.states)

    def attach(self, view: Any) -> dict[str, object]:
        """Replace the pipeline's own start; return the additional arguments of its call."""
        view.get_timesteps = self._remaining_timesteps
        if self.context.plan.task is Task.INPAINT:
            return self._attach_inpainting(view)
        view.prepare_latents = self._resumed_latents
        placeholder = torch.zeros(self.context.shape, dtype=self.context.dtype)
        return {"image": placeholder, "strength": 1.0}

    def _attach_inpainting(self, view: Any) -> dict[str, object]:
        arguments = self.beginning.attach(view)
        begin, mask = view.prepare_latents, view.prepare_mask_latents

        def prepared(*values: object, **named: Any) -> Any:
            return (self.latents, *begin(*values, **named)[1:])

        def masked(*values: object) -> Any:
            mask_latents = mask(*values)
            self._restore_generators()
            return mask_latents

        view.prepare_latents, view.prepare_mask_latents = prepared, masked
        return arguments

    def _resumed_latents(self, *_: object) -> torch.Tensor:
        self._restore_generators()
        return self.latents

    def _remaining_timesteps(self, *_: object, **__: object) -> tuple[Any, int]:
        """Return the remaining timesteps, after restoring the scheduler's history."""
        scheduler, plan = self.context.scheduler, self.context.plan
        restore_history(scheduler, self.checkpoint.state.history, len(self.context.images), self.context.device)
        return scheduler.timesteps[self.first + self.checkpoint.state.calls :], plan.steps_left

    def _states(self, file: LatentFile) -> tuple[torch.Tensor, ...]:
        """Return the generators' states: the saved one, or for an image with another seed the start of that seed."""
        saved, seeds = self.checkpoint.state.generators, file.request.seeds
        states = [
            saved[0] if saved and (image.seed,) == seeds else generator(image.seed).get_state()
            for image in self.context.images
            if saved or (image.seed,) != seeds
        ]
        return tuple(states) if len(states) == len(self.context.images) else ()

    def _restore_generators(self) -> None:
        for source, state in zip(self.context.generators, self.states, strict=False):
            source.set_state(state)
