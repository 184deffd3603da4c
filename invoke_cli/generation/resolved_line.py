"""A line on its way to a plan: its stages as typed, and the first one with all defaults under it, resolved once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from invoke_cli.context.context import SessionContext
from invoke_cli.context.settings import Resolved
from invoke_cli.language.grammar.line import Stage
from invoke_cli.request import GenerationRequest


@dataclass(frozen=True, kw_only=True)
class ResolvedLine:
    """The stages of a line.

    Attributes:
        stages: Every stage as it was typed; at least one.
        first: The first stage's request with all defaults under it, and its model.
    """

    stages: tuple[Stage, ...]
    first: Resolved

    @property
    def typed(self) -> GenerationRequest:
        """The first stage's request as it was typed."""
        return self.stages[0].request

    @property
    def request(self) -> GenerationRequest:
        """The first stage's request with all defaults under it."""
        return self.first.request

    def with_later(self, later: Sequence[Stage]) -> ResolvedLine:
        """Return the line with other stages after the first."""
        return replace(self, stages=(self.stages[0], *later))

    def with_request(self, context: SessionContext, request: GenerationRequest) -> ResolvedLine:
        """Return the line with another request in its first stage.

        Defaults are resolved again only where they can differ: for another model, or where the line no longer sets
        what it set.
        """
        before, after = self.typed.set_fields(), request.set_fields()
        changed = {name: value for name, value in after.items() if value != before.get(name)}
        if "model" in changed or before.keys() - after.keys():
            first = context.settings.resolve(request, self.first.model)
        else:
            first = self.first.with_values(changed)
        return replace(self, stages=(replace(self.stages[0], request=request), *self.stages[1:]), first=first)


def resolve_line(context: SessionContext, stages: Sequence[Stage]) -> ResolvedLine:
    """Resolve the defaults of a line's first stage; ModelError or PlanError when its model is unknown."""
    return ResolvedLine(stages=tuple(stages), first=context.settings.resolve(stages[0].request))
