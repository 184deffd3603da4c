"""Choose the torch device and dtype, and report the device's memory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import psutil
import torch

from invoke_cli.engine import EngineSettings, Memory
from invoke_cli.errors import ConfigError
from invoke_cli.memory_limits import within_limits

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


# The accelerators that `auto` looks for, the best first. ROCm is `cuda`. Any other that torch knows works by its name.
ACCELERATORS = ("cuda", "xpu", "npu", "mps")


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """The torch device that models run on, and their dtype."""

    torch_device: torch.device
    dtype: torch.dtype

    @property
    def kind(self) -> str:
        """The device type: `cpu`, or that of an accelerator such as `cuda` or `mps`."""
        return self.torch_device.type

    @property
    def is_accelerator(self) -> bool:
        """Whether it is another device than the processor."""
        return self.kind != "cpu"

    @property
    def is_cuda(self) -> bool:
        """Whether it is an NVIDIA or AMD GPU. Only what exists nowhere else depends on it."""
        return self.kind == "cuda"

    @property
    def label(self) -> str:
        """The name to display: the GPU's own name if it has one, or the type."""
        name = getattr(_module(self.torch_device), "get_device_name", None) if self.is_accelerator else None
        return str(name(self.torch_device)) if name is not None else self.kind

    @property
    def dtype_name(self) -> str:
        """The dtype's name: `float32`, `float16` or `bfloat16`."""
        return str(self.dtype).removeprefix("torch.")

    def memory(self) -> Memory:
        """Return the memory that images are generated in: the accelerator's own, otherwise the machine's."""
        module = _module(self.torch_device)
        if self.is_accelerator and hasattr(module, "mem_get_info"):
            free, total = module.mem_get_info(self.torch_device)
            used = module.memory_allocated(self.torch_device)
            free += module.memory_reserved(self.torch_device) - used  # torch's allocator cache can be reused
            peak = module.max_memory_allocated(self.torch_device)
            return Memory(device=self.label, free=free, total=total, used=used, peak=peak)
        free, total = main_memory()
        used = psutil.Process().memory_info().rss
        return Memory(device=self.label, free=free, total=total, used=used, peak=_peak_rss(used))

    def release(self) -> None:
        """Return cached blocks to the device."""
        if self.is_accelerator and hasattr(_module(self.torch_device), "empty_cache"):
            _module(self.torch_device).empty_cache()
        if self.is_cuda:
            torch.cuda.ipc_collect()  # type: ignore[no-untyped-call]


def main_memory() -> tuple[int, int]:
    """Return the free and the total main memory that this process may use."""
    machine = psutil.virtual_memory()
    return within_limits(machine.available, machine.total)


def _module(device: torch.device) -> Any:
    """Return torch's module for a type of device: `torch.cuda`, `torch.mps`, …"""
    return torch.get_device_module(device)


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
        raise ConfigError(f"not a device: {name}", hint=f"auto, cpu, {', '.join(ACCELERATORS)} or cuda:1") from None
    if device.type != "cpu" and not _is_available(device.type, device.index):
        raise ConfigError(f"--device {name} is not available", hint="--device cpu works everywhere")
    return device


def _best_device() -> torch.device:
    return torch.device(next(filter(_is_available, ACCELERATORS), "cpu"))


def _is_available(kind: str, index: int | None = None) -> bool:
    """Return whether torch can use a device; one of a type without a module, such as `meta`, cannot be used."""
    module = getattr(torch, kind, None)
    if module is None or not hasattr(module, "is_available") or not module.is_available():
        return False
    count = getattr(module, "device_count", None)
    return index is None or (count is not None and index < count())
