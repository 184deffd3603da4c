"""Switch rows: how the picture looks."""

from __future__ import annotations

from invoke_cli.language.switches.controls import Controls
from invoke_cli.language.switches.loras import Loras
from invoke_cli.language.switches.numbers import Integer, Number
from invoke_cli.language.switches.switch import Completes, Group, Switch
from invoke_cli.language.switches.values import Choice, Flag

LOOK: tuple[Switch, ...] = (
    Switch(
        field="eta",
        flags=("--eta",),
        value=Number(low=0, high=1),
        group=Group.LOOK,
        metavar="ETA",
        recorded="eta",
        example="--eta 0.5",
        help="how much noise ddim adds at every step, 0 none, 1 as much as ddpm; other samplers take none",
    ),
    Switch(
        field="clip_skip",
        flags=("--clip_skip",),
        value=Integer(low=0, high=12),
        group=Group.LOOK,
        metavar="LAYERS",
        recorded="clip_skip",
        example="--clip_skip 1",
        help="leave out so many of the text encoder's last layers (A1111 counts one more)",
    ),
    Switch(
        field="guidance_rescale",
        flags=("--cfg_rescale",),
        value=Number(low=0, high=1),
        group=Group.LOOK,
        metavar="SHARE",
        recorded="cfg_rescale",
        example="--cfg_rescale 0.7",
        help="take back so much of the contrast that strong guidance adds",
    ),
    Switch(
        field="threshold",
        flags=("--threshold",),
        value=Number(low=0, high=100),
        group=Group.LOOK,
        metavar="LIMIT",
        recorded="threshold",
        example="--threshold 10",
        help="draw latents beyond this limit back, against burnt colours at strong guidance; 0 is off",
    ),
    Switch(
        field="perlin",
        flags=("--perlin",),
        value=Number(low=0, high=1),
        group=Group.LOOK,
        metavar="SHARE",
        recorded="perlin",
        example="--perlin 0.1",
        help="mix so much cloud-like noise into the start",
    ),
    Switch(
        field="seamless",
        flags=("--seamless",),
        value=Flag(),
        group=Group.LOOK,
        recorded="seamless",
        help="make a picture that tiles: each side continues the opposite one",
    ),
    Switch(
        field="seamless_axes",
        flags=("--seamless_axes",),
        value=Choice(options=("x", "y", "xy", "x,y")),
        group=Group.LOOK,
        metavar="x|y|xy",
        recorded="seamless_axes",
        example="--seamless_axes x",
        help="tile along these axes alone",
    ),
    Switch(
        field="hires_fix",
        flags=("--hires_fix",),
        value=Flag(),
        group=Group.LOOK,
        recorded="hires_fix",
        help="paint a size beyond the model's own in two passes: first at its own area, where -V and -v vary, then "
        "enlarged and painted over at strength -f; short for a chain",
    ),
    Switch(
        field="h_symmetry_time_pct",
        flags=("--h_symmetry_time_pct",),
        value=Number(low=0, high=1),
        group=Group.LOOK,
        metavar="WHEN",
        recorded="h_symmetry_time_pct",
        example="--h_symmetry_time_pct 0.1",
        help="mirror the left half onto the right one after this share of the steps",
    ),
    Switch(
        field="v_symmetry_time_pct",
        flags=("--v_symmetry_time_pct",),
        value=Number(low=0, high=1),
        group=Group.LOOK,
        metavar="WHEN",
        recorded="v_symmetry_time_pct",
        example="--v_symmetry_time_pct 0.1",
        help="mirror the upper half onto the lower one after this share of the steps",
    ),
    Switch(
        field="loras",
        flags=("--lora",),
        value=Loras(),
        group=Group.LOOK,
        metavar="NAME[:W]",
        recorded="loras",
        completes=Completes.LORA,
        example="--lora film:0.8",
        adds_up=True,
        help="a LoRA of the folder loras of your root, and how strongly it works; several add up",
    ),
    Switch(
        field="controls",
        flags=("--control",),
        value=Controls(),
        group=Group.LOOK,
        metavar="KIND:IMAGE[:W]",
        recorded="controls",
        example="--control canny:photo.jpg:0.8",
        adds_up=True,
        help="let a second picture guide this one: its edges (canny, softedge), one made for it (depth, pose, "
        "scribble …), or as a prompt (ip); several add up (!help control)",
    ),
)
