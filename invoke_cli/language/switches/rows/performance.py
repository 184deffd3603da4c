"""Switch rows: measures for memory and speed. They may change the last bits of a picture, so they are recorded."""

from __future__ import annotations

from invoke_cli.language.switches.switch import Group, Switch
from invoke_cli.language.switches.values import Choice, Flag

MEASURES: tuple[Switch, ...] = (
    Switch(
        field="offload",
        flags=("--offload",),
        value=Choice(options=("none", "model", "sequential", "group")),
        group=Group.LOOK,
        metavar="HOW",
        recorded="offload",
        example="--offload model",
        help="keep what is not at work off the GPU: model (one network there at a time), group (one block), "
        "sequential (one layer, slowest); none is the rule",
    ),
    Switch(
        field="attention",
        flags=("--attention",),
        value=Choice(options=("auto", "sdpa", "math", "flash", "efficient", "cudnn", "sliced")),
        group=Group.LOOK,
        metavar="NAME",
        recorded="attention",
        example="--attention math",
        help="how attention is worked out: auto, math (plain), flash, efficient or cudnn (on a GPU), sliced (UNets; "
        "least memory)",
    ),
    Switch(
        field="vae_tiling",
        flags=("--vae_tiling",),
        value=Flag(),
        group=Group.LOOK,
        recorded="vae_tiling",
        help="decode large pictures tile by tile, in less memory; the seams are blended",
    ),
    Switch(
        field="fast",
        flags=("--fast",),
        value=Choice(options=("none", "compile", "channels_last", "tf32")),
        group=Group.LOOK,
        metavar="NAME",
        recorded="fast",
        example="--fast channels_last",
        help="faster, with other last bits: compile (on a GPU; the first picture of a size takes minutes), tf32 (on a "
        "GPU), channels_last (UNets)",
    ),
)
