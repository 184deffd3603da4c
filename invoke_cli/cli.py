"""The command line: launch options, and which door they open. Imports nothing heavy.

`invoke` opens the prompt on a terminal, else does the lines of standard input; words make one line; `--from_file` does
a file. Click gives the entry point; the words are read by the language's own rules.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path

import click

from invoke_cli.console.console import Console, console_style
from invoke_cli.console.image_viewer import image_viewer
from invoke_cli.console.standard_streams import open_missing_streams
from invoke_cli.context.paths import is_file
from invoke_cli.errors import ConfigError, ExitStatus, InvokeError, LineError
from invoke_cli.events import Level, Notice
from invoke_cli.language.grammar.line import Generation, parse
from invoke_cli.language.grammar.shell_words import words_to_lines
from invoke_cli.language.grammar.spellings import read_switch
from invoke_cli.language.grammar.tokens import Kind, tokenise
from invoke_cli.language.help.render import launch_help, switch_help
from invoke_cli.language.switches.launch import Options, take_launch_options
from invoke_cli.language.switches.switch import Group
from invoke_cli.request import GenerationRequest, overlay
from invoke_cli.version import __version__

_IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
_USAGE = """\
Usage: invoke                                the prompt (on a terminal), or the lines of standard input
       invoke [SWITCHES] PROMPT [SWITCHES]   one picture, or several:  invoke "a red boat" -s20 -n4
       invoke 'LINE'                         one line as at the prompt: invoke 'a cat -s20 -I sketch.png'
       invoke '!COMMAND'                     one command:              invoke '!models'
       invoke SWITCHES                       the prompt, with these as its defaults"""


@click.command(
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def invoke(context: click.Context, words: tuple[str, ...]) -> None:
    """Make pictures with diffusion models."""
    context.exit(run(list(words)))


def run(words: Sequence[str]) -> int:
    """Do what the command line's words say; returns the exit status."""
    open_missing_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that knows few letters loses no picture
    console = Console(sys.stdout, sys.stderr, console_style(sys.stderr))
    try:
        options, rest = take_launch_options(words)
        look = console_style(sys.stderr, json=bool(options.get("json")), quiet=bool(options.get("quiet")))
        console = Console(sys.stdout, sys.stderr, look, image_viewer(sys.stdout, sys.stderr))
        return _run(console, options, rest)
    except InvokeError as error:
        console.failed(error)
        return error.exit_status
    except BrokenPipeError:
        # Whoever read the results has gone; what Python would still flush must go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitStatus.FAILED


def _run(console: Console, options: Options, rest: list[str]) -> int:
    if options.get("help"):
        console.answer(help_page(advanced="advanced" in rest))
        return ExitStatus.OK
    if options.get("version"):
        console.answer(f"invoke {__version__}")
        return ExitStatus.OK
    if "completion" in options:
        console.answer(completion_page(str(options["completion"]), options))
        return ExitStatus.OK
    switches, command = split_command(rest)
    lines = words_to_lines(command or rest, is_image_file, takes_line) if rest else []
    defaults = None if command else launch_defaults(lines)
    from invoke_cli import batch

    if defaults is None:
        if "from_file" in options:
            raise ConfigError("--from_file and a prompt exclude each other", hint="put the prompt into the file")
        if len(rest) > 1:
            tip_on_quoted_switch(console, lines)
        return batch.one_shot(console, options, switches, lines)
    source = options.get("from_file")
    if source is None and sys.stdin is not None and sys.stdin.isatty() and not options.get("json"):
        from invoke_cli.repl.loop import open_prompt

        return open_prompt(options, defaults)
    return batch.from_file(console, options, defaults, str(source or "-"))


def launch_defaults(lines: Sequence[str]) -> GenerationRequest | None:
    """The switches of a command line that has no prompt, as defaults of the session; None when there is work in it."""
    if not lines:
        return GenerationRequest()
    try:
        parsed = parse(lines[0])
    except LineError:
        return None
    if len(lines) > 1 or not isinstance(parsed, Generation) or len(parsed.stages) > 1:
        return None
    request = parsed.stages[0].request
    return request if request.prompt is None and request.init_image is None else None


def split_command(words: Sequence[str]) -> tuple[GenerationRequest, list[str]]:
    """The switches in front of a command, as defaults for it, and the command's words; no words where the line is no
    command. A `--no_session` behind the command counts like one before it.
    """
    for place, word in enumerate(words):
        before = _only_switches(words[:place]) if word.startswith("!") else None
        if before is not None:
            command, last = word.rpartition(" ")[::2] if _asks_alone(word.rpartition(" ")[2]) else (word, "")
            own = [command.rstrip(), *(piece for piece in words[place + 1 :] if not _asks_alone(piece))]
            alone = bool(last) or len(own) < len(words) - place
            return overlay(before, GenerationRequest(no_session=True)) if alone else before, own
    return GenerationRequest(), []


def _only_switches(words: Sequence[str]) -> GenerationRequest | None:
    with contextlib.suppress(LineError):
        return launch_defaults(words_to_lines(words, is_image_file) if words else [])
    return None


def _asks_alone(word: str) -> bool:
    with contextlib.suppress(LineError):
        return word.startswith("--") and read_switch(word).switch.field == "no_session"
    return False


def tip_on_quoted_switch(console: Console, lines: Sequence[str]) -> None:
    """Tell of a switch that became text of the prompt, since the shell's quotes stand around both."""
    for line in lines[:1]:
        with contextlib.suppress(LineError):
            parsed = parse(line)
            prompts = [each.request.prompt or "" for each in parsed.stages] if isinstance(parsed, Generation) else []
            found = [token.text for prompt in prompts for token in tokenise(prompt) if token.kind is Kind.SWITCH]
            if found:
                text = f"{found[0]} inside the quoted prompt is text; close the quotes before it to make it a switch"
                console(Notice(text=text, level=Level.TIP))


def takes_line(name: str) -> bool:
    """Whether a command's argument is a line to draw."""
    from invoke_cli.commands.command import Argument
    from invoke_cli.commands.dispatch import find_command

    command = find_command(name)
    return command is not None and command.argument is Argument.LINE


def is_image_file(word: str) -> bool:
    """Whether a word is the name of an existing image file."""
    return word.lower().endswith(_IMAGES) and is_file(Path(word))


def help_page(*, advanced: bool) -> str:
    """The basic switches and the launch options, or all there is."""
    basic = (Group.BASIC, Group.INIT_IMAGE)
    groups = tuple(Group) if advanced else basic
    more = "" if advanced else "\n\nMore: invoke --help advanced, or !help at the prompt"
    return f"{_USAGE}\n\n{switch_help(groups)}\n\nlaunch only\n{launch_help()}{more}"


def completion_page(wanted: str, options: Options) -> str:
    """A shell's completion script, or the names that such a script asks for, one a line."""
    from invoke_cli.commands.table import COMMANDS
    from invoke_cli.context.options import session_options
    from invoke_cli.context.settings import Settings
    from invoke_cli.inputs.adapters import LORAS, adapters_in
    from invoke_cli.language.completion.shells import SHELLS, shell_rows
    from invoke_cli.models.samplers import SAMPLERS

    if wanted in SHELLS:
        samplers = [name for row in SAMPLERS for name in (row.name, row.karras) if name]
        return SHELLS[wanted](shell_rows(samplers), [(command.name, command.help) for command in COMMANDS])
    settings = Settings(session_options(options, GenerationRequest()))
    names = settings.registry.models if wanted == "models" else adapters_in(settings.paths.root / LORAS)
    return "\n".join(sorted(names))
