"""The list of images as a terminal shows it: when each was generated, and what differs from the defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from invoke_cli.context.context import SessionContext
from invoke_cli.errors import InvokeError
from invoke_cli.language.cells import clipped
from invoke_cli.language.fitted_line import fitted_stages
from invoke_cli.language.grammar.line import Generation, parse
from invoke_cli.language.sanitize import sanitize_for_terminal
from invoke_cli.output.entries import Entry
from invoke_cli.request import GenerationRequest

_ALWAYS_SHOWN = frozenset({"prompt", "seeds"})


class Listing:
    """Formats images, each in one line of at most `width` cells, and a second one for its rating and tags."""

    def __init__(self, context: SessionContext, width: int, now: datetime) -> None:
        self._context, self._width, self._now = context, width, now
        self._defaults: dict[str | None, Mapping[str, object]] = {}

    def text(self, entries: Sequence[Entry], marks: Mapping[int, Sequence[str]]) -> str:
        """Return the lines of all images."""
        times = {entry.number: _time(entry.created, self._now) for entry in entries}
        numbers = max((len(str(entry.number)) for entry in entries), default=0)
        longest = max(map(len, times.values()), default=0)
        lines: list[str] = []
        for entry in entries:
            start = f"[{entry.number}]{'':<{numbers - len(str(entry.number))}} {times[entry.number]:<{longest}}  "
            lines.append(start + self._shown(entry, self._width - len(start)))
            if entry.number in marks:
                lines.append(clipped(f"{'':<{len(start)}}{', '.join(marks[entry.number])}", self._width))
        return "\n".join(lines)

    def _shown(self, entry: Entry, width: int) -> str:
        """Return what was chosen for an image."""
        try:
            parsed = parse(entry.line)
        except InvokeError:
            parsed = None
        if not isinstance(parsed, Generation):
            return clipped(sanitize_for_terminal(f"{entry.kind}  {entry.line}" if entry.kind else entry.line), width)
        stages = self._chosen([stage.request for stage in parsed.stages])
        return fitted_stages(stages, width)

    def _chosen(self, stages: Sequence[GenerationRequest]) -> list[GenerationRequest]:
        """Return the stages without the defaults, and the later ones also without what they inherit."""
        chosen = []
        inherited = self._defaults_of(stages[0].model)
        for stage in stages:
            values = stage.set_fields()
            shown = {
                name: value for name, value in values.items() if name in _ALWAYS_SHOWN or inherited.get(name) != value
            }
            chosen.append(GenerationRequest.of(shown))
            inherited = {**inherited, **values}
        return chosen

    def _defaults_of(self, model: str | None) -> Mapping[str, object]:
        """Return the values that a line with this model would use; none if it is unknown here."""
        if model not in self._defaults:
            try:
                resolved = self._context.settings.resolve(GenerationRequest(model=model))
            except InvokeError:
                return self._defaults.setdefault(model, {})
            size = resolved.model.facts.size
            values = {"width": size, "height": size, **resolved.request.set_fields()}
            current = self._context.settings.current_name()
            self._defaults[model] = {**values, "model": current}
        return self._defaults[model]


def _time(created: str, now: datetime) -> str:
    """Return when an image was generated: the time of today, the day and time of the last months, or the date."""
    try:
        moment = datetime.fromisoformat(created).astimezone(now.tzinfo)
    except ValueError:
        return created[:10]
    if moment.date() == now.date():
        return f"{moment:%H:%M}"
    return f"{moment:%b %d %H:%M}" if (now - moment).days < 180 else f"{moment:%Y-%m-%d}"
