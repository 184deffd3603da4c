"""The launch-only options: one table, and taking them out of a command line or out of invoke.init.

What is left are the words of a line, or switches that become defaults of the session.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from invoke_cli.errors import ConfigError
from invoke_cli.language.grammar.spellings import nearest, normal


@dataclass(frozen=True, kw_only=True, slots=True)
class LaunchOption:
    """One row: `metavar` is empty for a flag; `choices` are the only values where there are any. `in_init` tells
    whether invoke.init may say it too.
    """

    name: str
    help: str
    metavar: str = ""
    choices: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    in_init: bool = False


LAUNCH_OPTIONS: tuple[LaunchOption, ...] = (
    LaunchOption(name="--from_file", metavar="FILE", help="do the lines of a file, - for standard input, and end"),
    LaunchOption(name="--config", metavar="FILE", help="another models.yaml than the one in the root's configs/"),
    LaunchOption(name="--root", metavar="DIR", help="where your configuration lies", aliases=("--root_dir",)),
    LaunchOption(name="--device", metavar="NAME", help="auto, cpu, cuda, cuda:1 or mps", in_init=True),
    LaunchOption(
        name="--precision",
        metavar="NAME",
        help="auto, float32, float16 or bfloat16",
        choices=("auto", "float32", "float16", "bfloat16"),
        in_init=True,
    ),
    LaunchOption(name="--offline", help="never touch the network, whatever a line asks for", in_init=True),
    LaunchOption(
        name="--theme",
        metavar="NAME",
        help="colours at the prompt: dark, light (for a light background) or mono, which NO_COLOR asks for too",
        choices=("dark", "light", "mono"),
        in_init=True,
    ),
    LaunchOption(
        name="--bell",
        metavar="SECONDS",
        help="at the prompt, ring when a line took so long; 30 unless said, 0 is never",
        in_init=True,
    ),
    LaunchOption(name="--json", help="tell everything as JSON events, one a line, on standard output"),
    LaunchOption(name="--quiet", help="nothing but results and errors"),
    LaunchOption(
        name="--completion",
        metavar="SHELL",
        help='completion for bash, zsh or fish: eval "$(invoke --completion bash)" in ~/.bashrc; models and loras '
        "tell their names",
        choices=("bash", "zsh", "fish", "models", "loras"),
    ),
    LaunchOption(name="--version", help="the program's version"),
    LaunchOption(name="--help", metavar="", help="this help; --help advanced for every switch", aliases=("-h",)),
)

Options = dict[str, str | bool]


def take_launch_options(words: Sequence[str]) -> tuple[Options, list[str]]:
    """The launch-only options among the words, by name without dashes, and the words that are left, in order."""
    options: Options = {}
    rest: list[str] = []
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        row, value = _match(word)
        if row is None:
            rest.append(word)
            continue
        if row.metavar and value is None:
            if not waiting:
                raise ConfigError(f"{row.name} needs a value", hint=f"{row.name} {row.metavar}: {row.help}")
            value = waiting.pop(0)
        options[row.name[2:]] = _checked(row, value)
    return options, rest


def _match(word: str) -> tuple[LaunchOption | None, str | None]:
    name, equals, value = word.partition("=")
    name = normal(name)
    for row in LAUNCH_OPTIONS:
        if name == row.name or name in row.aliases:
            return row, value if equals else None
    return None, None


def _checked(row: LaunchOption, value: str | None) -> str | bool:
    if not row.metavar:
        if value is not None:
            raise ConfigError(f"{row.name} takes no value", hint=f"write {row.name} alone")
        return True
    assert value is not None
    if row.choices and value not in row.choices:
        near = nearest(value, row.choices)
        hint = f"did you mean {near}?" if near else f"one of {', '.join(row.choices)}"
        raise ConfigError(f"{row.name} does not know {value!r}", hint=hint)
    return value
