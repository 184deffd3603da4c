"""A simulated accelerator: tensors on the device `sim` hold a tensor of the processor with their values.

Mixing devices raises an error as on a GPU. Operations, transfers and synchronisations are counted, and live bytes too:
beyond a limit an allocation raises `torch.OutOfMemoryError`. `install()` registers it once in a process.
"""

# mypy: allow-untyped-calls, disable-error-code="no-any-return,misc,override"

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import library
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

NAME = "sim"
TOTAL = 8 << 30
_aten = torch.ops.aten
_COPIES = {_aten._to_copy.default, _aten.copy_.default}
_READS = {_aten._local_scalar_dense.default, _aten.equal.default, _aten.nonzero.default, _aten.is_nonzero.default}


class Memory:
    """The live bytes of the device, each storage counted once."""

    def __init__(self) -> None:
        self.limit: int = TOTAL
        self.live = self.peak = 0
        self._counted: set[int] = set()

    def add(self, held: torch.Tensor) -> None:
        """Count the storage of a tensor until it is freed. Raises OutOfMemoryError beyond the limit."""
        storage = held.untyped_storage()
        key = storage._cdata
        if key in self._counted:
            return
        size = storage.nbytes()
        if self.live + size > self.limit:
            raise torch.OutOfMemoryError(f"sim out of memory: tried to allocate {size} bytes, {self.live} are in use")
        self._counted.add(key)
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._free, key, size)

    def _free(self, key: int, size: int) -> None:
        self._counted.discard(key)
        self.live -= size


MEMORY = Memory()
COUNTS: Counter[str] = Counter()


class SimulatedTensor(torch.Tensor):
    """A tensor on the device; `held` has its values."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor, requires_grad: bool = False) -> Any:
        if held.device.type == "meta":
            return torch.nn.Parameter(held, requires_grad)  # a placeholder of accelerate, in place of a parameter
        tensor = torch.Tensor._make_wrapper_subclass(
            cls, held.size(), strides=held.stride(), storage_offset=held.storage_offset(), dtype=held.dtype,
            layout=held.layout, device=torch.device(NAME, 0), requires_grad=requires_grad or held.requires_grad,
        )  # fmt: skip
        tensor.held = held
        MEMORY.add(held)
        return tensor

    def tolist(self) -> Any:
        """Return the values, which waits for the device."""
        COUNTS["synchronisations"] += 1
        return self.held.tolist()

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


class _Everywhere(TorchDispatchMode):
    """Sees operations without simulated tensors, too: factories and copies to the device."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Run an operation on the processor, and wrap its results if they are on the device."""
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    on_device = any(isinstance(tensor, SimulatedTensor) for tensor in tensors)
    _check_devices(func, tensors, on_device)
    COUNTS["operations"] += on_device
    COUNTS["synchronisations"] += on_device and func in _READS
    device = kwargs.get("device")
    to_device = on_device if device is None else torch.device(device).type == NAME
    inner = {**kwargs, "device": torch.device("cpu")} if device is not None and to_device else kwargs
    if isinstance(inner.get("generator"), SimulatedGenerator):
        inner = {**inner, "generator": inner["generator"].held}
    result = func(*tree_map(_unwrap, args), **tree_map(_unwrap, inner))
    if func in _COPIES and (device is not None or func is _aten.copy_.default):
        _count_transfer(func, args, to_device)
    if func in _READS or not to_device:
        return result
    if func._schema.name[-1] == "_" and args and isinstance(args[0], SimulatedTensor):
        return args[0]
    out = kwargs.get("out")
    return out if isinstance(out, SimulatedTensor) else tree_map(_wrap, result)


def _check_devices(func: Any, tensors: list[torch.Tensor], on_device: bool) -> None:
    on_host = [each for each in tensors if not isinstance(each, SimulatedTensor) and each.dim() > 0]
    if on_device and on_host and func not in _COPIES and "index" not in func.__name__:
        message = f"Expected all tensors to be on the same device, but found {NAME}:0 and cpu ({func})"
        raise RuntimeError(message)


def _count_transfer(func: Any, args: Any, to_device: bool) -> None:
    source = args[1] if func is _aten.copy_.default else args[0]
    was_on_device = isinstance(source, SimulatedTensor)
    if was_on_device != to_device:
        COUNTS["to_device" if to_device else "to_host"] += 1


def _unwrap(value: Any) -> Any:
    return value.held if isinstance(value, SimulatedTensor) else value


def _wrap(value: Any) -> Any:
    is_plain = isinstance(value, torch.Tensor) and not isinstance(value, SimulatedTensor)
    return SimulatedTensor(value) if is_plain else value


class SimulatedGenerator:
    """A generator on the device, which draws what one of the processor would."""

    def __init__(self) -> None:
        self.held = torch.Generator("cpu")


class _Module:
    """What `torch.sim` offers: that of `torch.cuda` that the program may use."""

    def is_available(self) -> bool:
        return True

    def device_count(self) -> int:
        return 1

    def current_device(self) -> int:
        return 0

    def _is_in_bad_fork(self) -> bool:
        return False

    def manual_seed_all(self, seed: int) -> None:
        pass

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.float16, torch.bfloat16]

    def get_device_name(self, device: object = None) -> str:
        return "Simulated Accelerator"

    def mem_get_info(self, device: object = None) -> tuple[int, int]:
        return MEMORY.limit - MEMORY.live, TOTAL

    def memory_allocated(self, device: object = None) -> int:
        return MEMORY.live

    memory_reserved = memory_allocated

    def max_memory_allocated(self, device: object = None) -> int:
        return MEMORY.peak

    def reset_peak_memory_stats(self, device: object = None) -> None:
        MEMORY.peak = MEMORY.live

    def empty_cache(self) -> None:
        pass

    def synchronize(self, device: object = None) -> None:
        COUNTS["synchronisations"] += 1


def _empty_strided(size: Any, stride: Any, *, dtype: Any = None, **_: Any) -> torch.Tensor:
    return SimulatedTensor(torch.empty_strided(size, stride, dtype=dtype, device="cpu"))


def _empty(size: Any, *, dtype: Any = None, memory_format: Any = None, **_: Any) -> torch.Tensor:
    return SimulatedTensor(
        torch.empty(size, dtype=dtype, device="cpu", memory_format=memory_format or torch.contiguous_format)
    )


def _copy_from(source: torch.Tensor, target: torch.Tensor, non_blocking: bool = False) -> torch.Tensor:
    COUNTS["to_device" if isinstance(target, SimulatedTensor) else "to_host"] += 1
    _unwrap(target).copy_(_unwrap(source))
    return target


# What torch runs where neither a simulated tensor nor the mode is asked, such as inside `torch.tensor(…, device=…)`.
_KERNELS = {"empty_strided": _empty_strided, "empty.memory_format": _empty, "_copy_from": _copy_from}
_LIBRARY = library.Library("aten", "IMPL")


def install() -> None:
    """Register the device, once in a process."""
    if getattr(torch, NAME, None) is None:
        _setup_privateuseone_for_python_backend(NAME, backend_module=_Module())
        for name, kernel in _KERNELS.items():
            _LIBRARY.impl(name, kernel, "PrivateUse1")


@contextmanager
def simulated() -> Iterator[None]:
    """Make the device usable in this thread, with counters at zero."""
    install()
    COUNTS.clear()
    MEMORY.limit, MEMORY.peak = TOTAL, MEMORY.live
    with _Everywhere():
        yield
