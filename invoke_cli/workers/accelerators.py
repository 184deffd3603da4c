"""Find the accelerators of this machine without importing torch in the session's process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

_TRACES = ("/dev/nvidia0", "/dev/nvidiactl", "/dev/kfd", "/dev/dxg", "/dev/davinci0", "/dev/dri/renderD128")
_SECONDS = 120.0
_PROGRAM = """
import json, torch
kind = torch.accelerator.current_accelerator()
count = torch.accelerator.device_count() if kind is not None and torch.accelerator.is_available() else 0
print(json.dumps([f"{kind.type}:{index}" for index in range(count)] if count else []))
"""


def accelerators() -> tuple[str, ...]:
    """Return the names of all accelerators, such as `cuda:0`; none on a machine with a CPU only."""
    if sys.platform.startswith("linux") and not any(Path(trace).exists() for trace in _TRACES):
        return ()
    command = [sys.executable, "-P", "-c", _PROGRAM]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_SECONDS)
        return tuple(json.loads(found.stdout.splitlines()[-1]))
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return ()
