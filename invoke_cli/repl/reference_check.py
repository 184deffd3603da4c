"""Check a typed line for missing samplers and image files."""

from __future__ import annotations

import re
from pathlib import Path

from invoke_cli.context.paths import expand_path, path_exists
from invoke_cli.context.settings import Settings
from invoke_cli.errors import ImageError, InvokeError
from invoke_cli.models.samplers import find_sampler
from invoke_cli.request import GenerationRequest

# The complete name of a file: not a prefix, a reference such as @last, a URL, a pattern or a step.
_WHOLE_NAME = re.compile(r"[^!@:*?\[\]]+\.(png|jpe?g|webp|bmp|gif|tiff?|avif|heic|heif|jxl|safetensors)", re.IGNORECASE)


class ReferenceCheck:
    """Checks while the line is typed: the file system each time, the history once per name."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._is_stored: dict[str, bool] = {}

    def __call__(self, request: GenerationRequest) -> InvokeError | None:
        """Return the error for the first missing sampler or file."""
        try:
            if request.scheduler is not None:
                find_sampler(request.scheduler)
            for field in ("init_image", "init_mask"):
                self._check_file(getattr(request, field), field)
        except InvokeError as error:
            return error
        return None

    def forget(self) -> None:
        """Clear the cached answers of the history, after a line has run."""
        self._is_stored = {}

    def _check_file(self, name: str | None, field: str) -> None:
        if name is None or not _WHOLE_NAME.fullmatch(name):
            return
        outdir = expand_path(self._settings.outdir())
        if not (path_exists(expand_path(name)) or path_exists(outdir / name) or self._is_stored_input(name, outdir)):
            raise ImageError(f"no such image: {name[:100]}", hint="Tab completes names", field=field)

    def _is_stored_input(self, name: str, outdir: Path) -> bool:
        """Return whether an earlier line used an image of this name, which was stored."""
        if name not in self._is_stored:
            from invoke_cli.output.folder import OutputFolder

            try:
                self._is_stored[name] = OutputFolder(outdir).find_input_by_name(Path(name).name) is not None
            except InvokeError:
                self._is_stored[name] = True  # the history cannot be read: assume it exists
        return self._is_stored[name]
