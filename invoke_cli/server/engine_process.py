"""The program of the engine's process, which a session starts for itself (see `process_engine`).

It answers the calls that arrive over a socket that it inherits, and ends with the process that started it.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading

from invoke_cli.context.openmp import wait_passively
from invoke_cli.engine import Engine, EngineSettings, open_engine
from invoke_cli.server.calls import OWNER_CALLS, CallRunner
from invoke_cli.server.connection import Channel, Connection, ConnectionLost
from invoke_cli.server.handles import CachedStates

_IDLE_SECONDS = 60.0


def main() -> None:
    """Answer calls until the session closes the connection."""
    connection_number, lifeline, settings = sys.argv[1:]
    threading.Thread(target=_end_with_the_session, args=[int(lifeline)], name="invoke-lifeline", daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the session stops jobs by a message
    wait_passively()
    states = CachedStates()
    connection = Connection(socket.socket(fileno=int(connection_number)), states, keep_waiting=lambda _: True)
    answer_calls(connection, states, EngineSettings(**json.loads(settings)))
    os._exit(0)  # without the seconds in which Python would free every tensor


def answer_calls(connection: Channel, states: CachedStates, settings: EngineSettings) -> None:
    """Answer calls until the connection is closed. The first one opens the engine."""
    engines: list[Engine] = []

    def opened() -> Engine:
        if not engines:
            engines.append(open_engine(settings))
        return engines[0]

    runner = CallRunner(connection, states, allowed=OWNER_CALLS)
    while True:
        try:
            while not connection.is_readable(_IDLE_SECONDS):
                pass
            message = connection.receive()
            if message.kind == "call":  # a request to stop may arrive after the end of its call
                runner.answer(opened, message)
        except ConnectionLost:
            return
        except Exception as error:  # noqa: BLE001  # the boundary of this process: the session reports the error
            runner.report_bug(error)


def _end_with_the_session(lifeline: int) -> None:
    """End this process when the session's end of the pipe is closed, in the middle of a step or an import too."""
    os.read(lifeline, 1)
    os._exit(0)


if __name__ == "__main__":
    main()
