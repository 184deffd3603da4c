"""The prompt on terminals without cursor addressing, and with 8-bit locales: lines run, and nothing hangs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pexpect
import pytest


@pytest.mark.feature("plain-terminals")
@pytest.mark.parametrize(
    "settings",
    [
        {"TERM": "dumb"},
        pytest.param({"TERM": "unknown"}, marks=pytest.mark.slow),
        pytest.param({"TERM": ""}, marks=pytest.mark.slow),
        {"TERM": "xterm", "LC_ALL": "C"},
        {"TERM": "dumb", "INSIDE_EMACS": "29.1,comint", "LC_ALL": "de_DE.ISO-8859-1"},
    ],
    ids=lambda settings: " ".join(f"{name}={value}" for name, value in settings.items()),
)
def test_the_first_line_runs_on_any_terminal(tmp_path: Path, settings: dict[str, str]) -> None:
    environment = {**os.environ, "INVOKE_ROOT": str(tmp_path / "root"), **settings}
    child = pexpect.spawn(
        sys.executable, ["-m", "invoke_cli"], cwd=tmp_path, env=environment, dimensions=(24, 80), timeout=60
    )
    try:
        child.expect("invoke>")
        child.send("!history\r")
        child.expect("no images yet")
        child.send("caf\xe9 -I nowhere.png\r".encode())
        child.expect("there is no image")
        if settings["TERM"] == "dumb":
            assert b"\x1b[" not in (child.before or b"")
        child.send("q\r")
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 0
    finally:
        child.close(force=True)
