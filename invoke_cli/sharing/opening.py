"""Which engine a caller works with: that of an open session, or one of its own."""

from __future__ import annotations

from collections.abc import Callable

from invoke_cli.engine import Engine, EngineSettings, Hooks
from invoke_cli.sharing.doors import kind_of
from invoke_cli.sharing.guests import GuestEngine
from invoke_cli.workshop.settings import Settings

OpenEngine = Callable[[EngineSettings], Engine]


def shared_opener(settings: Settings, own: OpenEngine, hooks: Callable[[], Hooks]) -> OpenEngine:
    """Opens the engine of a session that is open already, where there is one that suits, else a process's `own`."""

    def opener(asked: EngineSettings) -> Engine:
        guest = GuestEngine(lambda: own(asked), kind_of(settings))
        return guest if guest.find_session(hooks()) else own(asked)

    return opener
