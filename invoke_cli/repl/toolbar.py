"""The line at the bottom: model, size, steps, sampler, device and memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke_cli.errors import InvokeError
from invoke_cli.workshop.settings import Settings

if TYPE_CHECKING:
    from invoke_cli.session import Session


class Toolbar:
    """Keeps the text, so that drawing it costs nothing; `refresh` after anything that may have changed it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._defaults = self._read()
        self._device = "loading …"

    def text(self) -> str:
        """What stands at the bottom."""
        return f" {self._defaults}  |  {self._device}"

    def refresh(self, session: Session) -> None:
        """Read the defaults and the memory anew."""
        self._defaults = self._read()
        engine = session.workshop.open_engine
        if engine is not None:
            memory = engine.memory()
            self._device = f"{memory.device}  |  {memory.used / 1e9:.1f} GB used, {memory.free / 1e9:.1f} GB free"

    def _read(self) -> str:
        try:
            request = self._settings.defaults().request
            model = self._settings.model()
        except InvokeError as error:
            return error.message
        size = f"{request.width or model.facts.size}x{request.height or model.facts.size}"
        parts = (model.spec.name, size, f"{request.num_inference_steps} steps", request.scheduler)
        return "  |  ".join(str(part) for part in parts)
