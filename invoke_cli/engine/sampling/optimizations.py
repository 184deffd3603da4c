"""Optimizations for memory and speed that a line requests: their requirements and effects. All end with the job."""

from __future__ import annotations

import inspect
import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from invoke_cli.engine.devices import Device
from invoke_cli.engine.loading.load import LoadedModel
from invoke_cli.engine.sampling.patching import patched
from invoke_cli.errors import PlanError
from invoke_cli.events import Emit, Notice
from invoke_cli.models.families.family import Family
from invoke_cli.request import GenerationRequest

Apply = Callable[[LoadedModel, ExitStack], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Optimization:
    """A row of the optimization table: one value of a request field.

    Attributes:
        needs_gpu: Whether it needs an accelerator.
        needs_cuda: Whether it needs CUDA.
        needs_unet: Whether only models with a UNet support it.
        needs_float32: Whether it makes sense only where models run in float32.
        apply: Applies it and registers its undo on the stack; None if loading the model applies it.
        notice: A notice to show when it is applied.
    """

    field: str
    value: object
    needs_gpu: bool = False
    needs_cuda: bool = False
    needs_unet: bool = False
    needs_float32: bool = False
    apply: Apply | None = None
    notice: str = ""


def _kernel(backend: SDPBackend) -> Apply:
    return lambda _, stack: stack.enter_context(sdpa_kernel(backend))


def _sliced(loaded: LoadedModel, stack: ExitStack) -> None:
    before = dict(loaded.denoiser.attn_processors)
    loaded.denoiser.set_attention_slice("max")
    stack.callback(loaded.denoiser.set_attn_processor, before)


def _tiled(loaded: LoadedModel, stack: ExitStack) -> None:
    loaded.vae.enable_tiling()
    stack.callback(loaded.vae.disable_tiling)


def _channels_last(loaded: LoadedModel, stack: ExitStack) -> None:
    loaded.denoiser.to(memory_format=torch.channels_last)
    stack.callback(loaded.denoiser.to, memory_format=torch.contiguous_format)


def _compiled(loaded: LoadedModel, stack: ExitStack) -> None:
    """Compile the repeated blocks. They stay compiled in memory, but are bypassed when the job ends."""
    denoiser: Any = loaded.denoiser
    names = getattr(denoiser, "_repeated_blocks", None) or ()
    blocks = [module for module in denoiser.modules() if type(module).__name__ in names]
    for block in blocks:
        block.compile()
        stack.callback(setattr, block, "_compiled_call_impl", None)


def _in_bfloat16(loaded: LoadedModel, stack: ExitStack) -> None:
    """Run the denoiser in bfloat16; what it takes and returns, and so the scheduler's arithmetic, stays in float32."""
    denoiser: Any = loaded.denoiser
    for module in denoiser.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.dtype is torch.float32:
                narrow = torch.nn.Parameter(parameter.detach().to(torch.bfloat16), requires_grad=False)
                stack.callback(setattr, module, name, parameter)
                setattr(module, name, narrow)
        for name, buffer in module.named_buffers(recurse=False):
            if buffer.dtype is torch.float32:
                stack.callback(setattr, module, name, buffer)
                setattr(module, name, buffer.to(torch.bfloat16))
    stack.enter_context(patched(denoiser, forward=_bfloat16_forward(denoiser.forward)))


def _bfloat16_forward(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Return a forward pass in bfloat16. The timestep stays as it is: bfloat16 cannot tell 999 from 1000."""
    signature = inspect.signature(forward)

    @wraps(forward)
    def converted(*arguments: Any, **named: Any) -> Any:
        bound = signature.bind(*arguments, **named)
        for name, value in bound.arguments.items():
            if name != "timestep":
                bound.arguments[name] = _cast(value, torch.float32, torch.bfloat16)
        return _cast(forward(*bound.args, **bound.kwargs), torch.bfloat16, torch.float32)

    return converted


def _cast(value: Any, source: torch.dtype, target: torch.dtype) -> Any:
    """Convert the tensors of one dtype in nested containers to another."""
    if isinstance(value, torch.Tensor):
        return value.to(target) if value.dtype is source else value
    if isinstance(value, Mapping):
        return type(value)(**{key: _cast(each, source, target) for key, each in value.items()})
    if isinstance(value, (list, tuple)):
        return type(value)(_cast(each, source, target) for each in value)
    return value


def _tf32(_: LoadedModel, stack: ExitStack) -> None:
    stack.callback(torch.set_float32_matmul_precision, torch.get_float32_matmul_precision())
    torch.set_float32_matmul_precision("high")


OPTIMIZATIONS: tuple[Optimization, ...] = (
    *(Optimization(field="offload", value=how, needs_gpu=True) for how in ("model", "sequential", "group")),
    Optimization(field="attention", value="math", apply=_kernel(SDPBackend.MATH)),
    Optimization(field="attention", value="flash", needs_cuda=True, apply=_kernel(SDPBackend.FLASH_ATTENTION)),
    Optimization(field="attention", value="efficient", needs_cuda=True, apply=_kernel(SDPBackend.EFFICIENT_ATTENTION)),
    Optimization(field="attention", value="cudnn", needs_cuda=True, apply=_kernel(SDPBackend.CUDNN_ATTENTION)),
    Optimization(field="attention", value="sliced", needs_unet=True, apply=_sliced),
    Optimization(field="vae_tiling", value=True, apply=_tiled),
    Optimization(field="fast", value="bfloat16", needs_float32=True, apply=_in_bfloat16),
    Optimization(field="fast", value="channels_last", needs_unet=True, apply=_channels_last),
    Optimization(field="fast", value="tf32", needs_cuda=True, apply=_tf32),
    Optimization(
        field="fast", value="compile", needs_gpu=True, apply=_compiled,
        notice="compiling: the first image of each size takes minutes, later ones are faster",
    ),
)  # fmt: skip
_WHY: Mapping[str, str] = {
    "offload": "it moves weights off a GPU",
    "attention": "its kernels run on a GPU",
    "fast": "it is a GPU feature",
}


def requested(request: GenerationRequest) -> Iterator[Optimization]:
    """Yield the optimizations that a request contains."""
    for row in OPTIMIZATIONS:
        value = getattr(request, row.field)
        if row.value in (value.split(",") if isinstance(value, str) else (value,)):
            yield row


def best_optimizations(family: Family, device: Device) -> str:
    """Return the names of `--fast` that pay on a device, as measured (see docs/performance.md); empty for none."""
    if device.kind != "cpu" or device.dtype is not torch.float32 or not has_bfloat16_instructions():
        return ""
    return "bfloat16,channels_last" if family.denoiser == "unet" else "bfloat16"


def has_bfloat16_instructions() -> bool:
    """Return whether the processor multiplies in bfloat16 itself; otherwise torch emulates it, which is slower."""
    if platform.machine().lower() in ("arm64", "aarch64"):
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def offload_mode(request: GenerationRequest, device: Device) -> str:
    """Return how idle weights are kept off the device: `auto` means `model` on a GPU and `none` elsewhere."""
    if request.offload == "auto":
        return "model" if device.is_accelerator else "none"
    return request.offload or "none"


def check_optimizations(request: GenerationRequest, family: Family, device: Device) -> None:
    """Check the requested optimizations against the device and the family, before anything is loaded.

    Raises:
        PlanError: The device or the family does not support one of them.
    """
    for row in requested(request):
        name = f"--{row.field} {row.value}"
        if (row.needs_gpu and not device.is_accelerator) or (row.needs_cuda and not device.is_cuda):
            needed = "an NVIDIA GPU" if row.needs_cuda else "a GPU"
            message = f"{name} needs {needed} and this is {device.label}: {_WHY[row.field]}"
            raise PlanError(message, hint="remove it, or start with --device cuda", field=row.field)
        if row.needs_float32 and device.dtype is not torch.float32:
            message = f"{name} has no effect: models run in {device.dtype_name} already"
            raise PlanError(message, hint="remove it, or start with --precision float32", field=row.field)
        if row.needs_unet and family.denoiser != "unet":
            message = f"{name} works only with models that have a UNet; {family.label} has a transformer"
            raise PlanError(message, hint="remove it; --attention math works with every model", field=row.field)


@contextmanager
def optimizations(loaded: LoadedModel, request: GenerationRequest, emit: Emit) -> Iterator[None]:
    """Apply the requested optimizations while the job runs."""
    with ExitStack() as stack:
        for row in requested(request):
            if row.notice:
                emit(Notice(text=row.notice))
            if row.apply is not None:
                row.apply(loaded, stack)
        yield
