"""Run lines in child processes that are killed at random moments. Started by test_kills.py.

The children are forked from this process, which has imported everything, so that they start at once.
"""

from __future__ import annotations

import http.server
import json
import os
import random
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import NoReturn

from invoke_cli.engine import Engine, EngineSettings, open_engine
from tests.crash_points import in_child
from tests.fake_engine import FakeEngine
from tests.folder_checks import ReopenedSession, faults
from tests.session_harness import SessionHarness, digest

LINES = (
    "a cat -s2 -n2",
    "a hill -s3 | oil painting -s2 -f .5 --save_all",
    "!sweep a cow -S1,2 -s2",
    "a fox -s2 --no_metadata",
    "!fix @last -U2",
    "a dog -s2 -I @last -f .5 --save_intermediates --strip",
    "!save session kept --zip",
    "!rm -1",
    "!reindex",
    "!edit_model tiny description other",
    "!import_model {url} copy",
    "!del_model copy",
    "!rate @last 4",
)
KEPT = ("the first -s2 -S1 -n2", "the second -s2 -S5")
CHECK_EVERY = 10


def serve(folder: Path) -> str:
    """Serve a folder from a thread of this process; return its address."""
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    http.server.SimpleHTTPRequestHandler.log_message = lambda *_: None  # type: ignore[method-assign]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"


def opener(kind: str) -> Callable[[EngineSettings], Engine]:
    """Return the function that opens an engine."""
    if kind == "fake":
        return FakeEngine
    import diffusers  # noqa: F401  # once, before the children are forked
    import torch
    import transformers  # noqa: F401

    torch.set_num_threads(1)  # a forked process has no other threads
    return lambda _: open_engine(EngineSettings(device="cpu", threads=1))


class Kills:
    """Sessions in one folder, one after the other, each killed at a random moment."""

    def __init__(self, place: Path, model: Path, kind: str, seed: int) -> None:
        self.folder, self.report = place / "work", place / "report"
        self.model, self.open = model, opener(kind)
        self.random = random.Random(seed)
        self.url = f"{serve(place)}/one.safetensors"
        self.before: dict[str, str] = {}
        self.folder.mkdir()

    def reopened(self) -> SessionHarness:
        """Return a session in the folder."""
        os.chdir(self.folder)
        return ReopenedSession(self.folder, self.open)

    def set_up(self) -> int:
        """Generate the images that must not be lost."""
        os.chdir(self.folder)
        session = SessionHarness(self.folder, self.model, self.open)
        for line in KEPT:
            session.draw(line)
        session.session.close()
        return 0

    def run(self, first: int) -> NoReturn:
        """Run the lines, from one of them on, again and again."""
        session = self.reopened()
        for line in cycle((*LINES[first:], *LINES[:first])):
            session.run(line.replace("{url}", self.url))
            if any("internal" in error for error in session.errors):
                print(line, session.errors, file=sys.stderr)  # noqa: T201
        raise AssertionError

    def check(self) -> int:
        """Write what a new session finds wrong."""
        self.report.write_text(json.dumps(faults(self.reopened(), self.before)), encoding="utf-8")
        return 0

    def kill(self, longest: float) -> bool:
        """Kill a session at a random moment. Return whether it was still running."""
        first, moment = self.random.randrange(len(LINES)), self.random.uniform(0.0, longest)
        child = os.fork()
        if not child:
            try:
                self.run(first)
            finally:
                os._exit(1)
        time.sleep(moment)
        os.kill(child, signal.SIGKILL)
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def main(place: Path, model: Path, kind: str, count: int, seed: int) -> None:
    """Print the number of kills and the faults, as JSON."""
    kills = Kills(place, model, kind, seed)
    began = time.monotonic()
    assert in_child(kills.set_up) == 0
    kills.before = {path.name: digest(path) for path in (kills.folder / "outputs").glob("*.png")}
    longest = 1.0 if kind == "fake" else time.monotonic() - began + 2.0
    hits, found = 0, {}
    for index in range(1, count + 1):
        hits += kills.kill(longest)
        if index % CHECK_EVERY == 0:
            kills.report.unlink(missing_ok=True)
            assert in_child(kills.check) == 0, index
            if wrong := json.loads(kills.report.read_text(encoding="utf-8")):
                found[index] = wrong
    images = len(list((kills.folder / "outputs").glob("*.png")))
    shutil.rmtree(kills.folder)
    print(json.dumps({"kills": hits, "images": images, "seed": seed, "faults": found}))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
