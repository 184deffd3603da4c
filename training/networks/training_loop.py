"""The training loop: warm-up and cosine, gradient clipping, an average of the weights, checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from training.networks.checkpoints import load_checkpoint, log, save_checkpoint
from training.networks.optimizers import Optimizers
from training.networks.stop_signal import stop_event

SAVE_EVERY_S = 120.0
LOG_EVERY_STEPS = 50


@dataclass(frozen=True, kw_only=True)
class TrainingRun:
    """The settings of a training run: name, number of steps, highest learning rate, warm-up steps, the final share of
    the
    rate, the decay of the average, and whether Muon updates the inner matrices.
    """

    name: str
    steps: int
    rate: float
    warm_up: int = 60
    last_share: float = 0.03
    decay: float = 0.998
    muon: bool = False
    seed: int = 0


class Average:
    """An exponential moving average of weights with a fast start: its decay is at most (1 + n) / (10 + n)."""

    def __init__(self, parameters: Iterable[nn.Parameter], decay: float) -> None:
        self.weights = [p.detach().clone() for p in parameters]
        self.decay, self.count = decay, 0

    @torch.no_grad()
    def update(self, parameters: Iterable[nn.Parameter]) -> None:
        """Move the average towards the current weights."""
        self.count += 1
        keep = min(self.decay, (1 + self.count) / (10 + self.count))
        torch._foreach_lerp_(self.weights, [p.detach() for p in parameters], 1 - keep)

    @torch.no_grad()
    def copy_to(self, parameters: Iterable[nn.Parameter]) -> None:
        """Set the parameters to the average."""
        for target, source in zip(parameters, self.weights, strict=True):
            target.copy_(source)


def rate_at(run: TrainingRun, step: int) -> float:
    """Return the learning rate at a step: linear warm-up, then a cosine down to `last_share` of the highest."""
    warm = min(1.0, (step + 1) / run.warm_up)
    fall = 0.5 * (1 + math.cos(math.pi * min(1.0, step / run.steps)))
    return run.rate * warm * (run.last_share + (1 - run.last_share) * fall)


def run_training(run: TrainingRun, module: nn.Module, work: Path, loss_at: Callable[[int], torch.Tensor]) -> None:
    """Train the module to the end of the run, resuming from its checkpoint. It ends up with the averaged weights.

    `loss_at(step)` must seed its own generators; torch's global one is seeded here, by run and step. A loss without a
    graph has already been propagated to the gradients.
    """
    if finished(run, module, work):
        return
    path = work / "checkpoints" / f"{run.name}.pt"
    trainer = _Trainer(run, module)
    step = trainer.resume(path)
    started, saved, recent = time.monotonic(), time.monotonic(), []
    with stop_event() as asked:
        while step < run.steps and not asked.is_set():
            torch.manual_seed(run.seed * 1_000_003 + step)
            recent.append(trainer.step(step, loss_at(step)))
            step += 1
            if step % LOG_EVERY_STEPS == 0:
                pace = (time.monotonic() - started) / len(recent)
                log(work, run.name, step=step, loss=sum(recent) / len(recent), s_per_step=pace)
                recent, started = [], time.monotonic()
            if time.monotonic() - saved > SAVE_EVERY_S:
                save_checkpoint(path, trainer.state(step))
                saved = time.monotonic()
    save_checkpoint(path, trainer.state(step))
    if step < run.steps:
        raise SystemExit(f"stopped at step {step} of {run.name}; run the same command to resume")
    trainer.average.copy_to(trainer.parameters)
    save_checkpoint(_done(run, work), {"module": module.state_dict()})


def finished(run: TrainingRun, module: nn.Module, work: Path) -> bool:
    """Load the final weights of the run, if it has finished. Return whether it has."""
    state = load_checkpoint(_done(run, work))
    if state is not None:
        module.load_state_dict(state["module"])
    return state is not None


@torch.no_grad()
def blend_with(run: TrainingRun, module: nn.Module, work: Path, share: float) -> None:
    """Interpolate the weights: `share` (0..1) of the final weights of a run and the rest of the current ones.

    Wortsman et al. 2022, "Robust fine-tuning of zero-shot models", equation 1.
    """
    last = [p.detach().clone() for p in module.parameters()]
    if not finished(run, module, work):
        raise ValueError(f"{run.name} is not finished")
    for earlier, later in zip(module.parameters(), last, strict=True):
        earlier.lerp_(later, 1 - share)


def _done(run: TrainingRun, work: Path) -> Path:
    return work / "checkpoints" / f"{run.name}.done.pt"


def restore_average(run: TrainingRun, module: nn.Module, work: Path) -> bool:
    """Load the averaged weights of the run's latest checkpoint. Return False if there is none."""
    state = load_checkpoint(work / "checkpoints" / f"{run.name}.pt")
    if state is None:
        return False
    module.load_state_dict(state["module"])
    average = Average(module.parameters(), run.decay)
    average.weights = state["average"]
    average.copy_to(module.parameters())
    return True


class _Trainer:
    def __init__(self, run: TrainingRun, module: nn.Module) -> None:
        self.run, self.module = run, module
        self.parameters = [p for p in module.parameters() if p.requires_grad]
        self.optimizer = Optimizers(module, run.rate, run.muon)
        self.average = Average(self.parameters, run.decay)

    def step(self, step: int, loss: torch.Tensor) -> float:
        """One update; gives the loss."""
        if loss.requires_grad:
            loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step(rate_at(self.run, step))
        self.average.update(self.parameters)
        return float(loss.detach())

    def state(self, step: int) -> dict[str, object]:
        """Everything that a resumed run needs."""
        return {
            "step": step,
            "module": self.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.weights,
            "count": self.average.count,
        }

    def resume(self, path: Path) -> int:
        """Take up a checkpoint if there is one; gives the step to go on from."""
        state = load_checkpoint(path)
        if state is None:
            return 0
        self.module.load_state_dict(state["module"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.weights, self.average.count = state["average"], state["count"]
        return int(state["step"])
