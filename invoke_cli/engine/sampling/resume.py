"""Resume a run from saved latents, with its sampler's history and its generators' states.

The pipeline gets the rest of the schedule. Values that the original start drew for later use (the noise of the
unmasked part, in inpainting) are drawn again from the original seed.
"""

from __future__ import annotations

from collections.abc import Callable
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

    def arguments(self) -> dict[str, object]:
        """Return additional arguments for the pipeline's call."""
        if self.context.plan.task is Task.INPAINT:
            return self.beginning.arguments()
        return {"image": torch.zeros(self.context.shape, dtype=self.context.dtype), "strength": 1.0}

    def replacements(self) -> dict[str, Callable[..., Any]]:
        """Return what replaces the pipeline's own methods, by their names."""
        timesteps: dict[str, Callable[..., Any]] = {"get_timesteps": self._remaining_timesteps}
        if self.context.plan.task is not Task.INPAINT:
            return timesteps | {"prepare_latents": self._resumed_latents}
        original = self.beginning.replacements()

        def prepared(*values: object, **named: Any) -> Any:
            return (self.latents, *original["prepare_latents"](*values, **named)[1:])

        def masked(*values: object) -> Any:
            mask_latents = original["prepare_mask_latents"](*values)
            self._restore_generators()
            return mask_latents

        return timesteps | {"prepare_latents": prepared, "prepare_mask_latents": masked}

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
