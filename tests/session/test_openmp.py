"""OpenMP's threads sleep while they wait, unless the user has chosen otherwise."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from invoke_cli.context.openmp import TOO_LATE, VARIABLE
from invoke_cli.events import Notice
from invoke_cli.session import Session

PROBE = "import os, sys; {}; print(os.environ.get('OMP_WAIT_POLICY'), 'torch' in sys.modules)"


@pytest.mark.parametrize(
    ("work", "chosen", "expected"),
    [
        ("from invoke_cli.cli import run; run(['--version'])", None, "PASSIVE False"),
        ("from invoke_cli import Session; Session().close()", None, "PASSIVE False"),
        ("from invoke_cli.cli import run; run(['--version'])", "ACTIVE", "ACTIVE False"),
        ("import torch; from invoke_cli import Session; Session().close()", None, "None True"),
    ],
)
def test_the_policy_is_set_before_torch_is_imported(work: str, chosen: str | None, expected: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    environment |= {VARIABLE: chosen} if chosen else {}
    command = [sys.executable, "-c", PROBE.format(work)]
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert output.splitlines()[-1] == expected


def test_a_session_after_torch_says_that_it_is_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    assert torch.__version__
    monkeypatch.delenv(VARIABLE)
    events: list[object] = []
    Session(emit=events.append).close()
    assert events == [Notice(text=TOO_LATE)]
