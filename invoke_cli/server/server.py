"""The server: a session offers its engine to other processes, which are admitted on a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from invoke_cli.context.settings import Settings
from invoke_cli.server.admission import Admission
from invoke_cli.server.client_request import ClientRequest
from invoke_cli.server.sockets import compatibility_key, listen


class EngineServer:
    """Accepts clients on a thread and passes them to `receive`."""

    def __init__(self, settings: Settings, receive: Callable[[ClientRequest], None]) -> None:
        self._kind = compatibility_key(settings)
        self._receive = receive
        self._admission: Admission | None = None
        self._path: Path | None = None

    def open(self) -> None:
        """Start accepting clients. Does nothing where Unix sockets are not available."""
        opened = listen(self._kind)
        if opened is not None:
            listener, self._path = opened
            self._admission = Admission(listener, self._kind, self._receive)
            threading.Thread(target=self._admission.run, name="invoke-server", daemon=True).start()

    def close(self) -> None:
        """Stop accepting clients."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        if self._admission is not None:
            self._admission.close()
