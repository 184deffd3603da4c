"""The model of the last `!switch` at the prompt, with which its next session begins. Scripts do not use it."""

from __future__ import annotations

import contextlib

from invoke_cli.context.outcome import Outcome
from invoke_cli.context.settings import Settings
from invoke_cli.errors import InvokeError
from invoke_cli.input_files import CONFIG, read_input_text
from invoke_cli.language.grammar.line import CommandLine, parse
from invoke_cli.output.files import output_errors, write_atomically

_SWITCH = "switch"
_MAX_NAME = 1000


class LastModel:
    """Reads and writes the name of the model."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def recall(self) -> str:
        """Make the model of the last session that of lines without `-m`; return a notice, empty if nothing changes."""
        settings = self._settings
        name = self._read() if settings.remembers_model else ""
        if name not in settings.registry.models or name == settings.registry.default:
            return ""
        settings.last_model = name
        if settings.current_name() != name:  # launch options and invoke.init win
            return ""
        return f"using {name}, as in the last session; --no_last_model in invoke.init turns this off"

    def remember(self, line: str, outcome: Outcome) -> None:
        """Store the model if the line, as typed, has switched to another one."""
        if outcome is Outcome.OK and self._settings.remembers_model and _switches(line):
            # If the folder is not writable, the next session begins with the default model.
            with contextlib.suppress(InvokeError), output_errors(self._settings.paths.last_model_file):
                name = self._settings.current_name()
                write_atomically(self._settings.paths.last_model_file, f"{name}\n".encode())

    def _read(self) -> str:
        try:
            return read_input_text(self._settings.paths.last_model_file, CONFIG, "replace")[:_MAX_NAME].strip()
        except (OSError, ValueError):
            return ""


def _switches(line: str) -> bool:
    from invoke_cli.commands.table import find_command  # it needs libraries that the first prompt does not wait for

    try:
        parsed = parse(line)
    except InvokeError:
        return False
    command = find_command(parsed.name) if isinstance(parsed, CommandLine) else None
    return command is not None and command.name == _SWITCH
