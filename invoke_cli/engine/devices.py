"""Choose the torch device and dtype, and report the device's memory."""

from __future__ import annotations

import os
from dataclasses import dataclass

import psutil
import torch

from invoke_cli.engine import EngineSettings, Memory
from invoke_cli.errors import ConfigError

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """The torch device that models run on, and their dtype."""

    torch_device: torch.device
    dtype: torch.dtype

    @property
    def kind(self) -> str:
        """The device type: `cpu`, `cuda` or `mps`."""
        return self.torch_device.type

    @property
    def label(self) -> str:
        """The name to display: the GPU's own name, or `cpu`."""
        return torch.cuda.get_device_name(self.torch_device) if self.kind == "cuda" else self.kind

    @property
    def dtype_name(self) -> str:
        """The dtype's name: `float32`, `float16` or `bfloat16`."""
        return str(self.dtype).removeprefix("torch.")

    def memory(self) -> Memory:
        """Return the memory that images are generated in: the GPU's, otherwise the machine's."""
        if self.kind == "cuda":
            free, total = torch.cuda.mem_get_info(self.torch_device)
            used = torch.cuda.memory_allocated(self.torch_device)
            free += torch.cuda.memory_reserved(self.torch_device) - used  # torch's allocator cache can be reused
            peak = torch.cuda.max_memory_allocated(self.torch_device)
            return Memory(device=self.label, free=free, total=total, used=used, peak=peak)
        machine = psutil.virtual_memory()
        used = psutil.Process().memory_info().rss
        return Memory(device=self.label, free=machine.available, total=machine.total, used=used, peak=_peak_rss(used))

    def release(self) -> None:
        """Return cached blocks to the device."""
        if self.kind == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.ipc_collect()  # type: ignore[no-untyped-call]


def _peak_rss(now: int) -> int:
    if os.name != "posix":
        return now
    import resource

    unit = 1 if os.uname().sysname == "Darwin" else 1024
    return max(now, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def choose_device(settings: EngineSettings) -> Device:
    """Return the device and dtype that the settings name; `auto` picks the best available.

    Raises:
        ConfigError: The device is missing or unknown, or does not support the precision.
    """
    device = _device(settings.device)
    if settings.precision == "auto":
        return Device(torch_device=device, dtype=torch.float16 if device.type == "cuda" else torch.float32)
    if settings.precision not in DTYPES:
        raise ConfigError(f"unknown --precision: {settings.precision}", hint=f"use auto, {', '.join(DTYPES)}")
    if device.type == "cpu" and settings.precision == "float16":
        raise ConfigError("float16 does not run on the CPU", hint="use --precision float32 or bfloat16")
    return Device(torch_device=device, dtype=DTYPES[settings.precision])


def _device(name: str) -> torch.device:
    if name == "auto":
        return _best_device()
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(f"not a device: {name}", hint="auto, cpu, cuda, cuda:1 or mps") from None
    if device.type not in ("cpu", "cuda", "mps"):
        raise ConfigError(f"--device {name} is not supported", hint="auto, cpu, cuda, cuda:1 or mps")
    if not _is_available(device):
        raise ConfigError(f"--device {name} is not available", hint="--device cpu works everywhere")
    return device


def _best_device() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _is_available(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count()
    return device.type != "mps" or torch.backends.mps.is_available()
