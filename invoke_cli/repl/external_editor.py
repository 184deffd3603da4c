"""The user's own editor on a text."""

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

USUAL = ("sensible-editor", "editor", "nano", "vim", "vi", "notepad")


def editor_command(environment: Mapping[str, str]) -> list[str]:
    """The editor as words: $VISUAL, $EDITOR, else one of the usual ones; CommandError when there is none."""
    asked = environment.get("VISUAL") or environment.get("EDITOR")
    if asked:
        with contextlib.suppress(ValueError):  # a quote that is not closed
            words = shlex.split(asked)
            if words and shutil.which(words[0]):
                return words
        raise CommandError(f"there is no editor {asked}", hint="set VISUAL or EDITOR to one that there is")
    found = next((name for name in USUAL if shutil.which(name)), None)
    if found is None:
        raise CommandError("no editor is set", hint="set VISUAL or EDITOR, for example: export EDITOR=nano")
    return [found]


def edited(text: str) -> str:
    """The text as the user leaves it in the editor; CommandError when the editor fails."""
    command = editor_command(os.environ)
    with tempfile.TemporaryDirectory(prefix="invoke-") as folder:
        file = Path(folder) / "line.txt"
        file.write_text(f"{text}\n", encoding="utf-8")
        try:
            status = subprocess.run([*command, str(file)], check=False).returncode
        except OSError as error:
            raise CommandError(
                f"the editor {command[0]} does not start: {error}", hint="set VISUAL or EDITOR"
            ) from None
        if status:
            raise CommandError(f"the editor {command[0]} ended with status {status}", hint="the text is as it was")
        try:
            return file.read_text(encoding="utf-8", errors="replace").rstrip("\n")
        except OSError:
            raise CommandError(f"the editor {command[0]} left no text", hint="the text is as it was") from None
