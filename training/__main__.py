"""`python -m training`: fetch the pictures, train the bundled model, export it, and look at what it draws.

The training of the bundled model is `fetch`, then `resume` until it is done. `train` runs the recipe of the model that
was bundled before, which draws its own pictures.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the arguments and run the command."""
    options = _parser().parse_args(arguments)
    # Waiting threads that spin take the processor from the one that works; must be said before torch starts.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    return _ACTIONS[options.action](options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("action", choices=tuple(_ACTIONS))
    parser.add_argument("--pictures", default="sketchbook-pictures", help="the folder of the picture packages")
    parser.add_argument("--state", default="sketchbook-state", help="the folder of a training that resumes")
    parser.add_argument("--pause_while", default="", help="a file: the training waits while it exists")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--batch_factor", type=int, default=1, help="how many times as large batches are, on a GPU")
    parser.add_argument("--size", choices=("tiny", "full"), default="full", help="the size of the earlier training")
    parser.add_argument("--work", default="sketchbook-work", help="the folder for checkpoints and rendered images")
    parser.add_argument("--out", default="", help="the folder of the model, or the file of the sheet")
    parser.add_argument("--model", default="", help="the model for a contact sheet")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=0)
    return parser


def _fetch(options: argparse.Namespace) -> int:
    from training.pictures.packages import fetch

    for folder in fetch(Path(options.pictures)):
        print(folder)
    return 0


def _resume(options: argparse.Namespace) -> int:
    import torch

    from training.stages.loop import Habits, StoppedError
    from training.stages.plan import PLAN
    from training.stages.training import Places, resume

    torch.set_num_threads(options.threads)
    habits = Habits(pause_while=Path(options.pause_while) if options.pause_while else None)
    places = Places(pictures=Path(options.pictures), state=Path(options.state), device=options.device, habits=habits)
    try:
        resume(places, PLAN.scaled(options.batch_factor) if options.batch_factor > 1 else PLAN)
    except StoppedError as stopped:
        print(f"{stopped}; the same command resumes")
        return 1
    print("all stages are done")
    return 0


def _train(options: argparse.Namespace) -> int:
    import torch

    from training.export import export
    from training.pipeline import latest, train
    from training.recipe import RECIPES

    work = Path(options.work)
    torch.set_num_threads(options.threads)
    recipe = RECIPES[options.size]()
    model = train(recipe, work) if options.action == "train" else latest(recipe, work)
    size = export(model, Path(options.out or work / "model"))
    print(f"{size / 1e6:.1f} MB in {options.out or work / 'model'}")
    return 0


def _sheet(options: argparse.Namespace) -> int:
    from training.export import load_pipeline
    from training.sheets import SHOWN_PROMPTS, contact_sheet, draw

    contact_sheet(draw(load_pipeline(Path(options.model)), list(SHOWN_PROMPTS), seed=options.seed)).save(
        Path(options.out)
    )
    return 0


_ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {
    "fetch": _fetch,
    "resume": _resume,
    "train": _train,
    "export": _train,
    "sheet": _sheet,
}


if __name__ == "__main__":
    raise SystemExit(main())
