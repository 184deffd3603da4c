"""Detect that the task runner PyInvoke, whose command is called `invoke`, too, is installed in this environment."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from invoke_cli.context.paths import is_file
from invoke_cli.input_files import ASSET, read_input

OTHER_PACKAGE = "invoke"
_HINT = "type invoke-cli instead, which is always this program"


def command_clash(programs: Path | None = None) -> str:
    """Return a sentence on what the command `invoke` runs here; empty where PyInvoke is not installed.

    Args:
        programs: The folder of the environment's commands; by default that of the running interpreter.
    """
    try:
        other = version(OTHER_PACKAGE)
    except PackageNotFoundError:
        return ""
    script = (programs or Path(sys.executable).parent) / "invoke"
    is_ours = is_file(script) and b"invoke_cli" in read_input(script, ASSET)
    owner = "this program" if is_ours else "PyInvoke"
    return f"PyInvoke {other} is installed here, too, and the command invoke runs {owner}: {_HINT}"
