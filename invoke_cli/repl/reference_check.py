"""Check a typed line for missing samplers and images, unclosed brackets, missing init images and odd sizes."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from invoke_cli.context.paths import expand_path, path_exists
from invoke_cli.context.settings import Settings
from invoke_cli.errors import ImageError, InvokeError, PlanError, PromptError, Span
from invoke_cli.imaging.sizes import Grid, free_size
from invoke_cli.language.prompt.unbalanced import unbalanced_brackets
from invoke_cli.language.switches.switch import Needs
from invoke_cli.language.switches.table import SWITCHES
from invoke_cli.models.samplers import find_sampler
from invoke_cli.planning.default_layers import resolve
from invoke_cli.request import GenerationRequest, overlay

# The complete name of a file: not a prefix, a reference such as @last, a URL, a pattern or a step.
_WHOLE_NAME = re.compile(r"[^!@:*?\[\]]+\.(png|jpe?g|webp|bmp|gif|tiff?|avif|heic|heif|jxl|safetensors)", re.IGNORECASE)


_NUMBERED = re.compile(r"@last\d{0,6}|-\d{1,6}|!?\d{1,9}")


def check_brackets(request: GenerationRequest) -> None:
    """Raise PromptError for a bracket of the prompt that is not closed."""
    if request.prompt_syntax is not None:
        return
    for bracket in unbalanced_brackets(request.prompt or ""):
        if bracket.is_open:
            message = bracket.notice or f"the {bracket.char} is not closed"
            span = Span(bracket.position, bracket.position + 1)
            raise PromptError(message, span=span, field="prompt")


def check_init_image(request: GenerationRequest) -> None:
    """Raise PlanError for a switch that needs an init image, if there is none."""
    if request.init_image is not None:
        return
    for row in SWITCHES:
        if row.needs is Needs.INIT and getattr(request, row.field) is not None and ":" not in str(request.match_colors):
            raise PlanError(f"{row.spelling} needs {row.needs.value}", hint="add one with -I", field=row.field)


def check_size(request: GenerationRequest, grid: Grid) -> None:
    """Raise PlanError for a side that the model does not take, with the one that is used instead."""
    for field in ("width", "height"):
        side = getattr(request, field)
        actual = free_size(side or 0, 0, grid).width
        if side and side != actual:
            reason = f"a multiple of {grid.multiple}" if side > grid.smallest else f"at least {grid.smallest}"
            raise PlanError(f"{field} {side} is changed to {actual}, {reason}", field=field)


class ReferenceCheck:
    """Checks while the line is typed: the file system each time, the history once per name."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._is_stored: dict[str, bool] = {}
        self._recalls: dict[str, InvokeError | None] = {}
        self._defaults = GenerationRequest()
        self._grid: Grid | None = None

    def __call__(self, request: GenerationRequest, is_first: bool = True) -> InvokeError | None:
        """Return the first error of a stage; the first stage of a line also needs what its switches require."""
        try:
            if request.scheduler is not None:
                find_sampler(request.scheduler)
            for field in ("init_image", "init_mask"):
                self._check_file(getattr(request, field), field)
            check_brackets(request)
            if is_first:
                check_init_image(overlay(self._defaults, request))
            if request.model is None and self._grid is not None:
                check_size(request, self._grid)
        except InvokeError as error:
            return error
        return None

    def forget(self) -> None:
        """Clear the cached answers of the history and read the defaults again, after a line has run."""
        self._is_stored, self._recalls = {}, {}
        self._defaults, self._grid = GenerationRequest(), None
        with contextlib.suppress(InvokeError):
            facts = self._settings.model().facts
            self._grid = Grid(multiple=facts.family.multiple, smallest=facts.family.smallest, native=facts.size)
            defaults = resolve(self._settings.upper_layers()).request
            self._defaults = GenerationRequest(init_image=defaults.init_image)

    def _check_file(self, name: str | None, field: str) -> None:
        if name is None:
            return
        outdir = expand_path(self._settings.outdir())
        if _NUMBERED.fullmatch(name):
            self._check_number(name, outdir, field)
        if not _WHOLE_NAME.fullmatch(name):
            return
        if not (path_exists(expand_path(name)) or path_exists(outdir / name) or self._is_stored_input(name, outdir)):
            raise ImageError(f"no such image: {name[:100]}", hint="Tab completes names", field=field)

    def _check_number(self, reference: str, outdir: Path, field: str) -> None:
        """Raise ImageError if no earlier image has this number, or is this far back."""
        from invoke_cli.inputs.references import find_image
        from invoke_cli.output.folder import OutputFolder

        if reference not in self._recalls:
            try:
                find_image(reference, OutputFolder(outdir), field=field)
            except InvokeError as error:
                self._recalls[reference] = error
            else:
                self._recalls[reference] = None
        known = self._recalls[reference]
        if known is not None:
            raise ImageError(known.message, hint=known.hint, field=field)

    def _is_stored_input(self, name: str, outdir: Path) -> bool:
        """Return whether an earlier line used an image of this name, which was stored."""
        if name not in self._is_stored:
            from invoke_cli.output.folder import OutputFolder

            try:
                self._is_stored[name] = OutputFolder(outdir).find_input_by_name(Path(name).name) is not None
            except InvokeError:
                self._is_stored[name] = True  # the history cannot be read: assume it exists
        return self._is_stored[name]
