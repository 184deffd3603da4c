"""What must hold in an output folder whatever happened to the processes that wrote there."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

from PIL import Image
from ruamel.yaml import YAML

from invoke_cli.context.options import SessionOptions
from invoke_cli.engine import Engine, EngineSettings
from invoke_cli.session import Session
from tests.session_harness import SessionHarness, digest

NUMBERED = re.compile(r"(\d{6})\.(.*)\.png")


class ReopenedSession(SessionHarness):
    """A session in the folder of an earlier one, with its models."""

    def __init__(self, folder: Path, opener: Callable[[EngineSettings], Engine]) -> None:
        self.folder = folder
        self.events = []
        options = SessionOptions(root=str(folder / "root"))
        self.session = Session(options, emit=self.events.append, opener=opener)


def faults(harness: SessionHarness, before: Mapping[str, str]) -> list[str]:
    """Return what is damaged, lost or doubled after a session was killed, as a new session in the folder finds it.

    Args:
        harness: A new session.
        before: The hashes, by name, of the images that existed before; they may have been moved to the trash.
    """
    folder = harness.folder / "outputs"
    next_number = [int(path.name[:6]) for path in harness.draw("the next image -s2 -S999")]
    return [
        *damaged(harness.folder),
        *lost(folder, before),
        *unrecorded(folder),
        *([f"number {number} was used again" for number in next_number if uses(folder, number) != 1]),
    ]


def damaged(root: Path) -> Iterator[str]:
    """Yield the files that are damaged."""
    for path in root.rglob("*.png"):
        try:
            with Image.open(path) as image:
                image.load()
        except OSError as error:
            yield f"{path.name} is damaged: {error}"
    with closing(sqlite3.connect(root / "outputs" / ".invoke" / "history.sqlite3")) as database:
        if (found := database.execute("PRAGMA integrity_check").fetchone()) != ("ok",):
            yield f"the history is damaged: {found}"
    if (root / "outputs" / ".invoke" / "damaged-history.sqlite3").exists():
        yield "the history was damaged"
    entries = YAML(typ="safe").load((root / "root" / "configs" / "models.yaml").read_text(encoding="utf-8"))
    if "tiny" not in (entries or ()):
        yield "the models are lost"


def lost(folder: Path, before: Mapping[str, str]) -> Iterator[str]:
    """Yield the images of before that are neither where they were nor in the trash."""
    kept = {digest(path) for path in folder.rglob("*.png")}
    yield from (f"{name} is lost" for name, sha256 in before.items() if sha256 not in kept)


def unrecorded(folder: Path) -> Iterator[str]:
    """Yield the images that the history lacks, has twice or has without a file, and those that the log has twice."""
    with closing(sqlite3.connect(folder / ".invoke" / "history.sqlite3")) as database:
        rows = database.execute("SELECT path FROM images WHERE removed = 0").fetchall()
        pending = database.execute("SELECT path FROM begun").fetchall()
    recorded = Counter(path for (path,) in rows)
    files = {path.name for path in folder.glob("*.png") if is_result(path)}
    present = {path.name for path in folder.glob("*.png")}  # also images without metadata
    yield from (f"{name} is not in the history" for name in files - set(recorded))
    yield from (f"{name} is in the history, but there is no file" for name in set(recorded) - present)
    yield from (f"{name} is twice in the history" for name, count in recorded.items() if count > 1)
    yield from (f"{path} stays pending" for (path,) in pending)
    log = (folder / "invoke_log.txt").read_text(encoding="utf-8").splitlines()
    lines = Counter(line.partition(": ")[0].removeprefix("outputs/") for line in log)
    yield from (f"{name} is twice in the log" for name, count in lines.items() if count > 1)
    yield from (f"{name} is not in the log" for name in files - set(lines) if is_logged(name))


def is_result(path: Path) -> bool:
    """Return whether a file is an image with a number and metadata, not one that belongs to another."""
    match = NUMBERED.fullmatch(path.name)
    if match is None or "steps" in match[2] or "stage" in match[2]:
        return False
    with Image.open(path) as image:
        image.load()
        return "sd-metadata" in image.info or "Dream" in image.info or "invoke" in " ".join(map(str, image.info))


def is_logged(name: str) -> bool:
    """Return whether the log lists an image: those of commands that compose others are not logged."""
    return bool(re.fullmatch(r"\d{6}\.\d+\.png|\d{6}\.grid\.png", name))


def uses(folder: Path, number: int) -> int:
    """Return how many images have a number."""
    return len([path for path in folder.glob(f"{number:06d}.*.png") if is_result(path)])
