"""Alternatives in prompts: `{a|b}`, `{?a|b}` and `__list__`. A line that contains them runs once for each variant."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from math import prod
from pathlib import Path

from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import is_file, read_text
from invoke_cli.errors import ConfigError, PlanError, PromptError, blame
from invoke_cli.generation.prepare import resolve_seeds
from invoke_cli.generation.resolved_line import ResolvedLine
from invoke_cli.generation.run import GridRun, Run
from invoke_cli.generation.save import check_only_image
from invoke_cli.language.grammar.line import Stage
from invoke_cli.language.prompt.a1111 import wildcard_source
from invoke_cli.language.prompt.alternatives import MAX_VARIANTS, has_alternatives, is_random, variants
from invoke_cli.language.prompt.prompt import A1111
from invoke_cli.planning.seeds import seed_run
from invoke_cli.request import GenerationRequest

WILDCARDS = "wildcards"
_FIELDS = ("prompt", "negative_prompt")

Prepare = Callable[[ResolvedLine], Run]


def runs_of_variants(context: SessionContext, line: ResolvedLine, prepare: Prepare) -> Iterator[Run]:
    """Yield the run of a line or, if its prompts contain alternatives, that of each of its variants."""
    with_defaults = _with_default_negative(context, line)
    stages = enumerate(with_defaults.stages)
    if any(_any_prompt(number, stage, has_alternatives, line.request.prompt_syntax) for number, stage in stages):
        yield from _Alternatives(context, with_defaults).runs(line, prepare)
    else:
        yield prepare(line)


class _Alternatives:
    """One line with alternatives. All variants share its seeds and its resolved references."""

    def __init__(self, context: SessionContext, line: ResolvedLine) -> None:
        self.context = context
        self.effective = line.request
        self.seeds = resolve_seeds(context, line.request) or (context.random_seed(),)
        self.line = line.with_request(context, replace(line.typed, seeds=self.seeds))

    def runs(self, typed: ResolvedLine, prepare: Prepare) -> Iterator[Run]:
        """Yield the run of every variant; a reference or a URL resolves to the same file in all of them."""
        runs: list[Run] = []
        found: GenerationRequest | None = None
        lines = list(self._lines())
        check_only_image(self.effective.outdir, len(lines), "prompt")
        for line in lines:
            self.context.check_stopped()
            try:
                runs.append(prepare(line.with_request(self.context, _with_found_files(line.typed, found))))
            except PromptError as error:
                raise error.without_span() from None  # the span refers to a generated text
            found = found or self.context.last_stages[0]
            yield runs[-1]
        first = replace(_with_found_files(typed.typed, found), seeds=self.seeds)
        self.context.last_stages = (first, *(stage.request for stage in typed.stages[1:]))
        if self.effective.grid and not self.effective.dry_run:
            yield GridRun(runs, self.context.target(self.effective.outdir or "").folder, self.effective)

    def _lines(self) -> Iterator[ResolvedLine]:
        """Yield the variants: all seeds of each text; or, if the seed chooses texts, all texts of each seed."""
        stages = enumerate(self.line.stages)
        if not any(_any_prompt(number, stage, is_random, self.effective.prompt_syntax) for number, stage in stages):
            yield from self._variants(self.line, self.seeds[0])
            return
        count = 1 if self.effective.variation_amount else self.effective.num_images or 1
        for seed in (seed for first in self.seeds for seed in seed_run(first, count)):
            request = replace(self.line.typed, seeds=(seed,))
            if count > 1:
                request = replace(request, num_images=1)
            yield from self._variants(self.line.with_request(self.context, request), seed)

    def _variants(self, line: ResolvedLine, seed: int) -> Iterator[ResolvedLine]:
        """Yield the line with every combination of the texts of its prompts."""
        choices = [list(self._stage_variants(number, stage, seed)) for number, stage in enumerate(line.stages)]
        count = prod(map(len, choices))
        if count > MAX_VARIANTS:
            hint = "use fewer alternatives, or {?a|b} to choose one at random"
            raise PlanError(
                f"these alternatives produce {count} lines (at most {MAX_VARIANTS})", hint=hint, field="prompt"
            )
        for first, *later in product(*choices):
            # One grid of all images follows at the end.
            request = replace(first.request, grid=False)
            yield line.with_request(self.context, request).with_later(later)

    def _stage_variants(self, number: int, stage: Stage, seed: int) -> Iterator[Stage]:
        fields = [name for name in _FIELDS if getattr(stage.request, name) is not None]
        texts = []
        for name in fields:
            with blame(name, stage=number, always=True):
                source = _source(stage.request, name, self.effective.prompt_syntax)
                texts.append(variants(source, seed, partial(read_word_list, self.context)))
        for chosen in product(*texts):
            values = stage.request.set_fields() | dict(zip(fields, chosen, strict=True))
            yield replace(stage, request=GenerationRequest.of(values))


def read_word_list(context: SessionContext, name: str) -> list[str]:
    """Return the entries of `<root>/wildcards/name.txt`. Raises PromptError if there are none."""
    folders = context.settings.paths.data_folders(WILDCARDS)
    paths = [folder / f"{name}.txt" for folder in folders]
    path = next(filter(is_file, paths), paths[0])
    if ".." in name or not is_file(path):
        raise PromptError(f"no such list: {path}", hint=_available_lists(folders))
    try:
        lines = [line.strip() for line in read_text(path).splitlines()]
    except ConfigError as error:
        raise PromptError(error.message, hint=error.hint) from None
    entries = [line for line in lines if line and not line.startswith("#")]
    if not entries:
        raise PromptError(f"the list {path} is empty", hint="write one entry per line")
    return entries


def _list_names(folders: Sequence[Path]) -> set[str]:
    return {str(file.relative_to(folder).with_suffix("")) for folder in folders for file in folder.rglob("*.txt")}


def _with_default_negative(context: SessionContext, line: ResolvedLine) -> ResolvedLine:
    """Copy a default negative prompt with alternatives into the line, so that its variants replace it."""
    negative = line.request.negative_prompt
    if negative is None or line.typed.negative_prompt is not None or line.request.prompt_syntax == A1111:
        return line
    if not has_alternatives(negative):
        return line
    return line.with_request(context, replace(line.typed, negative_prompt=negative))


def _source(request: GenerationRequest, name: str, line_syntax: str | None) -> str:
    """Return the source of a prompt with the alternatives of its syntax in ours."""
    source = getattr(request, name) or ""
    return wildcard_source(source) if (request.prompt_syntax or line_syntax) == A1111 else source


def _any_prompt(number: int, stage: Stage, check: Callable[[str], bool], syntax: str | None) -> bool:
    """Return whether `check` is true for any prompt of a stage; errors name the stage and the field."""
    results = []
    for name in _FIELDS:
        with blame(name, stage=number, always=True):
            results.append(check(_source(stage.request, name, syntax)))
    return any(results)


def _with_found_files(request: GenerationRequest, found: GenerationRequest | None) -> GenerationRequest:
    """Replace the references of a request by the files that they resolved to in the first variant."""
    if found is None:
        return request
    return replace(request, init_image=found.init_image, init_mask=found.init_mask, controls=found.controls)


def _available_lists(folders: Sequence[Path]) -> str:
    """Return the hint for a missing list."""
    lists = {str(file.relative_to(folder).with_suffix("")) for folder in folders for file in folder.rglob("*.txt")}
    known = ", ".join(sorted(lists))
    return f"available lists: {known}" if known else "create it, with one entry per line"
