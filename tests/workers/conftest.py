"""Fixtures of the tests of workers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sample_images import drawing
from tests.workers.farm import Farm


@pytest.fixture
def farm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_model: Path) -> Farm:
    monkeypatch.chdir(tmp_path)
    drawing(64, 64).save("sketch.png")
    drawing(64, 64).convert("L").point(lambda value: 255 if value > 128 else 0).save("mask.png")
    (tmp_path / "inputs").mkdir()
    for number in range(3):
        drawing(64, 48 + 8 * number).save(tmp_path / "inputs" / f"{number}.png")
    return Farm(tmp_path, tiny_model)
