"""Fixtures that all rings share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.tiny import build_tiny_model

os.environ.setdefault("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny random Stable Diffusion."""
    return build_tiny_model(tmp_path_factory.mktemp("models") / "tiny")
