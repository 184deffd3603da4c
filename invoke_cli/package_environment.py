"""The environment of further processes of the program."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def environment_with_package() -> Mapping[str, str]:
    """Return the environment with the folder of this package in the module path, wherever it was imported from."""
    folders = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, folders))}
