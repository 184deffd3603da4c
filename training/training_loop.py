"""The loop that every training shares: warm-up and cosine, clipped steps, an average of the weights, checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from training.checkpoints import load_checkpoint, note, save_checkpoint
from training.optimizers import Optimizers
from training.stop_signal import stop_asked

SAVE_EVERY_S = 120.0
LOG_EVERY_STEPS = 50


@dataclass(frozen=True, kw_only=True)
class TrainingRun:
    """How one phase runs: its name, how many steps, the highest rate, the steps of warm-up, where the cosine ends, the
    average's decay, and whether Muon moves the inner matrices."""

    name: str
    steps: int
    rate: float
    warm_up: int = 60
    last_share: float = 0.03
    decay: float = 0.998
    muon: bool = False
    seed: int = 0


class Average:
    """An exponential moving average of weights that starts quickly: its decay is at most (1 + n) / (10 + n)."""

    def __init__(self, parameters: Iterable[nn.Parameter], decay: float) -> None:
        self.weights = [p.detach().clone() for p in parameters]
        self.decay, self.count = decay, 0

    @torch.no_grad()
    def update(self, parameters: Iterable[nn.Parameter]) -> None:
        """Move towards the weights as they are now."""
        self.count += 1
        keep = min(self.decay, (1 + self.count) / (10 + self.count))
        torch._foreach_lerp_(self.weights, [p.detach() for p in parameters], 1 - keep)

    @torch.no_grad()
    def give(self, parameters: Iterable[nn.Parameter]) -> None:
        """Set the parameters to the average."""
        for target, source in zip(parameters, self.weights, strict=True):
            target.copy_(source)


def rate_at(course: TrainingRun, step: int) -> float:
    """The learning rate at a step: linear warm-up, then a cosine down to `last_share` of the highest."""
    warm = min(1.0, (step + 1) / course.warm_up)
    fall = 0.5 * (1 + math.cos(math.pi * min(1.0, step / course.steps)))
    return course.rate * warm * (course.last_share + (1 - course.last_share) * fall)


def run_training(course: TrainingRun, module: nn.Module, work: Path, loss_at: Callable[[int], torch.Tensor]) -> None:
    """Train the module to the course's end, resuming where its checkpoint stands; it ends up with the average.

    `loss_at(step)` draws its data from generators that it seeds itself; torch's own is seeded here, by course and step.
    A loss that comes without a graph has been propagated to the gradients already.
    """
    if finished(course, module, work):
        return
    path = work / "checkpoints" / f"{course.name}.pt"
    trainer = _Trainer(course, module)
    step = trainer.resume(path)
    started, saved, recent = time.monotonic(), time.monotonic(), []
    with stop_asked() as asked:
        while step < course.steps and not asked.is_set():
            torch.manual_seed(course.seed * 1_000_003 + step)
            recent.append(trainer.step(step, loss_at(step)))
            step += 1
            if step % LOG_EVERY_STEPS == 0:
                pace = (time.monotonic() - started) / len(recent)
                note(work, course.name, step=step, loss=sum(recent) / len(recent), s_per_step=pace)
                recent, started = [], time.monotonic()
            if time.monotonic() - saved > SAVE_EVERY_S:
                save_checkpoint(path, trainer.state(step))
                saved = time.monotonic()
    save_checkpoint(path, trainer.state(step))
    if step < course.steps:
        raise SystemExit(f"stopped at step {step} of {course.name}; the same command goes on from there")
    trainer.average.give(trainer.parameters)
    save_checkpoint(_done(course, work), {"module": module.state_dict()})


def finished(course: TrainingRun, module: nn.Module, work: Path) -> bool:
    """Set the module to what the course ended with, if it did end."""
    state = load_checkpoint(_done(course, work))
    if state is not None:
        module.load_state_dict(state["module"])
    return state is not None


@torch.no_grad()
def mix_in(course: TrainingRun, module: nn.Module, work: Path, share: float) -> None:
    """Set the module to `share` (0..1) of what a course ended with and the rest of what it is now, weight by weight.

    Wortsman et al. 2022, "Robust fine-tuning of zero-shot models", equation 1: both lie in one valley of the loss.
    """
    last = [p.detach().clone() for p in module.parameters()]
    if not finished(course, module, work):
        raise ValueError(f"{course.name} is not finished")
    for earlier, later in zip(module.parameters(), last, strict=True):
        earlier.lerp_(later, 1 - share)


def _done(course: TrainingRun, work: Path) -> Path:
    return work / "checkpoints" / f"{course.name}.done.pt"


def restore_average(course: TrainingRun, module: nn.Module, work: Path) -> bool:
    """Set the module to the averaged weights of the course's newest checkpoint; False if there is none."""
    state = load_checkpoint(work / "checkpoints" / f"{course.name}.pt")
    if state is None:
        return False
    module.load_state_dict(state["module"])
    average = Average(module.parameters(), course.decay)
    average.weights = state["average"]
    average.give(module.parameters())
    return True


class _Trainer:
    def __init__(self, course: TrainingRun, module: nn.Module) -> None:
        self.course, self.module = course, module
        self.parameters = [p for p in module.parameters() if p.requires_grad]
        self.optimizer = Optimizers(module, course.rate, course.muon)
        self.average = Average(self.parameters, course.decay)

    def step(self, step: int, loss: torch.Tensor) -> float:
        """One update; gives the loss."""
        if loss.requires_grad:
            loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step(rate_at(self.course, step))
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
