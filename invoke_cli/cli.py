"""The command line: read the launch options and start the prompt, a batch or a one-shot line. Imports nothing heavy.

`invoke` opens the prompt on a terminal and reads the lines of standard input elsewhere; with words it runs one line;
`--from_file` runs the lines of a file. Click provides the entry point; the words are read by the language's own rules.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from io import TextIOWrapper
from pathlib import Path

import click

from invoke_cli.console.console import Console, ConsoleStyle, console_style
from invoke_cli.console.image_viewer import image_viewer
from invoke_cli.console.standard_streams import drop_unwritable_progress, open_missing_streams
from invoke_cli.context.openmp import wait_passively
from invoke_cli.context.paths import is_file
from invoke_cli.errors import ConfigError, ExitStatus, InvokeError, LineError, out_of_memory
from invoke_cli.events import Level, Notice
from invoke_cli.language.grammar.invocation import Invocation, quoted_switch, read_invocation
from invoke_cli.language.grammar.line import parse
from invoke_cli.language.help.first_screen import SHELL_EXAMPLES, first_screen
from invoke_cli.language.help.render import fit, launch_help, switch_help
from invoke_cli.language.image_names import IMAGE_SUFFIXES
from invoke_cli.language.switches.launch import Options, take_launch_options
from invoke_cli.language.switches.legacy_launch import translate
from invoke_cli.memory_limits import check_start
from invoke_cli.request import GenerationRequest
from invoke_cli.version import __version__

_USAGE = "Usage: invoke [PROMPT] [SWITCHES]    without a prompt, the prompt opens"
_MORE = (
    "All switches and launch options: invoke --help advanced",
    "Commands and topics: invoke '!help commands', invoke '!help models' …",
    "Guides: docs/README.md, man invoke",
)
_WAYS = """\
Usage: invoke                                open the prompt, or run the lines of standard input
       invoke [SWITCHES] PROMPT [SWITCHES]   generate images:          invoke "a red boat" -s20 -n4
       invoke 'LINE'                         run a line of the prompt: invoke 'a cat -s20 -I sketch.png'
       invoke '!COMMAND'                     run a command:            invoke '!models'
       invoke SWITCHES                       open the prompt with these switches as its defaults"""


@click.command(
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def invoke(context: click.Context, words: tuple[str, ...]) -> None:
    """Generate images with diffusion models."""
    context.exit(run(list(words)))


def run(words: Sequence[str]) -> int:
    """Run the program with the words of a command line; returns the exit status."""
    open_missing_streams()
    wait_passively()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal with a small character set loses no result
    drop_unwritable_progress()
    console = Console(sys.stdout, sys.stderr, console_style(sys.stderr))
    try:
        words, remarks = modern_words(words)
        options, rest = take_launch_options(words)
        look = style_of(options)
        console = Console(sys.stdout, sys.stderr, look, image_viewer(sys.stdout, sys.stderr))
        for remark in remarks:
            console(Notice(text=remark, level=Level.NOTICE))
        return _run(console, options, rest)
    except InvokeError as error:
        console.failed(error)
        _report_command_clash(console)
        return error.exit_status
    except MemoryError:
        console.failed(out_of_memory())
        return ExitStatus.FAILED
    except BrokenPipeError:
        # The reader of the results is gone; what Python would still flush must go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitStatus.FAILED


def modern_words(words: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Translate the launch options of InvokeAI 2.x; returns the words and remarks on options that are not needed.

    Some of its letters mean something else in a line: `-c FILE.yaml`, `-F` and `-V` are options only where the words
    contain no prompt and no command.
    """
    end = next((index for index, word in enumerate(words) if word.startswith("!")), len(words))
    anywhere, remarks = translate(words[:end], alone=False)
    alone, remarks_alone = translate(words[:end], alone=True)
    if end == len(words) and alone != anywhere:
        try:
            if not read_invocation(take_launch_options(alone)[1], is_image_file, takes_line).lines:
                return alone, remarks_alone
        except InvokeError:
            return words, ()  # reported when the words are read
    return [*anywhere, *words[end:]], remarks


def style_of(options: Options) -> ConsoleStyle:
    """Return the console style that the launch options ask for."""
    json, quiet, verbose = (bool(options.get(name)) for name in ("json", "quiet", "verbose"))
    return console_style(sys.stderr, json=json, quiet=quiet, verbose=verbose)


def _run(console: Console, options: Options, rest: list[str]) -> int:
    page = _requested_page(options, rest, console.width())
    if page is not None:
        console.answer(page, paged="help" in options)
        return ExitStatus.OK
    check_start()
    invocation = read_invocation(rest, is_image_file, takes_line)
    if invocation.lines:
        return _run_lines(console, options, invocation, rest)
    source = options.get("from_file") or ("-" if invocation.reads_input else None)
    if invocation.reads_input and sys.stdin is not None and sys.stdin.isatty():
        console(Notice(text="reading lines from standard input; Ctrl-D ends them", level=Level.NOTICE))
    if source is None and sys.stdin is not None and sys.stdin.isatty() and not options.get("json"):
        from invoke_cli.repl.loop import open_prompt

        return open_prompt(options, invocation.defaults)
    return _run_file(console, options, invocation.defaults, str(source or "-"))


