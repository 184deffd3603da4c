"""`!ladder`: try all strengths on an init image, and chart how far the results are from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from invoke_cli.commands.command import Call
from invoke_cli.commands.lines.explore import sweep_record
from invoke_cli.context.context import SessionContext
from invoke_cli.errors import CommandError
from invoke_cli.exploration.sweep import Cell, SweepImage, SweepResult, cell_stages, failure_error, run_sweep
from invoke_cli.exploration.sweep_export import grid_image
from invoke_cli.generation.chain import prepare_line
from invoke_cli.generation.contact_sheets import save_sheet
from invoke_cli.generation.resolved_line import resolve_line
from invoke_cli.imaging.open_image import open_path
from invoke_cli.imaging.sheets.captions import caption
from invoke_cli.imaging.sheets.grids import Block, difference, nested_grid
from invoke_cli.imaging.sheets.layout import beside, stack_vertically, with_margin
from invoke_cli.imaging.sheets.line_chart import Series, line_chart
from invoke_cli.imaging.sheets.plot import Bar, chart_text
from invoke_cli.language.grammar.axes import with_switches
from invoke_cli.language.grammar.line import Generation, parse
from invoke_cli.output.items import bar_items

STRENGTHS = ".1..1:.1"

_USAGE = "!ladder oil painting -I sketch.png: try the strengths 0.1 to 1, and chart the distance from the init image"
_TITLE = "mean distance from the init image, of 255"
_COLUMNS = 4
_CHART_WIDTH, _CHART_HEIGHT = 760, 420
_GAP = 16
_TITLE_SIZE = 20


def ladder(context: SessionContext, call: Call) -> None:
    """Generate a line at strengths from 0.1 to 1, and chart the distance of the results from the init image."""
    call.required(_USAGE)
    parsed = parse(call.argument)
    if not isinstance(parsed, Generation) or len(parsed.stages) > 1 or "strength" in parsed.stages[0].spans:
        raise CommandError("!ladder takes one stage and sets -f itself", hint=_USAGE)
    if resolve_line(context, parsed.stages).request.init_image is None:
        raise CommandError("!ladder needs an init image", hint=_USAGE)
    result = run_sweep(context, with_switches(call.argument, f"-f {STRENGTHS}"))
    if result is None:
        return
    if result.images:
        rungs = _rungs(context, result)
        _report(context, rungs)
        sheet = _sheet(result, rungs, "" if result.private else parsed.stages[0].request.prompt or "")
        save_sheet(context, sheet, sweep_record("ladder", f"!ladder {call.argument}", result), result.folder)
    if result.failures:
        raise failure_error(result)


def _report(context: SessionContext, rungs: Sequence[_Rung]) -> None:
    """Show the distances as text."""
    bars = [Bar(label=each.label, begin=0, end=round(each.distance), note=f"{each.distance:.1f}") for each in rungs]
    text = f"{_TITLE}\n{chart_text(bars, max(1, *(bar.end for bar in bars)))}"
    exact = zip(bar_items(bars), rungs, strict=True)
    context.say(text, items=[{**item, "end": each.distance} for item, each in exact])


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rung:
    """A result at one strength.

    Attributes:
        strength: Its strength.
        others: The values of its cell on the other axes.
        label: What tells it apart from the other results.
        shown: Its image.
        init: The fitted init image.
        distance: Its mean distance from the init image, in grey levels of 255.
    """

    strength: float
    others: Cell
    label: str
    shown: SweepImage
    init: Image.Image
    distance: float


def _rungs(context: SessionContext, result: SweepResult) -> list[_Rung]:
    """Measure each result."""
    axes = result.sweep.axes
    place = next(index for index, axis in enumerate(axes) if axis.field == "strength")
    fitted: dict[Cell, Image.Image] = {}
    rungs = []
    for image in result.images:
        others = (*image.cell[:place], *image.cell[place + 1 :])
        if others not in fitted:
            line = resolve_line(context, cell_stages(result.sweep, image.cell))
            fitted[others] = prepare_line(context, line).untouched()
        value = axes[place].values[image.cell[place]]
        rungs.append(
            _Rung(
                strength=float(value), others=others, label=value if len(axes) == 1 else result.label_of(image),
                shown=image, init=fitted[others],
                distance=difference(fitted[others], open_path(image.path).image),
            )
        )  # fmt: skip
    return rungs


def _sheet(result: SweepResult, rungs: Sequence[_Rung], title: str) -> Image.Image:
    """Return the init image and the results, with the chart of their distances beside them, below the title."""
    if len(result.sweep.axes) == 1:
        pictures = _in_one_grid(rungs, private=result.private)
    else:
        inits = list({each.init.tobytes(): each.init for each in rungs}.values())
        start = Block(heading="", images=inits, captions=["init image"] * len(inits), columns=len(inits))
        pictures = stack_vertically([nested_grid([start], 1), grid_image(result)])
    plot = line_chart(_series(result, rungs), _TITLE, "strength", (_CHART_WIDTH, max(_CHART_HEIGHT, pictures.height)))
    body = beside([pictures, plot], _GAP)
    return with_margin(stack_vertically([*([caption(title, body.width, _TITLE_SIZE)] if title else []), body], _GAP))


def _in_one_grid(rungs: Sequence[_Rung], *, private: bool) -> Image.Image:
    captions = [f"[{each.shown.number}]" + ("" if private else f" -f {each.label}") for each in rungs]
    images = [rungs[0].init, *(open_path(each.shown.path).image for each in rungs)]
    return nested_grid([Block(heading="", images=images, captions=["init image", *captions], columns=_COLUMNS)], 1)


def _series(result: SweepResult, rungs: Sequence[_Rung]) -> list[Series]:
    """Return a line for each combination of the other axes and each image of a cell."""
    points: dict[tuple[Cell, str], list[tuple[float, float]]] = {}
    for each in rungs:
        points.setdefault((each.others, each.shown.part), []).append((each.strength, each.distance))
    return [
        Series(label="" if result.private else _other_values(result, *key), points=tuple(sorted(found)))
        for key, found in points.items()
    ]


def _other_values(result: SweepResult, others: Cell, part: str) -> str:
    axes = [axis for axis in result.sweep.axes if axis.field != "strength"]
    labels = [axis.label(index) for axis, index in zip(axes, others, strict=True)]
    return ", ".join([*labels, *([part] if part else [])])
