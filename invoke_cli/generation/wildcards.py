"""Alternatives in a line's prompts: the line is drawn once for each text that they stand for, with the same seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import product

from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import is_file, read_text
from invoke_cli.errors import ConfigError, InvokeError, PlanError, PromptError
from invoke_cli.generation.prepare import recalled_seeds
from invoke_cli.generation.save import save_grid
from invoke_cli.language.grammar.line import Stage
from invoke_cli.language.prompt.alternatives import MAX_VARIANTS, draws, has_alternatives, variants
from invoke_cli.output.writer import SavedImage
from invoke_cli.planning.seeds import seed_run
from invoke_cli.request import GenerationRequest

WILDCARDS = "wildcards"
_FIELDS = ("prompt", "negative_prompt")

Draw = Callable[[Sequence[Stage]], list[SavedImage]]


def generate_alternatives(context: SessionContext, stages: Sequence[Stage], draw: Draw) -> list[SavedImage]:
    """Draw a line, or, where its prompts hold alternatives, each of the lines that it stands for."""
    meant = [_with_defaults(context, stages[0]), *stages[1:]]
    if not any(_checked(number, stage, has_alternatives) for number, stage in enumerate(meant)):
        return draw(stages)
    return _Alternating(context, meant).draw(stages, draw)


class _Alternating:
    """One line with alternatives on its way."""

    def __init__(self, context: SessionContext, stages: Sequence[Stage]) -> None:
        self.context = context
        self.effective = context.settings.resolve(stages[0].request).effective.request
        asked = recalled_seeds(context, self.effective)
        self.seeds = asked or (context.draw_seed(),)
        self.stages = [_seeded(stages[0], self.seeds), *stages[1:]]

    def draw(self, typed: Sequence[Stage], draw: Draw) -> list[SavedImage]:
        """Draw them; what recalls and addresses meant the first time they mean every time."""
        saved: list[SavedImage] = []
        meant: GenerationRequest | None = None
        for line in list(self._lines()):
            self.context.check_stopped()
            try:
                saved += draw([_referring(line[0], meant), *line[1:]])
            except PromptError as error:
                error.span = None  # it counts in a text that nobody typed
                raise
            meant = meant or self.context.last_stages[0]
        first = replace(_referring(typed[0], meant).request, seeds=self.seeds)
        self.context.last_stages = (first, *(stage.request for stage in typed[1:]))
        if self.effective.grid and len(saved) > 1 and not self.effective.dry_run:
            folder = self.context.target(self.effective.outdir or "").folder
            save_grid(self.context, folder, saved, private=bool(self.effective.private))
        return saved

    def _lines(self) -> Iterator[list[Stage]]:
        """The lines in order: of each text all seeds, but, where the seed draws the text, of each seed all texts."""
        if not any(_checked(number, stage, draws) for number, stage in enumerate(self.stages)):
            yield from self._texts(self.stages, self.seeds[0])
            return
        count = 1 if self.effective.variation_amount else self.effective.num_images or 1
        for seed in (seed for first in self.seeds for seed in seed_run(first, count)):
            first = _seeded(self.stages[0], (seed,))
            if count > 1:
                first = replace(first, request=replace(first.request, num_images=1))
            yield from self._texts([first, *self.stages[1:]], seed)

    def _texts(self, stages: Sequence[Stage], seed: int) -> list[list[Stage]]:
        """The line's stages with every combination of their texts."""
        choices: list[list[Stage]] = []
        for number, stage in enumerate(stages):
            fields = [name for name in _FIELDS if getattr(stage.request, name) is not None]
            texts = [self._variants(stage, number, name, seed) for name in fields]
            choices.append([_saying(stage, dict(zip(fields, said, strict=True))) for said in product(*texts)])
        count = 1
        for options in choices:
            count *= len(options)
        if count > MAX_VARIANTS:
            hint = "use fewer of them, or {?a|b} to draw one"
            raise PlanError(
                f"these alternatives make {count} lines (at most {MAX_VARIANTS})", hint=hint, field="prompt"
            )
        # One sheet of all the pictures is made in the end.
        alone = [[_without_grid(options) for options in choices[0]], *choices[1:]]
        return [list(line) for line in product(*alone)]

    def _variants(self, stage: Stage, number: int, name: str, seed: int) -> list[str]:
        source = getattr(stage.request, name)
        try:
            return variants(source, seed, self._read_list)
        except InvokeError as error:
            error.stage, error.field = number, name
            raise

    def _read_list(self, name: str) -> list[str]:
        """The entries of `<root>/wildcards/name.txt`; PromptError when there are none."""
        folder = self.context.settings.paths.root / WILDCARDS
        path = folder / f"{name}.txt"
        if ".." in name or not is_file(path):
            known = ", ".join(sorted(str(file.relative_to(folder).with_suffix("")) for file in folder.rglob("*.txt")))
            hint = f"there are {known}" if known else "write it, a line for each entry"
            raise PromptError(f"there is no list {path}", hint=hint)
        try:
            lines = [line.strip() for line in read_text(path).splitlines()]
        except ConfigError as error:
            raise PromptError(error.message, hint=error.hint) from None
        entries = [line for line in lines if line and not line.startswith("#")]
        if not entries:
            raise PromptError(f"the list {path} is empty", hint="write a line for each entry")
        return entries


def _with_defaults(context: SessionContext, stage: Stage) -> Stage:
    """The first stage, saying itself what a default with alternatives says."""
    request = context.settings.resolve(stage.request).effective.request
    negative = request.negative_prompt
    if negative is None or stage.request.negative_prompt is not None or not has_alternatives(negative):
        return stage
    return replace(stage, request=replace(stage.request, negative_prompt=negative))


def _checked(number: int, stage: Stage, ask: Callable[[str], bool]) -> bool:
    """Whether it is so of any of a stage's prompts; an error says which."""
    found = False
    for name in _FIELDS:
        try:
            found = ask(getattr(stage.request, name) or "") or found
        except PromptError as error:
            error.stage, error.field = number, name
            raise
    return found


def _seeded(stage: Stage, seeds: tuple[int, ...]) -> Stage:
    return replace(stage, request=replace(stage.request, seeds=seeds))


def _saying(stage: Stage, said: dict[str, str]) -> Stage:
    return replace(stage, request=GenerationRequest.of(stage.request.said() | said))


def _without_grid(stage: Stage) -> Stage:
    return replace(stage, request=replace(stage.request, grid=False))


def _referring(stage: Stage, meant: GenerationRequest | None) -> Stage:
    """The stage with the files that its references meant the first time."""
    if meant is None:
        return stage
    request = replace(stage.request, init_image=meant.init_image, init_mask=meant.init_mask, controls=meant.controls)
    return replace(stage, request=request)
