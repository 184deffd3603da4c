"""Edit text in the user's editor."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from invoke_cli.errors import CommandError
from invoke_cli.input_files import LINES, read_input_text

COMMON_EDITORS = ("sensible-editor", "editor", "nano", "vim", "vi", "notepad")


def editor_command(environment: Mapping[str, str]) -> list[str]:
    """Return the editor command: $VISUAL, $EDITOR, else a common editor.

    Raises:
        CommandError: There is none.
    """
    setting = environment.get("VISUAL") or environment.get("EDITOR")
    if setting:
        with contextlib.suppress(ValueError):  # an unclosed quote
            words = shlex.split(setting)
            if words and shutil.which(words[0]):
                return words
        raise CommandError(f"no such editor: {setting}", hint="set VISUAL or EDITOR to an installed editor")
    found = next((name for name in COMMON_EDITORS if shutil.which(name)), None)
    if found is None:
        raise CommandError("no editor found", hint="set VISUAL or EDITOR, for example: export EDITOR=nano")
    return [found]


def edit_text(text: str) -> str:
    """Open text in the editor and return the edited text.

    Raises:
        CommandError: The editor fails.
    """
    command = editor_command(os.environ)
    with tempfile.TemporaryDirectory(prefix="invoke-") as folder:
        file = Path(folder) / "line.txt"
        file.write_text(f"{text}\n", encoding="utf-8")
        try:
            status = subprocess.run([*command, str(file)], check=False).returncode
        except OSError as error:
            raise CommandError(f"cannot start the editor {command[0]}: {error}", hint="set VISUAL or EDITOR") from None
        if status:
            raise CommandError(f"the editor {command[0]} exited with status {status}", hint="the text is unchanged")
        try:
            return read_input_text(file, LINES, errors="replace").rstrip("\n")
        except OSError:
            raise CommandError(f"the editor {command[0]} removed the file", hint="the text is unchanged") from None
