"""Open an engine: that of a running session or a local one."""

from __future__ import annotations

from collections.abc import Callable

from invoke_cli.context.settings import Settings
from invoke_cli.engine import Engine, EngineSettings, Hooks
from invoke_cli.server.client import RemoteEngine
from invoke_cli.server.sockets import compatibility_key

OpenEngine = Callable[[EngineSettings], Engine]


def engine_opener(settings: Settings, open_local: OpenEngine, hooks: Callable[[], Hooks]) -> OpenEngine:
    """Return a function that opens the engine of a compatible running session, or else a local one.

    Args:
        settings: The settings of this process.
        open_local: Opens a local engine.
        hooks: Returns the hooks for connecting.
    """

    def open_engine(engine_settings: EngineSettings) -> Engine:
        engine = RemoteEngine(lambda: open_local(engine_settings), compatibility_key(settings))
        return engine if engine.find_session(hooks()) else open_local(engine_settings)

    return open_engine
