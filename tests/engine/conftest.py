"""The shared engine with empty caches, and a square drawing."""

from __future__ import annotations

import pytest
from PIL import Image

from invoke_cli.engine import Engine
from invoke_cli.engine.diffusers_engine import DiffusersEngine
from tests.sample_images import drawing


@pytest.fixture
def engine(real_engine: Engine) -> DiffusersEngine:
    """The engine of all tests, with empty caches of prompts and images."""
    assert isinstance(real_engine, DiffusersEngine)
    real_engine._conditioning.clear()
    real_engine._encoder.clear()
    return real_engine


@pytest.fixture
def sketch_64() -> Image.Image:
    """A drawing of 64 x 64 pixels."""
    return drawing(64, 64)
