"""`!plot`: what a setting means, as a picture and as text."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from invoke_cli.commands.command import Call
from invoke_cli.context.context import SessionContext
from invoke_cli.errors import CommandError
from invoke_cli.generation.contact_sheets import save_sheet
from invoke_cli.imaging.sheets.plot import Bar, chart, chart_text
from invoke_cli.language.grammar.line import switches_only
from invoke_cli.metadata.sheet_record import SheetRecord
from invoke_cli.planning.steps import count_steps

_USAGE = "!plot strength -s50: which of 50 steps each strength takes"


def plot(context: SessionContext, call: Call) -> None:
    """Draw a chart and write it as text."""
    subject, _, switches = call.argument.partition(" ")
    if subject not in PLOTS:
        raise CommandError(f"!plot knows {', '.join(PLOTS)}, not {subject[:40]!r}", hint=_USAGE)
    PLOTS[subject](context, switches.strip())


def _strength(context: SessionContext, switches: str) -> None:
    """Bars for the strengths 0 to 1: where each begins in the schedule, and how many steps it takes."""
    asked = switches_only(switches)
    if set(asked.set_fields()) - {"num_inference_steps"}:
        raise CommandError("!plot strength takes -s alone", hint=_USAGE)
    steps = context.settings.resolve(asked).effective.request.num_inference_steps
    assert steps is not None
    bars = strength_bars(steps)
    title = f"steps taken at each strength, of {steps}"
    context.say(f"{title}\n{chart_text(bars, steps)}")
    sheet = chart(bars, title, ("step of the schedule", "strength"), steps)
    save_sheet(context, sheet, SheetRecord(kind="plot", line=f"!plot strength -s {steps}"))


def strength_bars(steps: int) -> list[Bar]:
    """A bar for each strength of 0, 0.1 … 1 from the first step that is taken to the last of the schedule."""
    return [_strength_bar(tenth / 10, steps) for tenth in range(11)]


def _strength_bar(strength: float, steps: int) -> Bar:
    taken = count_steps(steps, strength).taken
    begin = steps - taken
    return Bar(label=f"{strength:.1f}", begin=begin, end=steps, note=f"{taken} of {steps}, from {begin}")


PLOTS: Mapping[str, Callable[[SessionContext, str], None]] = {"strength": _strength}
