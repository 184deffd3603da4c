"""Switch rows: which part of the init image is repainted."""

from __future__ import annotations

from invoke_cli.language.switches.numbers import Integer
from invoke_cli.language.switches.phrases import MaskWords, Sides
from invoke_cli.language.switches.switch import Completes, Group, Needs, Switch
from invoke_cli.language.switches.values import Choice, Flag, Text

_SHIFTED = "-D means -c here: the image grows at these sides; InvokeAI 2.x shifted it and kept its size"

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
        help="paint only where this image is transparent or, if it has no transparency, white; by default, the "
        "transparent areas of the init image are painted",
    ),
    Switch(
        field="invert_mask",
        flags=("--invert_mask",),
        value=Flag(),
        group=Group.MASK,
        needs=Needs.MASK,
        recorded="invert_mask",
        help="invert the mask: paint what it would keep",
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
        help="which areas of a mask without transparency are painted: white (default), or black for InvokeAI 2.x "
        "scripts",
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
        help="width of the soft edge of the painted area, inside the mask",
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
        help="extend the painted area beyond the edge of the mask",
    ),
    Switch(
        field="mask_match",
        flags=("--mask_match",),
        value=Integer(low=0, high=1, bare=1),
        group=Group.MASK,
        needs=Needs.MASK,
        metavar="0|1",
        default="1",
        recorded="mask_match",
        example="--mask_match 0",
        help="shift the colours of the painted area to match the pixels around it; 0 keeps exactly the pixels that the "
        "model generated",
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
        help="paint what these words describe, detected by CLIPSeg; combine words with AND, OR, NOT and brackets; an "
        "optional threshold comes last (default 0.5)",
    ),
    Switch(
        field="outcrop",
        flags=("-c", "-D", "--out_direction", "--outcrop"),
        value=Sides(),
        group=Group.MASK,
        needs=Needs.INIT,
        metavar="SIDE PIXELS …",
        recorded="outcrop",
        example="-c top 64 right 128",
        help="extend the init image at these sides (top, bottom, left, right, all) and paint the new areas, at "
        "strength 0.9 by default",
        differing=dict.fromkeys(("-D", "--out_direction"), _SHIFTED),
    ),
)
