"""A session that serves its engine to clients, as the prompt does, without the prompt."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from invoke_cli.context.options import SessionOptions
from invoke_cli.context.settings import Settings
from invoke_cli.engine import Engine, EngineSettings
from invoke_cli.events import Event, Failed, Loading
from invoke_cli.repl.worker import Work, Worker
from invoke_cli.server.client_request import ClientRequest
from invoke_cli.server.server import EngineServer
from invoke_cli.session import Session


class OpenSession:
    """A worker that runs lines and client requests in order, while `gate` is set."""

    def __init__(self, engine: Engine, options: SessionOptions | None = None) -> None:
        self.settings = Settings(options or SessionOptions())
        self.events: list[Event] = []
        self.done: list[str] = []
        self.requests: list[ClientRequest] = []
        self.gate = threading.Event()
        self.gate.set()
        self.session = Session(self.settings, emit=self.events.append, opener=_opener(engine))
        self.worker = Worker(lambda: self._do, lambda: None)
        self.server = EngineServer(self.settings, self.worker.submit)
        self.server.open()
        self.worker.start()

    def _do(self, work: Work) -> None:
        self.gate.wait(30)
        if isinstance(work, ClientRequest):
            self.requests.append(work)
            self.session.serve_client(work, lambda: bool(self.worker.waiting))
            self.done.append("request")
        else:
            self.session.run(work)
            self.done.append(work)

    @property
    def loadings(self) -> list[Event]:
        """Return the events of models being loaded."""
        return [event for event in self.events if isinstance(event, Loading)]

    @property
    def errors(self) -> list[Failed]:
        """Return the failures that the session itself reported."""
        return [event for event in self.events if isinstance(event, Failed)]

    def close(self) -> None:
        """Close it as the prompt does."""
        self.gate.set()
        self.server.close()
        self.worker.disconnect_clients()
        self.worker.finish()
        self.session.context.writer.close()


def _opener(engine: Engine) -> Callable[[EngineSettings], Engine]:
    return lambda _: engine


SessionOpener = Callable[..., OpenSession]


def program_settings() -> EngineSettings:
    """Return the engine settings of the program without options."""
    return EngineSettings()


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until a condition holds, which must happen within the time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
