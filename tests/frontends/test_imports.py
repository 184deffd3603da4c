"""The guarantee "Fast start": help and the first prompt import no heavy libraries."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "diffusers", "transformers", "accelerate", "PIL", "numpy", "scipy", "safetensors", "ruamel")


def loaded_after(code: str) -> set[str]:
    """Return the heavy libraries that a fresh interpreter has loaded after `code`."""
    script = f"import sys\n{code}\nprint('\\n' + ' '.join(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    names = {name.split(".")[0] for name in done.stderr.splitlines()[-1].split()}
    return names & {*HEAVY, "prompt_toolkit"}


@pytest.mark.parametrize("words", ["--help", "--help advanced", "--version"])
def test_fast_start_help_imports_nothing_heavy(words: str) -> None:
    """The help reads models.yaml, since it shows the defaults of the model in use."""
    assert loaded_after(f"from invoke_cli.cli import run\nrun({words.split()!r})") <= {"ruamel"}


def test_fast_start_the_first_prompt_imports_nothing_heavy() -> None:
    code = """
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from prompt_toolkit.application import create_app_session
import invoke_cli.repl.loop as loop
seen = []
loop.Worker.start = lambda self: seen.append(set(sys.modules))
loop.Worker.finish = lambda self: None
loop._Prompt._leave = lambda self: None
with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
    pipe.send_text("q\\n")
    loop.open_prompt({}, loop.GenerationRequest())
assert seen, "the prompt was never shown"
for name in set(sys.modules) - seen[0]:
    del sys.modules[name]
"""
    assert loaded_after(code) - {"ruamel"} == {"prompt_toolkit"}


def test_fast_start_importing_the_package_imports_nothing_heavy() -> None:
    assert loaded_after("import invoke_cli, invoke_cli.language.grammar.line, invoke_cli.planning.plan") == set()


def test_a_session_loads_no_torch_before_it_generates() -> None:
    loaded = loaded_after("from invoke_cli import Session\nSession()")
    assert not loaded & {"torch", "diffusers", "transformers"}
