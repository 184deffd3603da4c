"""Temporary files of a session: images that are given by value, and results that are not to be kept."""

from __future__ import annotations

import hashlib
import io
import tempfile
from pathlib import Path

from PIL import Image


class ImageFiles:
    """A temporary folder, which is made when it is first needed and removed by `close`."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @property
    def folder(self) -> Path:
        """The folder."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="invoke-")
        return Path(self._folder.name)

    @property
    def results(self) -> Path:
        """The folder of results that are not to be kept."""
        return self.folder / "results"

    def path_of(self, image: Image.Image) -> Path:
        """Return the path of a file with the image, named after its content."""
        buffer = io.BytesIO()
        (image if image.mode in ("L", "LA", "P", "RGB", "RGBA", "I;16", "1") else image.convert("RGB")).save(
            buffer, "PNG", compress_level=1
        )
        data = buffer.getvalue()
        path = self.folder / f"image-{hashlib.sha256(data).hexdigest()[:8]}.png"
        path.write_bytes(data)
        return path

    def without_folder(self, line: str) -> str:
        """Return a line with the names of these images instead of their paths."""
        return line if self._folder is None else line.replace(f"{self._folder.name}/", "")

    def holds(self, path: Path) -> bool:
        """Return whether a file is in the folder."""
        return self._folder is not None and path.is_relative_to(self.folder)

    def close(self) -> None:
        """Remove the folder."""
        if self._folder is not None:
            self._folder.cleanup()
