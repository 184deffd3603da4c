"""Generate completion scripts for bash, zsh and fish from the tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from invoke_cli.language.switches.launch import LAUNCH_OPTIONS, LaunchOption
from invoke_cli.language.switches.switch import Completes, Switch
from invoke_cli.language.switches.table import SWITCHES
from invoke_cli.language.switches.values import Choice

PROGRAMS = ("invoke", "invoke-cli")

Pairs = Sequence[tuple[str, str]]


class Takes(Enum):
    """The kind of value after a switch, as far as a shell can complete it."""

    NOTHING = "nothing"
    ANYTHING = "anything"
    FILE = "file"
    FOLDER = "folder"
    WORDS = "words"
    NAMES = "names"


_BY_COMPLETES: Mapping[Completes, Takes] = {
    Completes.IMAGE: Takes.FILE,
    Completes.START: Takes.FILE,
    Completes.DIRECTORY: Takes.FOLDER,
    Completes.SAMPLER: Takes.WORDS,
    Completes.MODEL: Takes.NAMES,
    Completes.LORA: Takes.NAMES,
}
_BY_METAVAR: Mapping[str, Takes] = {"FILE": Takes.FILE, "DIR": Takes.FOLDER}
# Names that change: the script runs the program to list them (`--completion models`).
LISTED_BY_PROGRAM: Mapping[Completes, str] = {Completes.MODEL: "models", Completes.LORA: "loras"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A switch or a launch option with the kind of its value.

    Attributes:
        words: The values for `WORDS`; for `NAMES`, the argument of `--completion` that lists them.
    """

    flags: tuple[str, ...]
    help: str
    takes: Takes = Takes.NOTHING
    words: tuple[str, ...] = ()


def shell_rows(samplers: Sequence[str]) -> list[Row]:
    """Return a row for every switch and launch option."""
    return [*(_switch_row(switch, samplers) for switch in SWITCHES), *map(_option_row, LAUNCH_OPTIONS)]


def _switch_row(switch: Switch, samplers: Sequence[str]) -> Row:
    if switch.is_flag or switch.value.takes == "glued":
        return Row(flags=switch.flags, help=switch.help)
    if isinstance(switch.value, Choice):
        return Row(flags=switch.flags, help=switch.help, takes=Takes.WORDS, words=switch.value.options)
    takes = _BY_COMPLETES.get(switch.completes, Takes.ANYTHING)
    words = (
        (LISTED_BY_PROGRAM[switch.completes],)
        if takes is Takes.NAMES
        else tuple(samplers)
        if takes is Takes.WORDS
        else ()
    )
    return Row(flags=switch.flags, help=switch.help, takes=takes, words=words)


def _option_row(option: LaunchOption) -> Row:
    flags = (option.name, *option.aliases)
    if not option.metavar:
        return Row(flags=flags, help=option.help)
    if option.choices:
        return Row(flags=flags, help=option.help, takes=Takes.WORDS, words=option.choices)
    return Row(flags=flags, help=option.help, takes=_BY_METAVAR.get(option.metavar, Takes.ANYTHING))


# -- bash ------------------------------------------------------------------------------------------------------------


def bash_script(rows: Sequence[Row], commands: Pairs) -> str:
    """Return the bash script, for ~/.bashrc: eval "$(invoke --completion bash)"."""
    cases = [
        f"    {'|'.join(row.flags)}) {_bash_case(row)}; return ;;" for row in rows if row.takes is not Takes.NOTHING
    ]
    flags = " ".join(flag for row in rows for flag in row.flags)
    names = " ".join(f"!{name}" for name, _ in commands)
    return "\n".join(
        [
            "_invoke() {",
            "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}",
            "  COMPREPLY=()",
            '  if [[ $cur == "=" ]]; then cur=; elif [[ $prev == "=" ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi',
            "  case $prev in",
            *cases,
            "  esac",
            "  case $cur in",
            f"    -*) _invoke_words '{flags}' ;;",
            f"    [\\'\\\"]!*) cur=${{cur:1}}; _invoke_words '{names}' ;;",
            f"    !*) _invoke_words '{names}' ;;",
            "  esac",
            "}",
            "_invoke_words() {",
            "  compopt +o default 2>/dev/null",
            '  COMPREPLY=($(compgen -W "$1" -- "$cur"))',
            "}",
            f"complete -o default -F _invoke {' '.join(PROGRAMS)}",
        ]
    )


