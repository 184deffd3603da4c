"""A package with plug-ins, built and installed, through the real command line."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.session_harness import pixels

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment in which the example package is installed."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "base.pth").write_text(f"{sysconfig.get_path('purelib')}\n{ROOT}\n")
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    source = tmp_path_factory.mktemp("source") / "plugin_example"
    subprocess.run(["cp", "-r", str(ROOT / "tests" / "plugin_example"), str(source)], check=True)
    subprocess.run([*command, "--target", str(packages), str(source)], check=True)
    return folder / "bin" / "python"


def invoke(python: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "INVOKE_ROOT": str(folder / "root"), "OMP_NUM_THREADS": "1"}
    command = [str(python), "-m", "invoke_cli", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.feature("plugins")
def test_every_kind_of_row_works_after_installation(python: Path, tmp_path: Path) -> None:
    listed = invoke(python, tmp_path, "!plugins")
    assert listed.returncode == 0, listed.stderr
    for name in ("sampler ddim_half", "family example", "format example", "command shout", "postprocessor invert"):
        assert name in listed.stdout
    assert listed.stdout.count("invoke-example 1.0") == 5 and "broken" not in listed.stdout
    assert invoke(python, tmp_path, "!shout hello").stdout == "HELLO\n"

    line = "a red circle -s 4 -S 1 -W 64 -H 64"
    for name, more in {"plain": "-A ddim", "half": "-A ddim_half", "inverted": "-A ddim --post invert"}.items():
        done = invoke(python, tmp_path, f"{line} {more} -o {name}.png")
        assert done.returncode == 0, done.stderr
    plain = pixels(tmp_path / "plain.png")
    assert pixels(tmp_path / "inverted.png") == bytes(255 - value for value in plain)
    assert pixels(tmp_path / "half.png") != plain
    verified = invoke(python, tmp_path, "!verify half.png inverted.png")
    assert verified.returncode == 0 and verified.stdout.count("identical") == 2, verified.stdout + verified.stderr

    text = PngInfo()
    text.add_text("example", "example:a blue house#7")
    Image.new("RGB", (64, 64)).save(tmp_path / "foreign.png", pnginfo=text)
    assert "a blue house" in invoke(python, tmp_path, "!info foreign.png").stdout


def test_help_and_completion_name_the_plugins(python: Path, tmp_path: Path) -> None:
    assert "ddim_half" in invoke(python, tmp_path, "!help samplers").stdout
    assert "!shout" in invoke(python, tmp_path, "!help commands").stdout
    assert "ddim_half" in invoke(python, tmp_path, "--completion", "bash").stdout
