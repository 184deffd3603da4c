"""Switch rows: postprocessing, in the order in which it runs."""

from __future__ import annotations

from invoke_cli.language.switches.named_values import Postprocessors
from invoke_cli.language.switches.numbers import Integer, Integers, Number, Numbers
from invoke_cli.language.switches.switch import Group, Needs, Switch
from invoke_cli.language.switches.values import Choice, Flag, OptionalMethod, PromptText, Text

FACTOR = (1, 8)
SCALE = (0.1, 8)
SHARE = (0, 1)
MATCHING_METHODS = ("histogram", "lab", "chroma")
FACETOOLS = ("gfpgan", "codeformer")

POSTPROCESS: tuple[Switch, ...] = (
    Switch(
        field="match_colors",
        flags=("--match_colors",),
        value=OptionalMethod(options=MATCHING_METHODS, bare="lab"),
        group=Group.POSTPROCESS,
        needs=Needs.INIT,
        metavar="[histogram|lab|chroma][:IMAGE]",
        recorded="match_colors",
        example="--match_colors lab",
        help="transfer the colours of the init image, or of another image after a colon, to the result (with a mask, "
        "only inside it): histogram, lab (mean and spread), or chroma (lab without the lightness)",
    ),
    Switch(
        field="facetool_strength",
        flags=("-G", "--gfpgan_strength", "--facetool_strength"),
        value=Number(low=0, high=1),
        group=Group.POSTPROCESS,
        metavar="STRENGTH",
        recorded="facetool_strength",
        example="-G 0.8",
        help="restore the face in the middle of the image and blend it in at this strength",
    ),
    Switch(
        field="facetool",
        flags=("-ft", "--facetool"),
        value=Choice(options=FACETOOLS),
        group=Group.POSTPROCESS,
        metavar="TOOL",
        recorded="facetool",
        example="-ft gfpgan",
        help="face restoration network: gfpgan or codeformer (!help upscaling)",
    ),
    Switch(
        field="codeformer_fidelity",
        flags=("-cf", "--codeformer_fidelity"),
        value=Number(low=0, high=1),
        group=Group.POSTPROCESS,
        metavar="FIDELITY",
        recorded="codeformer_fidelity",
        example="-cf 0.75",
        help="how closely codeformer keeps the original face: 0 loosely, 1 exactly",
    ),
    Switch(
        field="upscale",
        flags=("-U", "--upscale"),
        value=Numbers(ranges=(FACTOR, SHARE)),
        group=Group.POSTPROCESS,
        metavar="FACTOR [STRENGTH]",
        recorded="upscale",
        example="-U 2 0.3",
        help="upscale the image; the model adds detail tile by tile at this strength (default 0.25); with a network "
        "from --upscaler, the second number is its blend ratio",
    ),
    Switch(
        field="upscaler",
        flags=("--upscaler",),
        value=Text(),
        group=Group.POSTPROCESS,
        metavar="NAME",
        recorded="upscaler",
        example="--upscaler RealESRGAN_x4plus",
        help="upscaler to use: a network file (a name in models/ of the root, or a path), or an x2 or x4 diffusion "
        "upscaler (a name in models.yaml, or the path of its folder)",
    ),
    Switch(
        field="embiggen",
        flags=("-embiggen", "--embiggen"),
        value=Numbers(ranges=(SCALE, SHARE, (0, 2048))),
        group=Group.POSTPROCESS,
        metavar="FACTOR [SHARE [OVERLAP]]",
        recorded="embiggen",
        example="--embiggen 2 0.75 0.25",
        help="upscale with --upscaler at this blend ratio, or smoothly without one, then add detail with the model in "
        "tiles that overlap by a fraction of their side, or by pixels",
    ),
    Switch(
        field="embiggen_strength",
        flags=("--embiggen_strength", "-embiggen_strength"),
        value=Number(low=0, high=1),
        group=Group.POSTPROCESS,
        metavar="F",
        recorded="embiggen_strength",
        example="--embiggen_strength 0.4",
        help="how much of each --embiggen tile to change",
    ),
    Switch(
        field="embiggen_tiles",
        flags=("--embiggen_tiles", "-embiggen_tiles"),
        value=Integers(low=1, high=10_000, most=1000),
        group=Group.POSTPROCESS,
        metavar="N …",
        recorded="embiggen_tiles",
        example="--embiggen_tiles 1 4",
        help="add detail only in these tiles, counted from 1, row by row",
    ),
    Switch(
        field="latent_up",
        flags=("--latent_up",),
        value=Integer(low=2, high=2, bare=2),
        group=Group.POSTPROCESS,
        metavar="2",
        recorded="latent_up",
        example="a castle | --latent_up 2",
        help="a separate stage: run the x2 latent upscaler on the latents of the previous stage",
    ),
    Switch(
        field="sr",
        flags=("--sr",),
        value=Integer(low=4, high=4, bare=4),
        group=Group.POSTPROCESS,
        metavar="4",
        recorded="sr",
        example="a castle | --sr 4",
        help="a separate stage: run the x4 diffusion upscaler",
    ),
    Switch(
        field="new_prompt",
        flags=("--new_prompt",),
        value=PromptText(),
        group=Group.POSTPROCESS,
        metavar="TEXT",
        recorded="new_prompt",
        example='--new_prompt "high quality, detailed, sharp"',
        help="prompt for adding detail, instead of the image's own prompt",
    ),
    Switch(
        field="postprocessors",
        flags=("--post",),
        value=Postprocessors(),
        group=Group.POSTPROCESS,
        metavar="NAME[:ARGUMENT]",
        recorded="postprocessors",
        example="--post sharpen:0.5",
        is_repeatable=True,
        help="apply a postprocessor of an installed plug-in (!plugins lists them); repeat the switch to apply several",
    ),
    Switch(
        field="save_original",
        flags=("-save_orig", "--save_orig", "--save_original"),
        value=Flag(),
        group=Group.POSTPROCESS,
        help="also keep the image before postprocessing, as a separate numbered image",
    ),
    Switch(
        field="fix",
        flags=("--fix",),
        value=Flag(),
        group=Group.POSTPROCESS,
        needs=Needs.INIT,
        recorded="fix",
        help="skip generation and postprocess the init image at its own size (as !fix does)",
    ),
)
