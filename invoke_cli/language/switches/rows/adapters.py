"""Rows of the switch table: LoRAs and control images."""

from __future__ import annotations

from invoke_cli.language.switches.named_values import Controls, Loras
from invoke_cli.language.switches.switch import Completes, Group, Switch

ADAPTERS: tuple[Switch, ...] = (
    Switch(
        field="loras",
        flags=("--lora",),
        value=Loras(),
        group=Group.LOOK,
        metavar="NAME[:W]",
        recorded="loras",
        completes=Completes.LORA,
        example="--lora film:0.8",
        is_repeatable=True,
        help="apply a LoRA from the loras folder of your root, with this weight; repeat the switch to combine several",
    ),
    Switch(
        field="controls",
        flags=("--control",),
        value=Controls(),
        group=Group.LOOK,
        metavar="KIND:IMAGE[:W]",
        recorded="controls",
        example="--control canny:photo.jpg:0.8",
        is_repeatable=True,
        help="guide the image by a second one: its edges (canny, softedge), a map (depth, pose, scribble …), or as "
        "part of the prompt (ip); repeat the switch to combine several (!help control)",
    ),
)
