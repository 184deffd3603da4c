"""Memory that upscaling takes: it grows with the images alone, measured in separate processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.sample_images import drawing

COPIES = 8

PROGRAM = """
import resource, sys
from invoke_cli.session import Session
from invoke_cli.context.options import SessionOptions
with Session(SessionOptions(root=sys.argv[1])) as session:
    outcome = session.run(sys.argv[2])
    assert outcome.value == "ok", outcome
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


# Freed memory returns to the system, so that the figure is what the program holds and not what malloc keeps.
ALLOCATOR = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}


def peak(folder: Path, model: Path, line: str, width: int) -> int:
    """Return the peak memory in bytes of a process that runs a line on an image of this width (4:3)."""
    configs = folder / "root" / "configs"
    configs.mkdir(parents=True, exist_ok=True)
    entry = f"tiny:\n  path: {model}\n  default: true\n  size: 256\n"
    (configs / "models.yaml").write_text(entry, encoding="utf-8")
    drawing(width, width * 3 // 4).save(folder / "picture.png")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder / "root"), line],
        cwd=folder,
        env={"PYTHONPATH": str(Path(__file__).parent.parent.parent), "OMP_NUM_THREADS": "1", "PATH": "", **ALLOCATOR},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "enlarged"),
    [
        ("!fix picture.png -U 2 -s 4 -S 1 --new_prompt sharp", 2),
        ("sea -I picture.png -c top 64 right 128 -s 2 -S 1", 1),
    ],
)
def test_memory_grows_by_a_few_copies_of_the_images(tmp_path: Path, tiny_model: Path, line: str, enlarged: int) -> None:
    small, large = (peak(tmp_path, tiny_model, line, width) for width in (1000, 2000))
    copy = 3 * enlarged**2 * (2000 * 1500 - 1000 * 750)
    assert large - small < COPIES * copy, f"{(large - small) / copy:.1f} copies of the images"
