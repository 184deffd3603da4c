"""`python -m training`: fetch the pictures, train the bundled model, export it, and look at what it draws.

`fetch`, `rasterize` and `resume` train the bundled model; `resume` is repeated until it is done. `model` writes it as
trained so far, `evaluate` measures it, and `preview` fits the map of its previews. `train`, `export` and `sheet` belong
to the recipe of the earlier model.
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
    parser.add_argument("--drawing_processes", type=int, default=0, help="processes that draw views; 0: none besides")
    parser.add_argument("--side", type=int, default=128, help="the side of the pictures of an evaluation")
    parser.add_argument("--seeds", type=int, default=1, help="the pictures of each prompt of an evaluation")
    parser.add_argument("--guidance", type=float, default=5.0)
    parser.add_argument("--size", choices=("tiny", "full"), default="full", help="the size of the earlier training")
    parser.add_argument("--work", default="sketchbook-work", help="the folder for checkpoints and rendered images")
    parser.add_argument("--out", default="", help="the folder of the model, or the file of the sheet or report")
    parser.add_argument("--model", default="", help="the model for a contact sheet or an evaluation")
    parser.add_argument("--report", default="", help="the report of an evaluation, for the model card")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=0)
    return parser


def _fetch(options: argparse.Namespace) -> int:
    from training.pictures.packages import fetch

    for folder in fetch(Path(options.pictures)):
        print(folder)
    return 0


def _rasterize(options: argparse.Namespace) -> int:
    from training.pictures.vector_looks import rasterize

    for look, count in rasterize(Path(options.pictures)).items():
        print(f"{look}: {count} pictures")
    return 0


def _resume(options: argparse.Namespace) -> int:
    import torch

    from training.stages.loop import Habits, StoppedError
    from training.stages.plan import PLAN
    from training.stages.training import Places, resume

    torch.set_num_threads(options.threads)
    habits = Habits(pause_while=Path(options.pause_while) if options.pause_while else None)
    places = Places(
        pictures=Path(options.pictures),
        state=Path(options.state),
        device=options.device,
        drawing_processes=options.drawing_processes,
        habits=habits,
    )
    try:
        resume(places, PLAN.scaled(options.batch_factor) if options.batch_factor > 1 else PLAN)
    except StoppedError as stopped:
        print(f"{stopped}; the same command resumes")
        return 1
    print("all stages are done")
    return 0


def _model(options: argparse.Namespace) -> int:
    from training.stages.publishing import write_model
    from training.stages.training import Places

    places = Places(pictures=Path(options.pictures), state=Path(options.state))
    stage, size = write_model(places, Path(options.out))
    print(f"{size / 1e6:.1f} MB in {options.out}, trained up to stage {stage}")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    import torch

    from training.evaluation.eye import examined, trained_eye
    from training.evaluation.report import Question, evaluate
    from training.stages.training import Places, picture_maker

    torch.set_num_threads(options.threads)
    maker = picture_maker(Places(pictures=Path(options.pictures), state=Path(options.state)))
    eye = trained_eye(maker, Path(options.state) / "eye.pt")
    eye_shares = examined(eye, maker)
    print("the eye itself:", eye_shares)
    question = Question(side=options.side, seeds=options.seeds, guidance=options.guidance)
    out = Path(options.out or "evaluation.json")
    for table, figures in evaluate(Path(options.model), eye, question, out, eye_shares).items():
        print(f"{table}: {figures}")
    return 0


def _card(options: argparse.Namespace) -> int:
    from training.evaluation.card import model_card

    report = Path(options.report) if options.report else None
    (Path(options.model) / "README.md").write_text(model_card(report), encoding="utf-8")
    return 0


def _preview(options: argparse.Namespace) -> int:
    import json

    from training.evaluation.preview_map import fit

    rows, errors = fit(Path(options.model))
    for name, values in errors.items():
        print(f"{name}: " + ", ".join(f"{value:.1f}" for value in values) + " levels in the four quarters of a run")
    factors = {"rows": rows.round(4).tolist()}
    Path(options.out or "preview.json").write_text(json.dumps(factors, indent=2) + "\n", encoding="utf-8")
    return 0


def _words(_options: argparse.Namespace) -> int:
    from training.text.words import known_words

    print(" ".join(known_words()))
    return 0


def _train(options: argparse.Namespace) -> int:
    import torch

    from training.earlier.export import export
    from training.earlier.pipeline import latest, train
    from training.earlier.recipe import RECIPES

    work = Path(options.work)
    torch.set_num_threads(options.threads)
    recipe = RECIPES[options.size]()
    model = train(recipe, work) if options.action == "train" else latest(recipe, work)
    size = export(model, Path(options.out or work / "model"))
    print(f"{size / 1e6:.1f} MB in {options.out or work / 'model'}")
    return 0


def _sheet(options: argparse.Namespace) -> int:
    from training.earlier.export import load_pipeline
    from training.evaluation.sheets import SHOWN_PROMPTS, contact_sheet, draw

    contact_sheet(draw(load_pipeline(Path(options.model)), list(SHOWN_PROMPTS), seed=options.seed)).save(
        Path(options.out)
    )
    return 0


_ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {
    "fetch": _fetch,
    "rasterize": _rasterize,
    "resume": _resume,
    "model": _model,
    "evaluate": _evaluate,
    "card": _card,
    "preview": _preview,
    "words": _words,
    "train": _train,
    "export": _train,
    "sheet": _sheet,
}


if __name__ == "__main__":
    raise SystemExit(main())
