"""Switch rows: the init image and how it is used."""

from __future__ import annotations

from invoke_cli.language.switches.numbers import Integer, Number
from invoke_cli.language.switches.switch import Completes, Group, Needs, Switch
from invoke_cli.language.switches.values import Colour, Flag, Text

STRENGTH_WORDS = {"light": 0.3, "balanced": 0.5, "heavy": 0.8}

INIT_IMAGE: tuple[Switch, ...] = (
    Switch(
        field="init_image",
        flags=("-I", "--init_img"),
        value=Text(),
        group=Group.INIT_IMAGE,
        metavar="IMAGE",
        recorded="init_image",
        completes=Completes.START,
        example="-I sketch.png",
        help="start from this image: a path, a name in outputs, -1 or @last for the last result, @last2, !17, the "
        "start of a name, or a URL; @last:4 resumes from its step 4, a .safetensors file from saved latents; a "
        "pattern or folder runs the line for each image",
    ),
    Switch(
        field="strength",
        flags=("-f", "--strength"),
        value=Number(low=0, high=1, words=STRENGTH_WORDS, several=True),
        group=Group.INIT_IMAGE,
        needs=Needs.INIT,
        metavar="F",
        default="0.75",
        recorded="strength_steps",
        example="-f 0.6",
        help="how much of the init image to change: 0 nothing, 0.3 light, 0.5 balanced, 0.8 heavy, 1 all; a list "
        ".6,.4,.2 refines in stages",
    ),
    Switch(
        field="fit",
        flags=("-T", "-F", "-fit", "--fit"),
        value=Flag(),
        group=Group.INIT_IMAGE,
        needs=Needs.INIT,
        recorded="fit",
        help="scale the init image to fit inside width x height, keeping its aspect ratio",
    ),
    Switch(
        field="pad",
        flags=("--pad",),
        value=Colour(),
        group=Group.INIT_IMAGE,
        needs=Needs.INIT,
        metavar="COLOUR",
        recorded="pad",
        help="centre the init image on a canvas of width x height and crop the margin off the result; --pad=white "
        "changes the colour from black",
    ),
    Switch(
        field="crop",
        flags=("--crop",),
        value=Flag(),
        group=Group.INIT_IMAGE,
        needs=Needs.INIT,
        recorded="crop",
        help="scale the init image to fill width x height and crop the overflow",
    ),
    Switch(
        field="stretch",
        flags=("--stretch",),
        value=Flag(),
        group=Group.INIT_IMAGE,
        needs=Needs.INIT,
        recorded="stretch",
        help="stretch the init image to width x height, ignoring its aspect ratio",
    ),
    Switch(
        field="real_steps",
        flags=("--real_steps",),
        value=Integer(low=1, high=1000),
        group=Group.INIT_IMAGE,
        needs=Needs.INIT,
        metavar="N",
        recorded="real_steps",
        example="--real_steps 20",
        help="run exactly N steps at any strength, by lengthening the schedule",
    ),
)
