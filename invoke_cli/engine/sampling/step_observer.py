"""Follow the steps of a pipeline's call and report a snapshot of each, whichever way the pipeline is run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from invoke_cli.engine.counters import Counters
from invoke_cli.engine.sampling.checkpoint import SamplerState
from invoke_cli.engine.sampling.patching import forward_pre_hook, patched
from invoke_cli.engine.sampling.predicted_x0 import PredictedX0
from invoke_cli.engine.sampling.schedulers import noise_at, normalised
from invoke_cli.planning.plan import Plan


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """The latents of a batch before the first step (`step` 0) or after a step.

    Attributes:
        step: The finished step; 0 before the first.
        timestep: The scheduler's timestep.
        noise: The noise level of the latents (see `noise_at`).
        latents: The latents as they are, (n, channels, height / 8, width / 8).
        visible: The same latents scaled to unit variance.
        expected: The predicted original sample of the step, if it is known.
        first: Whether this is the snapshot that a run begins with.
        state: The state of the run, if its latents are to be saved.
    """

    step: int
    timestep: int
    noise: float
    latents: torch.Tensor
    visible: torch.Tensor
    expected: torch.Tensor | None = None
    first: bool = False
    state: SamplerState | None = None


def finished_step(call: int, calls: int, plan: Plan) -> int:
    """Return the step that call number `call` of `calls`, from 1, finishes; 0 if it finishes none."""
    if plan.sampler.calls == 2:
        return (call + 1) // 2 if call % 2 == 0 or call == calls else 0
    return max(0, call - (calls - plan.steps.taken))


@dataclass(kw_only=True)
class StepObserver:
    """Counts the steps of one call and builds snapshots.

    Attributes:
        plan: The plan of the run.
        scheduler: The run's own scheduler.
        counters: Counts the denoiser's calls.
        start: Returns the index in the schedule at which the run began.
        calls: The finished scheduler calls; at first those that a resumed run made before.
        spatial: Makes (n, channels, rows, columns) of the pipeline's latents.
    """

    plan: Plan
    scheduler: Any
    counters: Counters
    start: Callable[[], int]
    calls: int = 0
    spatial: Callable[[torch.Tensor], torch.Tensor] = lambda latents: latents

    def __post_init__(self) -> None:
        self._calls_before = self.calls
        self._predicted_x0 = PredictedX0(self.scheduler, sigma_space=self.plan.sampler.sigma_space)

    @contextmanager
    def attached(self, denoiser: Any) -> Iterator[None]:
        """Observe the scheduler and count the denoiser's calls within the context."""
        step = self._predicted_x0.observed(self.scheduler.step)
        with patched(self.scheduler, step=step), forward_pre_hook(denoiser, self._count):
            yield

    @property
    def position(self) -> int:
        """The index in the schedule of the next scheduler call."""
        return self.start() + self.calls

    @property
    def progress(self) -> float:
        """The share of the schedule that is finished, 0 to 1."""
        return self.position / len(self.scheduler.timesteps)

    def finish_call(self, call: int) -> int:
        """Note that scheduler call `call`, from 0, is finished; return the step that it finished, or 0."""
        self.calls = self._calls_before + call + 1
        return finished_step(self.calls, len(self.scheduler.timesteps) - self.start(), self.plan)

    def snapshot(
        self,
        step: int,
        latents: torch.Tensor,
        *,
        timestep: int | None = None,
        first: bool = False,
        state: SamplerState | None = None,
    ) -> Snapshot:
        """Return a snapshot of the pipeline's latents after `step`; by default at the next timestep."""
        steps, timesteps = self.plan.steps.taken, self.scheduler.timesteps
        position = len(timesteps) if step == steps else self.position
        spatial = self.spatial(latents)
        expected = self._predicted_x0.latents() if step < steps else None
        if timestep is None:
            timestep = int(timesteps[min(self.position, len(timesteps) - 1)]) if len(timesteps) else 0
        return Snapshot(
            step=step,
            timestep=timestep,
            noise=self._noise(position),
            latents=spatial,
            visible=normalised(spatial, self.scheduler, self.plan.sampler, self.position),
            expected=None if expected is None else self.spatial(expected),
            first=first,
            state=state,
        )

    def _noise(self, position: int) -> float:
        """Return the noise level of the latents. Flow models mix (1 - sigma) of the image with sigma of the noise."""
        noise = noise_at(self.scheduler, position)
        return noise / max(1e-3, 1 - noise) if self.plan.family.flow else noise

    def _count(self, _module: object, _inputs: object) -> None:
        self.counters.denoiser_calls += 1
