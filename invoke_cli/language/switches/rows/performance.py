"""Switch rows: memory and speed optimizations. They may change low-order bits of the image, so they are recorded."""

from __future__ import annotations

from invoke_cli.language.switches.switch import Group, Switch
from invoke_cli.language.switches.values import Choice, Choices, Flag

# Names in InvokeAI, A1111 and ComfyUI.
_RETIRED = (
    ("xformers", "sdpa"), ("torch_sdp", "sdpa"), ("sage", "sdpa"),
    ("normal", "math"), ("split", "sliced"), ("sub_quad", "sliced"),
)  # fmt: skip

PERFORMANCE: tuple[Switch, ...] = (
    Switch(
        field="offload",
        flags=("--offload",),
        value=Choice(options=("none", "auto", "model", "sequential", "group")),
        group=Group.LOOK,
        metavar="HOW",
        recorded="offload",
        example="--offload model",
        help="keep idle weights off the GPU: model (one network on the GPU at a time), group (one block), sequential "
        "(one layer, slowest), auto (model on a GPU, none elsewhere) or none (default)",
    ),
    Switch(
        field="attention",
        flags=("--attention",),
        value=Choice(options=("auto", "sdpa", "math", "flash", "efficient", "cudnn", "sliced"), retired=_RETIRED),
        group=Group.LOOK,
        metavar="NAME",
        recorded="attention",
        example="--attention math",
        help="attention implementation: auto, sdpa, math (plain), flash, efficient or cudnn (GPU only), sliced (UNets "
        "only, least memory)",
    ),
    Switch(
        field="vae_tiling",
        flags=("--vae_tiling",),
        value=Flag(),
        group=Group.LOOK,
        recorded="vae_tiling",
        help="decode large images tile by tile to save memory; the seams are blended",
    ),
    Switch(
        field="fast",
        flags=("--fast",),
        value=Choices(options=("none", "auto", "bfloat16", "channels_last", "compile", "tf32"), alone=("none", "auto")),
        group=Group.LOOK,
        metavar="NAMES",
        recorded="fast",
        example="--fast auto",
        help="speed-ups that change low-order bits, with commas between them: bfloat16 (denoise in half the "
        "precision), channels_last (UNets only), compile (GPU only; the first image of a size takes minutes), tf32 "
        "(GPU only); auto chooses those that pay on this processor",
    ),
)