def _bash_case(row: Row) -> str:
    if row.takes is Takes.FILE:
        return ":"
    if row.takes is Takes.FOLDER:
        return "compopt -o dirnames +o default 2>/dev/null"
    if row.takes is Takes.NAMES:
        return f'_invoke_words "$(invoke --completion {row.words[0]} 2>/dev/null)"'
    return f"_invoke_words '{' '.join(row.words)}'"


# -- zsh -------------------------------------------------------------------------------------------------------------


def zsh_script(rows: Sequence[Row], commands: Pairs) -> str:
    """Return the zsh script, for ~/.zshrc (eval "$(invoke --completion zsh)" after compinit) or _invoke in $fpath."""
    specs = [_zsh_spec(flag, row) for row in rows for flag in row.flags]
    names = [_quote_posix(f"!{name}:{help}") for name, help in commands]
    return "\n".join(
        [
            f"#compdef {' '.join(PROGRAMS)}",
            "_invoke() {",
            "  _arguments \\",
            *(f"    {spec} \\" for spec in specs),
            "    '*: :_invoke_word'",
            "}",
            "_invoke_word() {",
            "  local -a commands=(",
            *(f"    {name}" for name in names),
            "  )",
            "  if [[ $PREFIX == [\\'\\\"\\\\]#!* ]]; then _describe -t commands command commands; else _files; fi",
            "}",
            '_invoke_names() { compadd -- ${(f)"$(invoke --completion $1 2>/dev/null)"} }',
            f'if [[ $funcstack[1] == _invoke ]]; then _invoke "$@"; else compdef _invoke {" ".join(PROGRAMS)}; fi',
        ]
    )


def _zsh_spec(flag: str, row: Row) -> str:
    help = row.help.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")
    if row.takes is Takes.NOTHING:
        return _quote_posix(f"*{flag}[{help}]")
    action = {
        Takes.FILE: "_files",
        Takes.FOLDER: "_files -/",
        Takes.WORDS: f"({' '.join(row.words)})",
        Takes.NAMES: f" _invoke_names {' '.join(row.words)}",
    }.get(row.takes, " ")
    separator = "=" if flag.startswith("--") else "+" if len(flag) == 2 else ""
    return _quote_posix(f"*{flag}{separator}[{help}]:value:{action}")


# -- fish ------------------------------------------------------------------------------------------------------------


def fish_script(rows: Sequence[Row], commands: Pairs) -> str:
    """Return the fish script, for ~/.config/fish/completions/invoke.fish."""
    lines = [line for program in PROGRAMS for row in rows for line in (_fish_line(program, row),)]
    for program in PROGRAMS:
        condition = "-n 'string match -qr \"^[\\'\\\"]?!\" -- (commandline -ct)'"
        lines += [
            f"complete -c {program} {condition} -f -a {_quote_fish(f'!{name}')} -d {_quote_fish(help)}"
            for name, help in commands
        ]
    return "\n".join(lines)


def _fish_line(program: str, row: Row) -> str:
    spellings = " ".join(
        f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" if len(flag) == 2 else f"-o {flag[1:]}"
        for flag in row.flags
    )
    value_options = {
        Takes.NOTHING: "",
        Takes.ANYTHING: "-x",
        Takes.FILE: "-r -F",
        Takes.FOLDER: "-x -a '(__fish_complete_directories)'",
        Takes.WORDS: f"-x -a {_quote_fish(' '.join(row.words))}",
        Takes.NAMES: f"-x -a '(invoke --completion {' '.join(row.words)} 2>/dev/null)'",
    }[row.takes]
    return f"complete -c {program} {spellings} {value_options} -d {_quote_fish(row.help)}"


def _quote_fish(text: str) -> str:
    """Quote a word for fish."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _quote_posix(text: str) -> str:
    """Quote a word for POSIX shells."""
    escaped = text.replace("'", "'\\''")
    return f"'{escaped}'"


SHELLS: Mapping[str, Callable[[Sequence[Row], Pairs], str]] = {
    "bash": bash_script,
    "zsh": zsh_script,
    "fish": fish_script,
}
