"""The reference and the man page equal the text generated from the tables."""

from __future__ import annotations

import shutil
import subprocess
import tomllib

import pytest

from docs.generate import pages
from invoke_cli.commands.table import COMMANDS
from invoke_cli.language.switches.launch import LAUNCH_OPTIONS
from invoke_cli.language.switches.table import SWITCHES
from invoke_cli.models.families.table import FAMILIES
from invoke_cli.models.samplers import SAMPLERS
from tests.docs.pages import DOCS, ROOT


@pytest.mark.parametrize("name", pages())
def test_a_generated_file_is_current(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == pages()[name], "run `make docs`"


def test_the_reference_holds_no_other_files() -> None:
    found = {path.relative_to(DOCS).as_posix() for path in (DOCS / "reference").iterdir()}
    assert found == {name for name in pages() if name.startswith("reference/")}


@pytest.mark.parametrize("page", ["reference/switches.md", "invoke.1"])
def test_every_spelling_of_a_switch_is_listed(page: str) -> None:
    text = pages()[page].replace("\\-", "-")
    assert [flag for row in SWITCHES for flag in row.flags if flag not in text] == []


def test_every_command_and_launch_option_is_in_the_man_page() -> None:
    text = pages()["invoke.1"].replace("\\-", "-")
    names = [*(row.synopsis.split(" ")[0] for row in COMMANDS), *(row.name for row in LAUNCH_OPTIONS)]
    assert [name for name in names if name not in text] == []


def test_every_sampler_and_family_has_a_row() -> None:
    generated = pages()
    assert [row.name for row in SAMPLERS if f"| `{row.name}` |" not in generated["reference/samplers.md"]] == []
    assert [row.name for row in FAMILIES if f"\n## {row.name}\n" not in generated["reference/families.md"]] == []


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_the_man_page_has_no_roff_errors() -> None:
    command = ["groff", "-man", "-ww", "-Tutf8", str(DOCS / "invoke.1")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_the_wheel_installs_the_man_page_under_both_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    data = project["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    assert data["docs/invoke.1"] == "share/man/man1/invoke.1"
    assert data["docs/invoke-cli.1"] == "share/man/man1/invoke-cli.1"
