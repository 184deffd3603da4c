"""Switch rows: work after the picture, in the order in which it is done."""

from __future__ import annotations

from invoke_cli.language.switches.numbers import Integer, Integers, Number, Numbers
from invoke_cli.language.switches.switch import Group, Needs, Switch
from invoke_cli.language.switches.values import Choice, Flag, OptionalChoice, PromptText, Text

FACTOR = (1, 8)
SHARE = (0, 1)
MATCHINGS = ("histogram", "lab", "chroma")
FACETOOLS = ("gfpgan", "codeformer")

AFTER: tuple[Switch, ...] = (
    Switch(
        field="match_colors",
        flags=("--match_colors",),
        value=OptionalChoice(options=MATCHINGS, bare="lab"),
        group=Group.AFTER,
        needs=Needs.INIT,
        metavar="[histogram|lab|chroma]",
        recorded="match_colors",
        example="--match_colors lab",
        help="give the result the init image's colours, under a mask only inside it: the whole histogram, mean and "
        "spread in LAB, or the same without the lightness",
    ),
    Switch(
        field="facetool_strength",
        flags=("-G", "--facetool_strength", "--gfpgan_strength"),
        value=Number(low=0, high=1),
        group=Group.AFTER,
        metavar="STRENGTH",
        recorded="facetool_strength",
        example="-G 0.8",
        help="restore the face that fills the middle of the picture, and blend it in by so much",
    ),
    Switch(
        field="facetool",
        flags=("-ft", "--facetool"),
        value=Choice(options=FACETOOLS),
        group=Group.AFTER,
        metavar="TOOL",
        recorded="facetool",
        example="-ft gfpgan",
        help="the network that restores faces: gfpgan or codeformer (!help upscaling)",
    ),
    Switch(
        field="codeformer_fidelity",
        flags=("-cf", "--codeformer_fidelity"),
        value=Number(low=0, high=1),
        group=Group.AFTER,
        metavar="FIDELITY",
        recorded="codeformer_fidelity",
        example="-cf 0.75",
        help="how true codeformer stays to the face it is given: 0 free, 1 true",
    ),
    Switch(
        field="upscale",
        flags=("-U", "--upscale"),
        value=Numbers(ranges=(FACTOR, SHARE)),
        group=Group.AFTER,
        metavar="FACTOR [STRENGTH]",
        recorded="upscale",
        example="-U 2 0.3",
        help="enlarge the picture, the model itself drawing the detail, tile by tile, at this strength (0.25); of a "
        "network of --upscaler, its share",
    ),
    Switch(
        field="upscaler",
        flags=("--upscaler",),
        value=Text(),
        group=Group.AFTER,
        metavar="NAME",
        recorded="upscaler",
        example="--upscaler RealESRGAN_x4plus",
        help="what enlarges: a network's file (its name under the root's models/, or a path), or an x2 or x4 "
        "diffusion upscaler of models.yaml",
    ),
    Switch(
        field="embiggen",
        flags=("-embiggen", "--embiggen"),
        value=Numbers(ranges=(FACTOR, SHARE, (0, 2048))),
        group=Group.AFTER,
        metavar="FACTOR [SHARE [OVERLAP]]",
        recorded="embiggen",
        example="--embiggen 2 0.75 0.25",
        help="enlarge by --upscaler at this share, else smoothly, then let the model draw detail in tiles that overlap "
        "by a share of their side, or by pixels",
    ),
    Switch(
        field="embiggen_strength",
        flags=("--embiggen_strength",),
        value=Number(low=0, high=1),
        group=Group.AFTER,
        metavar="F",
        recorded="embiggen_strength",
        example="--embiggen_strength 0.4",
        help="how much of each tile to change",
    ),
    Switch(
        field="embiggen_tiles",
        flags=("--embiggen_tiles",),
        value=Integers(low=1, high=10_000, most=1000),
        group=Group.AFTER,
        metavar="N …",
        recorded="embiggen_tiles",
        example="--embiggen_tiles 1 4",
        help="draw detail in these tiles alone, counted by rows from 1",
    ),
    Switch(
        field="latent_up",
        flags=("--latent_up",),
        value=Integer(low=2, high=2, bare=2),
        group=Group.AFTER,
        metavar="2",
        recorded="latent_up",
        example="a castle | --latent_up 2",
        help="a stage of its own: the x2 latent upscaler, which takes the latents of the stage before",
    ),
    Switch(
        field="sr",
        flags=("--sr",),
        value=Integer(low=4, high=4, bare=4),
        group=Group.AFTER,
        metavar="4",
        recorded="sr",
        example="a castle | --sr 4",
        help="a stage of its own: the x4 diffusion upscaler",
    ),
    Switch(
        field="new_prompt",
        flags=("--new_prompt",),
        value=PromptText(),
        group=Group.AFTER,
        metavar="TEXT",
        recorded="new_prompt",
        example='--new_prompt "high quality, detailed, sharp"',
        help="the prompt for drawing detail, in the place of the picture's own",
    ),
    Switch(
        field="save_original",
        flags=("-save_orig", "--save_orig", "--save_original"),
        value=Flag(),
        group=Group.AFTER,
        help="keep the picture as it was before this work too, as a numbered image of its own",
    ),
    Switch(
        field="fix",
        flags=("--fix",),
        value=Flag(),
        group=Group.AFTER,
        needs=Needs.INIT,
        recorded="fix",
        help="draw nothing: do this work on the init image as it is, at its own size (what !fix says)",
    ),
)
