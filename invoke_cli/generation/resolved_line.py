"""A line before planning: its stages as typed, and its first stage with all defaults, resolved once."""

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
        stages: The stages as typed; at least one.
        first: The request of the first stage with all defaults, and its model.
    """

    stages: tuple[Stage, ...]
    first: Resolved

    @property
    def typed(self) -> GenerationRequest:
        """The request of the first stage as typed."""
        return self.stages[0].request

    @property
    def request(self) -> GenerationRequest:
        """The request of the first stage with all defaults."""
        return self.first.request

    def with_later(self, later: Sequence[Stage]) -> ResolvedLine:
        """Return the line with other stages after the first."""
        return replace(self, stages=(self.stages[0], *later))

    def with_request(self, context: SessionContext, request: GenerationRequest) -> ResolvedLine:
        """Return the line with another request in its first stage.

        Defaults are resolved again only if they can differ: for another model, or if the line sets fewer fields.
        """
        before, after = self.typed.set_fields(), request.set_fields()
        changed = {name: value for name, value in after.items() if value != before.get(name)}
        if "model" in changed or before.keys() - after.keys():
            first = context.settings.resolve(request, self.first.model)
        else:
            first = self.first.with_values(changed)
        return replace(self, stages=(replace(self.stages[0], request=request), *self.stages[1:]), first=first)


def resolve_line(context: SessionContext, stages: Sequence[Stage]) -> ResolvedLine:
    """Resolve the defaults of the first stage. Raises ModelError or PlanError if its model is unknown."""
    context.report_model_problems()
    first, *later = stages
    if _embiggens_init(first.request):
        first = replace(first, request=_embiggened(first.request))
    return ResolvedLine(stages=(first, *later), first=context.settings.resolve(first.request))


def _embiggens_init(request: GenerationRequest) -> bool:
    """Return whether `--embiggen` works on the init image itself: there is no mask, and nothing else to generate."""
    generates = (request.init_mask, request.text_mask, request.outcrop, request.seeds and len(request.seeds) > 1)
    is_plain = not any(generates) and not isinstance(request.strength, tuple)
    return bool(request.embiggen and request.init_image and not request.fix) and is_plain


def _embiggened(request: GenerationRequest) -> GenerationRequest:
    """Return the request that enlarges the init image in tiles, of which `-f` is the strength, as in InvokeAI 2.x."""
    strength = request.embiggen_strength if request.embiggen_strength is not None else request.strength
    return replace(request, fix=True, strength=None, fit=None, embiggen_strength=strength)
