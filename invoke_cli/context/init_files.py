"""The files with the user's defaults: invoke.init, and the invokeai.init of an InvokeAI 2.x root."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from invoke_cli.errors import ConfigError, InvokeError
from invoke_cli.language.grammar.line import switches_only
from invoke_cli.language.grammar.shell_words import words_to_lines
from invoke_cli.language.switches.launch import LAUNCH_OPTIONS, Options, take_launch_options
from invoke_cli.language.switches.legacy_launch import translate
from invoke_cli.request import GenerationRequest, overlay

INIT_FILE = "invoke.init"
LEGACY_INIT_FILE = "invokeai.init"
_FOLDERS = ("embedding_path", "lora_directory")


@dataclass(frozen=True, kw_only=True, slots=True)
class Defaults:
    """What the init files set.

    Attributes:
        options: The launch options.
        request: The switches of lines.
        remarks: What could not be used of an invokeai.init.
    """

    options: Options = field(default_factory=dict)
    request: GenerationRequest = field(default_factory=GenerationRequest)
    remarks: tuple[str, ...] = ()


def read_init(text: str) -> Defaults:
    """Parse an invoke.init, whose lines are split like shell commands, into launch options and line switches.

    Raises:
        ConfigError: A line is invalid; the message contains its number.
    """
    defaults = Defaults()
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            words, _ = translate(shlex.split(line, comments=True), alone=True)
            options, rest = take_launch_options(words)
            for row in LAUNCH_OPTIONS:
                if row.name[2:] in options and not row.in_init:
                    raise ConfigError(
                        f"{row.name} is allowed only on the command line", hint="remove it from invoke.init"
                    )
            defaults = _added(defaults, options, rest)
        except (InvokeError, ValueError) as error:
            message = f"{INIT_FILE}, line {number}: {error}"
            raise ConfigError(message, hint=getattr(error, "hint", "") or "close the quotes") from None
    return defaults


def read_legacy_init(text: str, root: Path) -> Defaults:
    """Parse an invokeai.init. What cannot be used becomes a remark, since the file belongs to another program.

    Args:
        text: The text of the file.
        root: Its folder; relative paths in it start there.
    """
    defaults, remarks = Defaults(), list[str]()
    for number, line in enumerate(text.splitlines(), start=1):
        where = f"{LEGACY_INIT_FILE}, line {number}"
        try:
            rejected: list[ConfigError] = []
            words, _ = translate(shlex.split(line, comments=True), alone=True, reject=rejected.append)
            remarks += [f"{where}: {error.message}; {error.hint}" for error in rejected]
            options, rest = take_launch_options(words)
            used = {name: value for name, value in options.items() if name in _allowed()}
            unused = options.keys() - used.keys() - {"root"}
            remarks += [f"{where}: --{name} is only for the command line" for name in sorted(unused)]
            defaults = _below(_added(defaults, used, rest), root)
        except (InvokeError, ValueError) as error:
            remarks.append(f"{where} is not used: {error}")
    return Defaults(options=defaults.options, request=defaults.request, remarks=tuple(remarks))


def _allowed() -> frozenset[str]:
    """Return the names of the launch options that an init file may contain."""
    return frozenset(row.name[2:] for row in LAUNCH_OPTIONS if row.in_init)


def merged(lower: Defaults, upper: Defaults) -> Defaults:
    """Return the defaults of two files; the upper one wins."""
    return Defaults(
        options=lower.options | upper.options,
        request=overlay(lower.request, upper.request),
        remarks=lower.remarks + upper.remarks,
    )


def _added(defaults: Defaults, options: Options, words: Sequence[str]) -> Defaults:
    """Return the defaults with those of a further line."""
    request = defaults.request
    for switches in words_to_lines(words, lambda _: False) if words else []:
        request = overlay(request, switches_only(switches))
    return Defaults(options=defaults.options | options, request=request)


def _below(defaults: Defaults, root: Path) -> Defaults:
    """Return the defaults with their relative folders below the root, where InvokeAI 2.x looked for them."""
    folders: Options = {
        name: str(root / Path(value).expanduser()) for name in _FOLDERS if (value := _text(defaults, name))
    }
    outdir = defaults.request.outdir
    request = (
        overlay(defaults.request, GenerationRequest(outdir=str(root / Path(outdir).expanduser())))
        if outdir
        else defaults.request
    )
    return Defaults(options=defaults.options | folders, request=request)


def _text(defaults: Defaults, name: str) -> str:
    return str(defaults.options.get(name) or "")
