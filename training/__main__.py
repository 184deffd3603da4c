"""`python -m training`: train the embedded model from scratch, export it, or generate a contact sheet with it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the arguments and run the command."""
    options = _parser().parse_args(arguments)
    # Waiting threads that spin take the processor from the one that works; must be said before torch starts.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    work = Path(options.work)
    if options.action == "sheet":
        _sheet(Path(options.model), Path(options.out), options.seed)
        return 0
    import torch

    from training.export import export
    from training.pipeline import latest, train
    from training.recipe import RECIPES

    torch.set_num_threads(options.threads)
    recipe = RECIPES[options.size]()
    model = train(recipe, work) if options.action == "train" else latest(recipe, work)
    size = export(model, Path(options.out or work / "model"))
    print(f"{size / 1e6:.1f} MB in {options.out or work / 'model'}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("action", choices=("train", "export", "sheet"))
    parser.add_argument("--size", choices=("tiny", "full"), default="full", help="the size of the training")
    parser.add_argument("--work", default="sketchbook-work", help="the folder for checkpoints and rendered images")
    parser.add_argument("--out", default="", help="the folder of the model, or the file of the sheet")
    parser.add_argument("--model", default="", help="the model for a contact sheet")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=0)
    return parser


def _sheet(model: Path, out: Path, seed: int) -> None:
    from training.export import load_pipeline
    from training.sheets import SHOWN_PROMPTS, contact_sheet, draw

    contact_sheet(draw(load_pipeline(model), list(SHOWN_PROMPTS), seed=seed)).save(out)


if __name__ == "__main__":
    raise SystemExit(main())
