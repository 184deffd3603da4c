"""The loop of a denoiser stage: it logs, saves, pauses, stops on SIGTERM, and goes on where it was."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from threading import Event
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import nn

from training.networks.checkpoints import load_checkpoint, log, save_checkpoint
from training.networks.optimizers import Optimizers
from training.networks.stop_signal import stop_event
from training.networks.training_loop import Average, rate_at
from training.stages.plan import Stage

LOG_EVERY_STEPS = 100
PAUSE_POLL_S = 2.0
# A step after a pause, or of a machine that slept, does not count for the pace.
LONGEST_STEP_S = 120.0


@dataclass(frozen=True, kw_only=True)
class Habits:
    """How often a run is saved and shows samples, and the file that pauses it while it exists."""

    save_every_s: float = 900.0
    sample_every_s: float = 1800.0
    pause_while: Path | None = None


class StoppedError(Exception):
    """The process was asked to stop; everything is saved."""


@dataclass(kw_only=True)
class StageRun:
    """A stage in progress: the weights, their average, the optimizer, and how far it is."""

    stage: Stage
    unet: UNet2DConditionModel
    work: Path
    device: str = "cpu"
    step: int = 0
    views: int = 0
    seconds: float = 0.0
    losses: list[torch.Tensor] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.settings = self.stage.run()
        self.parameters = [p for p in self.unet.parameters() if p.requires_grad]
        self.optimizer = Optimizers(self.unet, self.settings.rate, muon=True)
        self.average = Average(self.parameters, self.settings.decay)

    @property
    def path(self) -> Path:
        """Return the path of the latest checkpoint."""
        return self.work / "checkpoints" / f"{self.stage.name}.pt"

    def update(self, loss: torch.Tensor, views: int) -> None:
        """Make one step with the gradient of a loss over `views` samples."""
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step(rate_at(self.settings, self.step))
        self.average.update(self.parameters)
        self.losses.append(loss.detach())
        self.step += 1
        self.views += views

    def report(self) -> None:
        """Log the mean loss since the last report, and the pace."""
        pace = self.views / max(self.seconds, 1e-6)
        mean = float(torch.stack(self.losses).mean())
        log(self.work, self.stage.name, step=self.step, views=self.views, loss=mean, views_per_s=pace)
        self.losses.clear()

    def save(self) -> None:
        """Write a checkpoint; the one before it is kept."""
        if self.path.exists():
            self.path.replace(self.path.with_name(f"{self.stage.name}.previous.pt"))
        save_checkpoint(self.path, self._state())

    def resume(self) -> None:
        """Load the latest checkpoint that can be read, if there is one."""
        for path in (self.path, self.path.with_name(f"{self.stage.name}.previous.pt")):
            state = _readable(path)
            if state is not None:
                self._load(state)
                return

    def averaged(self) -> dict[str, torch.Tensor]:
        """Return the averaged weights by name."""
        names = [name for name, p in self.unet.named_parameters() if p.requires_grad]
        return dict(zip(names, self.average.weights, strict=True))

    def _state(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "views": self.views,
            "seconds": self.seconds,
            "module": self.unet.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.weights,
            "count": self.average.count,
        }

    def _load(self, state: dict[str, Any]) -> None:
        self.unet.load_state_dict(state["module"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.weights = [weight.to(self.device) for weight in state["average"]]
        self.average.count = state["count"]
        self.step, self.views, self.seconds = int(state["step"]), int(state["views"]), float(state["seconds"])


def run_stage(
    run: StageRun, habits: Habits, learn: Callable[[int], tuple[torch.Tensor, int]], show: Callable[[], None]
) -> None:
    """Run a stage to its end. `learn(step)` returns the loss of a batch and its size; `show()` draws samples.

    Raises:
        StoppedError: the process was terminated; the stage is saved.
    """
    saved = shown = time.monotonic()
    with stop_event() as asked:
        while run.step < run.settings.steps:
            _pause(run, habits.pause_while, asked)
            started = time.monotonic()
            torch.manual_seed(run.settings.seed * 1_000_003 + run.step)
            run.update(*learn(run.step))
            run.seconds += min(time.monotonic() - started, LONGEST_STEP_S)
            if run.step % LOG_EVERY_STEPS == 0:
                run.report()
            if asked.is_set() or time.monotonic() - saved > habits.save_every_s:
                run.save()
                saved = time.monotonic()
            if asked.is_set():
                raise StoppedError(f"stopped at step {run.step} of {run.stage.name}")
            if time.monotonic() - shown > habits.sample_every_s:
                show()
                shown = time.monotonic()
    run.save()
    show()


def _pause(run: StageRun, while_exists: Path | None, asked: Event) -> None:
    """Wait while the file exists. A run that waits is saved first, and can be terminated."""
    if while_exists is None or not while_exists.exists():
        return
    run.save()
    while while_exists.exists() and not asked.is_set():
        time.sleep(PAUSE_POLL_S)


def _readable(path: Path) -> dict[str, Any] | None:
    """Return the state in a file; None if there is none or the file is damaged."""
    try:
        return load_checkpoint(path)
    except (RuntimeError, EOFError, OSError, UnpicklingError):
        return None
