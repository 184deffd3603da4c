"""What a sweep looks up outside of its line: images of folders, seeds of `-n`, recent results, and defaults.

Everything is looked up once, before the first image: later cells would find other recent results.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import expand_path, path_exists
from invoke_cli.context.settings import Resolved
from invoke_cli.generation.alternatives import read_word_list
from invoke_cli.generation.input_glob import init_files
from invoke_cli.generation.prepare import reference_folder, resolve_seeds
from invoke_cli.inputs.references import find_image, is_recall, split_step
from invoke_cli.language.grammar.axes import AxisSources
from invoke_cli.language.grammar.quotes import always_quoted, quote_prompt
from invoke_cli.language.prompt.alternatives import has_alternatives
from invoke_cli.language.prompt.prompt import A1111
from invoke_cli.language.switches.table import by_field
from invoke_cli.planning.seeds import seed_run
from invoke_cli.request import ControlChoice, GenerationRequest


@dataclass(kw_only=True)
class SweepSources:
    """The lookups of one sweep.

    Attributes:
        context: The session.
        first: The first stage of the first cell, with all defaults.
        recalls: What references to recent results and seeds refer to. An interrupted sweep keeps them.
    """

    context: SessionContext
    first: Resolved
    recalls: dict[str, str] = field(default_factory=dict)

    @property
    def request(self) -> GenerationRequest:
        """The request of the first cell, with all defaults."""
        return self.first.request

    @property
    def axis_sources(self) -> AxisSources:
        """The lookups, as the axes of the line are parsed with them."""
        return AxisSources(
            expand=self.expand,
            is_file=lambda text: path_exists(expand_path(text)),
            read_list=partial(read_word_list, self.context),
            with_alternatives=self.request.prompt_syntax != A1111,
        )

    @property
    def is_varied(self) -> bool:
        """Whether `-n` generates variations of each seed, all in one run, rather than further seeds."""
        return bool(self.request.variation_amount)

    def expand(self, field: str, text: str, stage: int) -> Sequence[str]:
        """Return the values that a value of a field stands for; itself if it stands for nothing else."""
        expansion = _EXPANSIONS.get(field)
        return (text,) if expansion is None else expansion(self, text, stage)

    def added_switches(self, seed: int) -> str:
        """Return switches that the line lacks: a seed, and the defaults that stand for several values."""
        typed = {name for name, source in self.first.effective.sources.items() if source == "line"}
        rows = by_field()
        added = {name: texts(self, seed) for name, texts in _ADDED.items() if name not in typed}
        return " ".join(f"{rows[name].spelling} {text}" for name, texts in added.items() for text in texts)

    def stable_reference(self, reference: str) -> str:
        """Return a reference that stays the same while images are generated: `@last` becomes the name of the image."""
        step = split_step(reference)
        image = step[0] if step else reference
        if not is_recall(image) or path_exists(expand_path(image)):
            return reference
        if image not in self.recalls:
            own = reference_folder(self.context, self.request)
            self.recalls[image] = own.relative_name(find_image(image, self.context.latest or own))
        return self.recalls[image] + (f":{step[1]}" if step else "")

    def stable_seed(self, seed: int) -> int:
        """Return a seed; for a negative one that of the recent image that it refers to."""
        if seed >= 0:
            return seed
        key = f"-S {seed}"
        if key not in self.recalls:
            resolved = resolve_seeds(self.context, replace(self.request, seeds=(seed,))) or (seed,)
            self.recalls[key] = str(resolved[0])
        return int(self.recalls[key])


def _seeds(sources: SweepSources, text: str, stage: int) -> Sequence[str]:
    """Return the seeds of a value; in the first stage all seeds of `-n`."""
    try:
        seeds = by_field()["seeds"].value.parse(text)
    except ValueError:
        return (text,)  # reported when the line of the cell is parsed
    assert isinstance(seeds, tuple)
    count = 1 if stage or sources.is_varied else sources.request.num_images or 1
    return [str(seed) for first in seeds for seed in seed_run(sources.stable_seed(first), count)]


def _count(sources: SweepSources, text: str, stage: int) -> Sequence[str]:
    """Return the number of images of a cell: one, since each seed is a cell."""
    return (text,) if stage or sources.is_varied else ("1",)


def _init_images(sources: SweepSources, text: str, stage: int) -> Sequence[str]:  # noqa: ARG001  # as in the table
    """Return the images of a pattern or a folder."""
    stable = sources.stable_reference(text)
    files = init_files(stable, sources.context.folder())
    return [stable] if files is None else [str(file) for file in files]


def _mask(sources: SweepSources, text: str, stage: int) -> Sequence[str]:  # noqa: ARG001  # as in the table
    return (sources.stable_reference(text),)


def _colours(sources: SweepSources, text: str, stage: int) -> Sequence[str]:  # noqa: ARG001  # as in the table
    method, colon, image = text.partition(":")
    return (f"{method}:{sources.stable_reference(image)}" if colon else text,)


def _control(sources: SweepSources, text: str, stage: int) -> Sequence[str]:  # noqa: ARG001  # as in the table
    value = by_field()["controls"].value
    try:
        parsed = value.parse(text)
    except ValueError:
        return (text,)  # reported when the line of the cell is parsed
    assert isinstance(parsed, tuple)
    (control,) = parsed
    image = sources.stable_reference(control.image)
    return (text,) if image == control.image else (value.format((ControlChoice(control.kind, image, control.weight),)),)


_EXPANSIONS: Mapping[str, Callable[[SweepSources, str, int], Sequence[str]]] = {
    "seeds": _seeds,
    "num_images": _count,
    "init_image": _init_images,
    "init_mask": _mask,
    "match_colors": _colours,
    "controls": _control,
}


def _added_seeds(sources: SweepSources, seed: int) -> Sequence[str]:
    """Return the seeds of a line without any. A dry run shows a random one only if it distinguishes cells."""
    request = sources.request
    if request.dry_run and not request.seeds and (request.num_images or 1) == 1:
        return ()
    return (by_field()["seeds"].value.format(request.seeds or (seed,)),)


def _added_count(sources: SweepSources, seed: int) -> Sequence[str]:  # noqa: ARG001  # as in the table
    count = sources.request.num_images or 1
    return (str(count),) if count > 1 else ()


def _added_negative(sources: SweepSources, seed: int) -> Sequence[str]:  # noqa: ARG001  # as in the table
    negative, syntax = sources.request.negative_prompt, sources.request.prompt_syntax
    return (quote_prompt(negative),) if negative and syntax != A1111 and has_alternatives(negative) else ()


def _added_value(field: str, sources: SweepSources, seed: int) -> Sequence[str]:  # noqa: ARG001  # as in the table
    value = getattr(sources.request, field)
    return (always_quoted(value),) if value and tuple(sources.expand(field, value, 0)) != (value,) else ()


def _added_controls(sources: SweepSources, seed: int) -> Sequence[str]:  # noqa: ARG001  # as in the table
    controls = sources.request.controls or ()
    if all(sources.stable_reference(control.image) == control.image for control in controls):
        return ()
    return [always_quoted(by_field()["controls"].value.format((control,))) for control in controls]


# The values to add to a line that does not set a field itself, in the order in which they are added.
_ADDED: Mapping[str, Callable[[SweepSources, int], Sequence[str]]] = {
    "seeds": _added_seeds,
    "num_images": _added_count,
    "negative_prompt": _added_negative,
    "init_image": partial(_added_value, "init_image"),
    "init_mask": partial(_added_value, "init_mask"),
    "match_colors": partial(_added_value, "match_colors"),
    "controls": _added_controls,
}
