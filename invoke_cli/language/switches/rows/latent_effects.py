"""Rows of the switch table: sampling options and latent effects."""

from __future__ import annotations

from invoke_cli.language.switches.numbers import Integer, Number
from invoke_cli.language.switches.switch import Group, Switch
from invoke_cli.language.switches.values import Choice, Flag

LATENT_EFFECTS: tuple[Switch, ...] = (
    Switch(
        field="eta",
        flags=("--eta",),
        value=Number(low=0, high=1),
        group=Group.LOOK,
        metavar="ETA",
        recorded="eta",
        example="--eta 0.5",
        help="noise that ddim adds at each step: 0 none, 1 as much as ddpm; other samplers ignore it",
    ),
    Switch(
        field="clip_skip",
        flags=("--clip_skip",),
        value=Integer(low=0, high=12),
        group=Group.LOOK,
        metavar="LAYERS",
        recorded="clip_skip",
        example="--clip_skip 1",
        help="number of last text encoder layers to skip (one less than in A1111)",
    ),
    Switch(
        field="guidance_rescale",
        flags=("--cfg_rescale",),
        value=Number(low=0, high=1),
        group=Group.LOOK,
        metavar="SHARE",
        recorded="cfg_rescale",
        example="--cfg_rescale 0.7",
        help="rescale guidance by this fraction, to reduce the contrast that strong guidance adds",
    ),
    Switch(
        field="threshold",
        flags=("--threshold",),
        value=Number(low=0, high=100),
        group=Group.LOOK,
        metavar="LIMIT",
        recorded="threshold",
        example="--threshold 10",
        help="clamp latents above this value, to avoid oversaturated colours at strong guidance; 0 is off",
    ),
    Switch(
        field="perlin",
        flags=("--perlin",),
        value=Number(low=0, high=1),
        group=Group.LOOK,
        metavar="SHARE",
        recorded="perlin",
        example="--perlin 0.1",
        help="fraction of Perlin noise to mix into the initial noise",
    ),
    Switch(
        field="seamless",
        flags=("--seamless",),
        value=Flag(),
        group=Group.LOOK,
        recorded="seamless",
        help="generate a seamless tile: opposite sides join",
    ),
    Switch(
        field="seamless_axes",
        flags=("--seamless_axes",),
        value=Choice(options=("x", "y", "xy", "x,y")),
        group=Group.LOOK,
        metavar="x|y|xy",
        recorded="seamless_axes",
        example="--seamless_axes x",
        help="make the image seamless only along these axes",
    ),
    Switch(
        field="hires_fix",
        flags=("--hires_fix",),
        value=Flag(),
        group=Group.LOOK,
        recorded="hires_fix",
        help="generate sizes above the model's native size in two passes: first at the native area, where -V and -v "
        "apply, then enlarged and refined at strength -f",
    ),
    Switch(
        field="h_symmetry_time_pct",
        flags=("--h_symmetry_time_pct",),
        value=Number(low=0, high=1),
        group=Group.LOOK,
        metavar="WHEN",
        recorded="h_symmetry_time_pct",
        example="--h_symmetry_time_pct 0.1",
        help="mirror the left half onto the right half after this fraction of the steps",
    ),
    Switch(
        field="v_symmetry_time_pct",
        flags=("--v_symmetry_time_pct",),
        value=Number(low=0, high=1),
        group=Group.LOOK,
        metavar="WHEN",
        recorded="v_symmetry_time_pct",
        example="--v_symmetry_time_pct 0.1",
        help="mirror the upper half onto the lower half after this fraction of the steps",
    ),
    Switch(
        field="prompt_syntax",
        flags=("--prompt_syntax",),
        value=Choice(options=("invoke", "a1111")),
        group=Group.LOOK,
        metavar="invoke|a1111",
        recorded="prompt_syntax",
        example="--prompt_syntax a1111",
        help="read prompts by the rules of this program (invoke) or by A1111's: (words) 1.1, [words] 1/1.1, "
        "(words:1.3), BREAK, __list__",
    ),
)
