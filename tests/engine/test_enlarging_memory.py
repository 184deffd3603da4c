"""What enlarging takes: memory that grows with the pictures alone, measured in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import drawing

COPIES = 8

PROGRAM = """
import resource, sys
from invoke_cli import Session
from invoke_cli.workshop.options import SessionOptions
with Session(SessionOptions(root=sys.argv[1])) as session:
    outcome = session.run(f"!fix {sys.argv[2]} -U 2 -s 4 -S 1 --new_prompt sharp")
    assert outcome.value == "ok", outcome
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def peak(folder: Path, model: Path, width: int, height: int) -> int:
    """Bytes that a process took at most to double a picture of this size."""
    configs = folder / "root" / "configs"
    configs.mkdir(parents=True, exist_ok=True)
    entry = f"tiny:\n  path: {model}\n  default: true\n  size: 256\n"
    (configs / "models.yaml").write_text(entry, encoding="utf-8")
    drawing(width, height).save(folder / f"{width}.png")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder / "root"), f"{width}.png"],
        cwd=folder,
        env={"PYTHONPATH": str(Path(__file__).parent.parent.parent), "OMP_NUM_THREADS": "1", "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


@pytest.mark.slow
def test_memory_grows_by_a_few_copies_of_the_pictures(tmp_path: Path, tiny_model: Path) -> None:
    small, large = (peak(tmp_path, tiny_model, width, width * 3 // 4) for width in (1000, 2000))
    copy = 3 * (4000 * 3000 - 2000 * 1500)
    assert large - small < COPIES * copy, f"{(large - small) / copy:.1f} copies of the pictures"