def _run_file(console: Console, options: Options, defaults: GenerationRequest, source: str) -> int:
    """Run the lines of a file, in order or with workers."""
    from invoke_cli.context.options import session_options
    from invoke_cli.context.settings import Settings
    from invoke_cli.context.worker_settings import worker_settings
    from invoke_cli.ordered_batch import PART_OPTIONS, from_file_in_order

    if (
        any(name in options for name in PART_OPTIONS)
        or worker_settings(Settings(session_options(options, defaults))).workers
    ):
        return from_file_in_order(console, options, defaults, source)
    from invoke_cli.batch import from_file

    return from_file(console, options, defaults, source)


def _run_lines(console: Console, options: Options, invocation: Invocation, words: Sequence[str]) -> int:
    """Run the lines that the words of the command are."""
    from invoke_cli.one_shot import one_shot

    _check_unmarked(words)
    if "from_file" in options:
        _check_switches(invocation.lines)
        raise ConfigError("--from_file and a prompt exclude each other", hint="put the prompt into the file")
    if len(words) > 1 and (switch := quoted_switch(invocation.lines)) is not None:
        text = f"{switch} inside the quoted prompt is text; close the quotes before it to make it a switch"
        console(Notice(text=text, level=Level.TIP))
    return one_shot(console, options, invocation)


def _check_switches(lines: Sequence[str]) -> None:
    """Raise LineError for an unknown switch, which is no prompt."""
    for line in lines:
        try:
            parse(line)
        except LineError as error:
            raise error.located(line) from None


def _check_unmarked(words: Sequence[str]) -> None:
    """Raise ConfigError for a single word that is a command without its `!`. With a blank in it, it is a prompt."""
    if len(words) != 1 or len(words[0].split()) != 1 or words[0] != words[0].strip():
        return
    from invoke_cli.commands.unmarked import unmarked_command

    unmarked = unmarked_command(words[0])
    if unmarked is not None and unmarked.line.startswith("!"):
        command = "invoke --help" if unmarked.line == "!help" else f"invoke '{unmarked.line}'"
        hint = f"{command} runs it; to generate an image of the word, add a blank: invoke '{words[0]} '"
        raise ConfigError(f"{words[0]} alone is the name of a command", hint=hint)


def _requested_page(options: Options, rest: Sequence[str], width: int) -> str | None:
    """Return the text that --help, --version or --completion asks for; None without such an option."""
    if options.get("help"):
        page = advanced_help if "advanced" in rest else basic_help
        return page(width, _model_defaults(options))
    if options.get("version"):
        return f"invoke {__version__}"
    return completion_page(str(options["completion"]), options) if "completion" in options else None


def _report_command_clash(console: Console) -> None:
    """Say that there are two commands called `invoke`, which explains many a failing start."""
    from invoke_cli.context.command_clash import command_clash

    if clash := command_clash():
        console(Notice(text=clash, level=Level.TIP))


def takes_line(name: str) -> bool:
    """Return whether the argument of the command of this name is a line."""
    from invoke_cli.commands.command import Argument
    from invoke_cli.commands.table import find_command

    command = find_command(name)
    return command is not None and command.argument is Argument.LINE


def is_image_file(word: str) -> bool:
    """Return whether a word names an existing image file."""
    return word.lower().endswith(IMAGE_SUFFIXES) and is_file(Path(word))


def basic_help(width: int, defaults: Mapping[str, str]) -> str:
    """Return the first screen of the help."""
    return first_screen(_USAGE, SHELL_EXAMPLES, _MORE, width=width, defaults=defaults)


def advanced_help(width: int, defaults: Mapping[str, str]) -> str:
    """Return the help for all switches and launch options."""
    switches = switch_help(width=width, defaults=defaults)
    return f"{fit(_WAYS, width)}\n\n{switches}\n\nlaunch options\n{launch_help(width)}"


def _model_defaults(options: Options) -> Mapping[str, str]:
    """Return the defaults of the model in use, by field; empty if the configuration cannot be read."""
    from invoke_cli.context.options import session_options
    from invoke_cli.context.settings import Settings

    try:
        return Settings(session_options(options, GenerationRequest())).model_defaults()
    except InvokeError:
        return {}


def completion_page(wanted: str, options: Options) -> str:
    """Return a shell's completion script, or the names that such a script asks for, one per line."""
    from invoke_cli.commands.table import all_commands
    from invoke_cli.context.options import session_options
    from invoke_cli.context.paths import LORAS
    from invoke_cli.context.settings import Settings
    from invoke_cli.inputs.adapters import list_adapters
    from invoke_cli.language.completion.shells import SHELLS, shell_rows
    from invoke_cli.models.samplers import sampler_names

    if wanted in SHELLS:
        commands = [(command.name, command.help) for command in all_commands()]
        return SHELLS[wanted](shell_rows(sampler_names()), commands)
    settings = Settings(session_options(options, GenerationRequest()))
    names = settings.registry.models if wanted == "models" else list_adapters(settings.paths.data_folders(LORAS))
    return "\n".join(sorted(names))
