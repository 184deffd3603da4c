"""What the completer offers: models, samplers, images here and in outputs, seeds seen. Reads folders, no pictures."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from invoke_cli.errors import InvokeError
from invoke_cli.language.completion import Found, Sources
from invoke_cli.models.samplers import SAMPLERS
from invoke_cli.workshop.places import expanded
from invoke_cli.workshop.settings import Settings

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
MOST = 200
_RECENT_SEEDS = 50


def sources_for(settings: Settings, outdir: str = "outputs") -> Sources:
    """The sources of a session with these settings."""
    return Sources(
        samplers=_samplers,
        models=lambda _: _models(settings),
        images=lambda typed: [*_recalls(), *_files(typed, Path(outdir))],
        directories=_directories,
        seeds=lambda _: _seeds(Path(outdir)),
        commands=_commands,
        topics=_topics,
    )


def _samplers(_: str) -> Found:
    plain = [(row.name, row.label) for row in SAMPLERS]
    return plain + [(row.karras, f"{row.label} Karras") for row in SAMPLERS if row.karras]


def _models(settings: Settings) -> Found:
    try:
        return [(name, spec.description) for name, spec in settings.registry.models.items()]
    except InvokeError:
        return []


def _recalls() -> Found:
    return [("@last", "the last result"), ("@last2", "the one before it")]


def _files(typed: str, outputs: Path) -> Iterable[tuple[str, str]]:
    """Images whose path begins so, here and, by their bare name, in the outputs; folders to go on into."""
    head, _, start = typed.rpartition("/")
    folder = expanded(f"{head}/") if head or typed.startswith("/") else Path()
    prefix = f"{head}/" if "/" in typed else ""
    found = [(f"{prefix}{name}", about) for name, about in _listed(folder, start)]
    if not prefix:
        found += [(name, "outputs") for name, about in _listed(outputs, start) if about != "folder"]
    return found


def _listed(folder: Path, start: str) -> list[tuple[str, str]]:
    try:
        entries = sorted(
            (entry for entry in folder.iterdir() if entry.name.startswith(start or "")), key=lambda e: e.name
        )
    except OSError:
        return []
    shown: list[tuple[str, str]] = []
    for entry in entries[: 10 * MOST]:
        if entry.name.startswith(".") and not start.startswith("."):
            continue
        if entry.is_dir():
            shown.append((f"{entry.name}/", "folder"))
        elif entry.name.lower().endswith(IMAGE_SUFFIXES) and not entry.name.endswith(".steps.png"):
            shown.append((entry.name, ""))
    return shown[:MOST]


def _directories(typed: str) -> Found:
    return [(name, about) for name, about in _files(typed, Path("/nonexistent")) if about == "folder"]


def _seeds(outdir: Path) -> Found:
    from invoke_cli.output.history import History

    try:
        recent = History(outdir / ".invoke" / "history.sqlite3").recent(_RECENT_SEEDS)
    except InvokeError:
        return []
    seen = {str(entry.seed): f"image {entry.number}" for entry in reversed(recent)}
    return [("-1", "the last image's seed"), *seen.items()]


def _commands() -> Iterable[tuple[str, str, str]]:
    from invoke_cli.commands.table import COMMANDS

    return [(command.name, command.help, command.argument.value) for command in COMMANDS]


def _topics() -> Iterable[str]:
    from invoke_cli.commands.helping import topic_names

    return topic_names()
