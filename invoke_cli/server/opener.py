"""Which engine a caller works with: that of an open session, or one of its own."""

from __future__ import annotations

from collections.abc import Callable

from invoke_cli.context.settings import Settings
from invoke_cli.engine import Engine, EngineSettings, Hooks
from invoke_cli.server.client import RemoteEngine
from invoke_cli.server.sockets import kind_of

OpenEngine = Callable[[EngineSettings], Engine]


def engine_opener(settings: Settings, own: OpenEngine, hooks: Callable[[], Hooks]) -> OpenEngine:
    """Opens the engine of a session that is open already, where there is one that suits, else a process's `own`."""

    def opener(asked: EngineSettings) -> Engine:
        guest = RemoteEngine(lambda: own(asked), kind_of(settings))
        return guest if guest.find_session(hooks()) else own(asked)

    return opener
