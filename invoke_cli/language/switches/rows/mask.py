"""Switch rows: which part of the init image is painted."""

from __future__ import annotations

from invoke_cli.language.switches.numbers import Integer
from invoke_cli.language.switches.phrases import MaskWords, Sides
from invoke_cli.language.switches.switch import Completes, Group, Needs, Switch
from invoke_cli.language.switches.values import Choice, Flag, Text

MASK: tuple[Switch, ...] = (
    Switch(
        field="init_mask",
        flags=("-M", "--init_mask"),
        value=Text(),
        group=Group.MASK,
        needs=Needs.INIT,
        metavar="IMAGE",
        recorded="init_mask",
        completes=Completes.IMAGE,
        example="-M mask.png",
        help="paint only where this image is transparent or, without transparency, white; without it the init "
        "image's own transparent parts are painted",
    ),
    Switch(
        field="invert_mask",
        flags=("--invert_mask",),
        value=Flag(),
        group=Group.MASK,
        needs=Needs.MASK,
        recorded="invert_mask",
        help="paint what the mask would keep, and keep what it would paint",
    ),
    Switch(
        field="mask_polarity",
        flags=("--mask_polarity",),
        value=Choice(options=("white", "black")),
        group=Group.MASK,
        needs=Needs.MASK,
        metavar="white|black",
        recorded="mask_polarity",
        example="--mask_polarity black",
        help="what a mask without transparency paints: white, the rule, or black for scripts of InvokeAI 2.x",
    ),
    Switch(
        field="mask_blur",
        flags=("--mask_blur",),
        value=Integer(low=0, high=500),
        group=Group.MASK,
        needs=Needs.MASK,
        metavar="PIXELS",
        default="8",
        recorded="mask_blur",
        example="--mask_blur 16",
        help="how wide the painted part fades into the kept one, inside the mask",
    ),
    Switch(
        field="mask_grow",
        flags=("--mask_grow",),
        value=Integer(low=0, high=500),
        group=Group.MASK,
        needs=Needs.MASK,
        metavar="PIXELS",
        default="0",
        recorded="mask_grow",
        example="--mask_grow 12",
        help="paint so far beyond the mask's edge",
    ),
    Switch(
        field="text_mask",
        flags=("-tm", "--text_mask"),
        value=MaskWords(),
        group=Group.MASK,
        needs=Needs.INIT,
        metavar="WORDS [THRESHOLD]",
        recorded="text_mask",
        example="-tm face AND NOT hair 0.4",
        help="paint what these words name, found by CLIPSeg; AND, OR, NOT and brackets join them; a threshold, 0.5, "
        "may end them",
    ),
    Switch(
        field="outcrop",
        flags=("-c", "--outcrop"),
        value=Sides(),
        group=Group.MASK,
        needs=Needs.INIT,
        metavar="SIDE PIXELS …",
        recorded="outcrop",
        example="-c top 64 right 128",
        help="extend the init image beyond its sides (top, bottom, left, right, all) and paint what is new; the "
        "strength is then 0.9",
    ),
)
