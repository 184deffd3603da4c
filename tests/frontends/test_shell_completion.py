"""Shell completion: the scripts are generated from the tables, and the shells use them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from invoke_cli.cli import completion_page
from invoke_cli.language.completion.shells import SHELLS
from invoke_cli.language.switches.launch import LAUNCH_OPTIONS
from invoke_cli.language.switches.table import SWITCHES
from tests.frontends.program import Program

COMPLETED = [
    ("invoke 'a cat' -A k_euler_", "k_euler_a"),
    ("invoke x --sampler k_euler_", "k_euler_a"),
    ("invoke x --ste", "--steps"),
    ("invoke x --precision bf", "bfloat16"),
    ("invoke x -m tin", "tiny"),
]


@pytest.fixture
def bin_folder(program: Program) -> Path:
    """A folder for $PATH in which `invoke` is the program."""
    folder = program.folder / "bin"
    folder.mkdir()
    script = folder / "invoke"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m invoke_cli "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    for shell in SHELLS:
        (program.folder / shell).write_bytes(program("--completion", shell).out)
    (program.folder / "te st.png").touch()
    return folder


@pytest.mark.parametrize("shell", SHELLS)
def test_every_switch_and_option_is_in_every_script(shell: str) -> None:
    page = completion_page(shell, {})
    flags = [flag for row in SWITCHES for flag in row.flags] + [row.name for row in LAUNCH_OPTIONS]
    for flag in flags:
        spelt = {"fish": f"-l {flag[2:]} " if flag[:2] == "--" else f"{flag[1:]} "}.get(shell, flag)
        assert spelt in page, flag
    assert "!fetch" in page and "dpmpp_2m" in page


def test_completion_lists_models_and_loras(program: Program) -> None:
    assert program("--completion", "models").lines[-1] == "tiny"
    (program.folder / "root" / "loras").mkdir()
    (program.folder / "root" / "loras" / "film.safetensors").touch()
    assert program("--completion", "loras").lines == ["film"]
    assert program("--completion", "tcsh").status == 2


def test_completion_loads_no_torch() -> None:
    code = "import sys; from invoke_cli.cli import completion_page; completion_page('bash', {}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "transformers", "diffusers"} & set(done.stdout.split())


@pytest.mark.feature("completion")
def test_bash_completes(bin_folder: Path) -> None:
    shell = pexpect.spawn(
        "bash", ["--norc", "--noprofile", "-i"], cwd=bin_folder.parent, encoding="utf-8", dimensions=(30, 200)
    )
    try:
        shell.sendline(f"PS1=; PATH={bin_folder}:$PATH; bind 'set bell-style none'; source ./bash; echo rea''dy")
        shell.expect("ready\r\n")
        cases = [*COMPLETED, ("invoke x -I te", "te\\ st.png"), ("invoke '!verif", "!verify")]
        for typed, end in cases:
            shell.send(f"{typed}\t")
            shell.expect_exact(end, timeout=20)
            shell.sendcontrol("u")
    finally:
        shell.close(force=True)


@pytest.mark.feature("completion")
@pytest.mark.skipif(shutil.which("fish") is None, reason="no fish here")
@pytest.mark.parametrize(("typed", "end"), COMPLETED)
def test_fish_completes(bin_folder: Path, typed: str, end: str) -> None:
    code = f"set -x PATH {bin_folder} $PATH; source ./fish; complete -C {typed!r}"
    done = subprocess.run(["fish", "-c", code], cwd=bin_folder.parent, capture_output=True, text=True, check=True)
    assert any(line.split("\t")[0].endswith(end) for line in done.stdout.splitlines())


@pytest.mark.feature("completion")
@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh here")
def test_zsh_completes(bin_folder: Path) -> None:
    shell = pexpect.spawn("zsh", ["-f"], cwd=bin_folder.parent, encoding="utf-8", dimensions=(30, 200))
    try:
        start = f"setopt nobeep; path=({bin_folder} $path); autoload -U compinit; compinit -u -D; source ./zsh"
        shell.sendline(f"{start}; echo rea''dy")
        shell.expect("ready\r\n")
        for typed, end in COMPLETED:
            shell.send(f"{typed}\t")
            shell.expect_exact(end, timeout=20)
            shell.sendcontrol("u")
    finally:
        shell.close(force=True)
