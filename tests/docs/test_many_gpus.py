"""The recipe for Slurm in docs/many-gpus.md, with a stand-in for `sbatch`: the parts are the whole, byte for byte."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "many-gpus.md"
# Runs the tasks of an array one after the other, last one first: their order must not matter.
SBATCH = """#!/bin/bash
tasks=${1#--array=}
for ((task = ${tasks#*-}; task >= ${tasks%-*}; task--)); do
    SLURM_ARRAY_TASK_ID=$task SLURM_CPUS_PER_TASK=1 bash "$2"
done
exit 0
"""
LINES = """a red house -s 2
# a comment
a {calm|wild} sea -s 2 -n 2

!set -C 6
a boat -s 2 | oil painting -f .5 -s 2
a cat -s 2 -S 3..4
a bird --no_such_switch
a tree -s 2
"""


def script(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def images(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


@pytest.mark.slow
@pytest.mark.feature("parts-of-files")
def test_the_parts_of_the_slurm_recipe_are_the_whole(tmp_path: Path) -> None:
    section = PAGE.read_text(encoding="utf-8").split("### Slurm")[1]
    recipe, command, *_ = re.findall(r"```(?:bash|text)\n(.*?)```", section, re.S)
    assert recipe.startswith("#!/bin/bash\n#SBATCH")
    assert "sbatch --array=0-9 invoke.sbatch" in command
    programs = tmp_path / "bin"
    programs.mkdir()
    script(programs / "sbatch", SBATCH)
    script(programs / "invoke", f'#!/bin/bash\nexec {sys.executable} -m invoke_cli --root root "$@"\n')
    (tmp_path / "prompts.txt").write_text(LINES, encoding="utf-8")
    (tmp_path / "invoke.sbatch").write_text(recipe, encoding="utf-8")
    environment = {
        **os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "PER_TASK": "3",
        "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    whole = [
        "invoke", "--from_file", "prompts.txt", "--base_seed", "7", "--first_number", "1", "--threads", "1", "-o",
        "whole",
    ]  # fmt: skip
    assert subprocess.run(whole, cwd=tmp_path, env=environment, capture_output=True, timeout=300).returncode == 1
    array = ["sbatch", "--array=0-2", "invoke.sbatch"]
    subprocess.run(array, cwd=tmp_path, env=environment, capture_output=True, timeout=300, check=True)
    parts = [images(tmp_path / f"part-{task}") for task in range(3)]
    assert all(parts)
    names = [name for part in parts for name in part]
    assert len(names) == len(set(names))
    assert {name: data for part in parts for name, data in part.items()} == images(tmp_path / "whole")
