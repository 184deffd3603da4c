"""`!plot`: chart the effect of a setting, as an image and as text."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from invoke_cli.commands.command import Call
from invoke_cli.context.context import SessionContext
from invoke_cli.errors import CommandError
from invoke_cli.generation.contact_sheets import save_sheet
from invoke_cli.imaging.sheets.plot import Bar, chart, chart_text
from invoke_cli.language.grammar.line import switches_only
from invoke_cli.metadata.sheet_record import SheetRecord
from invoke_cli.output.items import bar_items
from invoke_cli.planning.steps import count_steps

_USAGE = "!plot strength -s50: show which of 50 steps run at each strength"


def plot(context: SessionContext, call: Call) -> None:
    """Print a chart as text and save it as an image."""
    call.required(_USAGE)
    subject, _, switches = call.argument.partition(" ")
    if subject not in PLOTS:
        raise CommandError(f"unknown plot: {subject[:40]!r} (known: {', '.join(PLOTS)})", hint=_USAGE)
    PLOTS[subject](context, switches.strip())


def _strength(context: SessionContext, switches: str) -> None:
    """Plot the strengths 0 to 1: where each starts in the schedule, and how many steps run."""
    request = switches_only(switches)
    if set(request.set_fields()) - {"num_inference_steps"}:
        raise CommandError("!plot strength takes only -s", hint=_USAGE)
    steps = context.settings.resolve(request).effective.request.num_inference_steps
    assert steps is not None
    bars = strength_bars(steps)
    title = f"steps taken at each strength, of {steps}"
    context.say(f"{title}\n{chart_text(bars, steps)}", items=bar_items(bars))
    sheet = chart(bars, title, ("step of the schedule", "strength"), steps)
    save_sheet(context, sheet, SheetRecord(kind="plot", line=f"!plot strength -s {steps}"))


def strength_bars(steps: int) -> list[Bar]:
    """Return a bar for each strength of 0, 0.1 … 1, from its first step to the end of the schedule of `steps` steps."""
    return [_strength_bar(tenth / 10, steps) for tenth in range(11)]


def _strength_bar(strength: float, steps: int) -> Bar:
    taken = count_steps(steps, strength).taken
    begin = steps - taken
    return Bar(label=f"{strength:.1f}", begin=begin, end=steps, note=f"{taken} of {steps}, from {begin}")


PLOTS: Mapping[str, Callable[[SessionContext, str], None]] = {"strength": _strength}
