"""Completion candidates: models, samplers, images here and in outputs, recent seeds. Reads folders, not image files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from invoke_cli.context.paths import ALIASES_FILE, EMBEDDINGS, LORAS, expand_path
from invoke_cli.context.settings import Settings
from invoke_cli.context.yaml_store import Aliases
from invoke_cli.errors import InvokeError
from invoke_cli.language.completion.complete import Found, Sources
from invoke_cli.language.grammar.line import Generation, parse
from invoke_cli.language.image_names import IMAGE_SUFFIXES
from invoke_cli.models.samplers import SAMPLERS
from invoke_cli.planning.steps import count_steps
from invoke_cli.plugins import PluginKind, plugins
from invoke_cli.repl.known_words import KnownWords
from invoke_cli.request import GenerationRequest

if TYPE_CHECKING:
    from invoke_cli.output.entries import Entry

MAX_FILES = 200
_RECENT_IMAGES = 50
_OUTPUTS, _FOLDER = "outputs", "folder"
_STEP_OF = re.compile(r"(@last(\d{0,6})|!?0*(\d{1,9})(?:\.\d+(?:\.png)?)?):\d*")


def sources_for(settings: Settings, outdir: str = "outputs", words: KnownWords | None = None) -> Sources:
    """Return the completion sources of a session."""
    known = words or KnownWords(settings)
    folder = Path(outdir)
    return Sources(
        samplers=_samplers,
        models=lambda _: _models(settings),
        images=lambda typed: _images(typed, folder),
        starts=lambda typed: _steps(typed, folder) or _images(typed, folder),
        results=lambda _: [(f"!{entry.number}", _prompt_of(entry)) for entry in _recent(folder)],
        loras=lambda _: _adapters(settings, LORAS),
        embeddings=lambda _: _adapters(settings, EMBEDDINGS),
        directories=_directories,
        paths=lambda typed: list(_files(typed, None, _is_any_name)),
        lists=lambda typed: [row for row in _files(typed, None, _is_list_name) if row[1] != _FOLDER],
        seeds=lambda _: _seeds(folder),
        commands=lambda: [*_commands(), *_aliases(settings)],
        topics=_topics,
        words=known.completions,
    )


def _samplers(_: str) -> Found:
    plain = [(row.name, row.label) for row in SAMPLERS]
    karras = [(row.karras, f"{row.label} Karras") for row in SAMPLERS if row.karras]
    return (
        plain + karras + [(plugin.name, f"from {plugin.package}") for plugin in plugins().installed(PluginKind.SAMPLER)]
    )


def _models(settings: Settings) -> Found:
    try:
        return [(name, spec.description) for name, spec in settings.registry.models.items()]
    except InvokeError:
        return []


def _references() -> Found:
    return [("@last", "the last result"), ("@last2", "the one before it")]


def _images(typed: str, outputs: Path) -> Found:
    """Return references to recent results, newest first, then images by their names."""
    recent = _recent(outputs)
    results = [entry for entry in recent if not entry.kind]
    prompts = {entry.path: f"[{entry.number}] {_prompt_of(entry)}" for entry in recent}
    found = [(f"@last{back if back > 1 else ''}", prompts[entry.path]) for back, entry in enumerate(results[:2], 1)]
    found += [(f"!{entry.number}", _prompt_of(entry)) for entry in results]
    named = [
        (name, prompts.get(name, about)) if about == _OUTPUTS else (name, about)
        for name, about in _files(typed, outputs)
    ]
    return [*(found or _references()), *named]


def _recent(outputs: Path) -> list[Entry]:
    """Return the recent images of the output folder, newest first."""
    from invoke_cli.output.history import History

    try:
        return History(outputs / ".invoke" / "history.sqlite3").recent(_RECENT_IMAGES)[::-1]
    except InvokeError:
        return []


def _prompt_of(entry: Entry) -> str:
    """Return the prompt of an image; for a sheet of other images, its kind."""
    if entry.kind:
        return entry.kind
    try:
        parsed = parse(entry.line)
    except InvokeError:
        return ""
    return (parsed.stages[0].request.prompt or "") if isinstance(parsed, Generation) else ""


def _files(typed: str, outputs: Path | None, accepts: Callable[[str], bool] | None = None) -> Iterable[tuple[str, str]]:
    """Return files and folders whose path begins with `typed`, and files in the output folder by their name.

    Args:
        typed: The text typed so far.
        outputs: The output folder, if its files are listed, too.
        accepts: Whether a file is listed; by default images are.
    """
    accepts = accepts or _is_image_name
    head, _, start = typed.rpartition("/")
    folder = expand_path(f"{head}/") if head or typed.startswith("/") else Path()
    prefix = f"{head}/" if "/" in typed else ""
    found = [(f"{prefix}{name}", description) for name, description in _list_folder(folder, start, accepts)]
    if not prefix and outputs is not None:
        listed = _list_folder(outputs, start, accepts, newest_first=True)
        found += [(name, _OUTPUTS) for name, description in listed if description != _FOLDER]
    return found


def _is_image_name(name: str) -> bool:
    return name.lower().endswith(IMAGE_SUFFIXES) and not name.endswith(".steps.png")


def _is_list_name(name: str) -> bool:
    return not _is_image_name(name) and name.lower().endswith((".txt", ".log", ".md"))


def _is_any_name(_: str) -> bool:
    return True


def _list_folder(
    folder: Path, start: str, accepts: Callable[[str], bool], *, newest_first: bool = False
) -> list[tuple[str, str]]:
    """Return the accepted files and the folders whose names begin with `start`, by name.

    Names of results begin with a number.
    """
    try:
        named = (entry for entry in folder.iterdir() if entry.name.startswith(start or ""))
        entries = sorted(named, key=lambda entry: entry.name, reverse=newest_first)
    except OSError:
        return []
    candidates: list[tuple[str, str]] = []
    for entry in entries[: 10 * MAX_FILES]:
        if entry.name.startswith(".") and not start.startswith("."):
            continue
        if entry.is_dir():
            candidates.append((f"{entry.name}/", _FOLDER))
        elif accepts(entry.name):
            candidates.append((entry.name, ""))
    return candidates[:MAX_FILES]


def _directories(typed: str) -> Found:
    return [(name, description) for name, description in _files(typed, None) if description == _FOLDER]


def _seeds(outdir: Path) -> Found:
    seeds = {str(entry.seed): f"image {entry.number}" for entry in _recent(outdir)}
    return [("-1", "the last image's seed"), *seeds.items()]


def _steps(typed: str, outdir: Path) -> list[tuple[str, str]]:
    """Return the steps of the image before the colon. Any step can be resumed from; unsaved ones are regenerated."""
    from invoke_cli.output.folder import OutputFolder

    match = _STEP_OF.fullmatch(typed)
    if match is None:
        return []
    folder = OutputFolder(outdir)
    try:
        entry = folder.history.last(int(match[2] or 1)) if match[3] is None else folder.history.get(int(match[3]))
    except InvokeError:
        return []
    if entry is None:
        return []
    saved = {path.stem for path in folder.intermediates(folder.path_of(entry)).glob("**/step-*.safetensors")}
    steps = range(_steps_taken(entry.line) + 1)
    return [(f"{match[1]}:{step}", "saved" if f"step-{step:02d}" in saved else "regenerated") for step in steps]


def _steps_taken(line: str) -> int:
    """Return the number of steps that a recorded line runs in its last stage."""
    try:
        parsed = parse(line)
    except InvokeError:
        return 0
    request = parsed.stages[-1].request if isinstance(parsed, Generation) else GenerationRequest()
    steps, strength = request.num_inference_steps or 0, request.strength
    return count_steps(steps, strength, request.real_steps).taken if strength is not None else steps


def _adapters(settings: Settings, kind: str) -> Found:
    from invoke_cli.inputs.adapters import list_adapters

    return [(name, "") for name in sorted(list_adapters(settings.paths.data_folders(kind)))]


def _aliases(settings: Settings) -> Iterable[tuple[str, str, str]]:
    """Return the user's aliases as commands that take a line."""
    try:
        known = Aliases(settings.paths.user_configs / ALIASES_FILE).load()
    except InvokeError:
        return []
    return [(name, line, "line") for name, line in known.items()]


def _commands() -> Iterable[tuple[str, str, str]]:
    from invoke_cli.commands.command import Argument
    from invoke_cli.commands.table import COMMANDS

    built_in = [(command.name, command.help, command.argument.value) for command in COMMANDS]
    added = plugins().installed(PluginKind.COMMAND)
    return built_in + [(plugin.name, f"from {plugin.package}", Argument.TEXT.value) for plugin in added]


def _topics() -> Iterable[str]:
    from invoke_cli.commands.session.help import topic_names

    return topic_names()
