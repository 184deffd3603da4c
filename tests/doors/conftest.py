"""The program, for the tests of the doors."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.doors.program import Program


@pytest.fixture
def program(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    return Program(tmp_path, tiny_model, monkeypatch)
