"""What a typed line names and is not there: samplers, and the files of its pictures."""

from __future__ import annotations

import re
from pathlib import Path

from invoke_cli.context.paths import expand_path, path_exists
from invoke_cli.context.settings import Settings
from invoke_cli.errors import ImageError, InvokeError
from invoke_cli.models.samplers import find_sampler
from invoke_cli.request import GenerationRequest

# What can only be a file's whole name, not the beginning of one, a recall, an address, several files or a step.
_WHOLE_NAME = re.compile(r"[^!@:*?\[\]]+\.(png|jpe?g|webp|bmp|gif|tiff?|safetensors)", re.IGNORECASE)


class ReferenceCheck:
    """Looks while the line is typed: each time at no more than whether the file is there; in the books once a name."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._kept: dict[str, bool] = {}

    def __call__(self, request: GenerationRequest) -> InvokeError | None:
        """The error for the first thing that is not there."""
        try:
            if request.scheduler is not None:
                find_sampler(request.scheduler)
            for field in ("init_image", "init_mask"):
                self._look(getattr(request, field), field)
        except InvokeError as error:
            return error
        return None

    def forget(self) -> None:
        """Look in the books again: a line was done meanwhile."""
        self._kept = {}

    def _look(self, name: str | None, field: str) -> None:
        if name is None or not _WHOLE_NAME.fullmatch(name):
            return
        outdir = expand_path(self._settings.outdir())
        if not (path_exists(expand_path(name)) or path_exists(outdir / name) or self._is_kept(name, outdir)):
            raise ImageError(f"there is no image {name[:100]}", hint="Tab completes names", field=field)

    def _is_kept(self, name: str, outdir: Path) -> bool:
        """Whether an earlier line used a picture of this name, which was kept."""
        if name not in self._kept:
            from invoke_cli.output.folder import OutputFolder

            try:
                self._kept[name] = OutputFolder(outdir).find_input_by_name(Path(name).name) is not None
            except InvokeError:
                self._kept[name] = True  # the books cannot be read: nothing is known
        return self._kept[name]
