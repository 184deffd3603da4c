"""Switch rows: output files and what is saved with them."""

from __future__ import annotations

from invoke_cli.language.switches.numbers import Integer
from invoke_cli.language.switches.switch import Completes, Group, Switch
from invoke_cli.language.switches.values import Choice, Flag, Text

PREVIEWS = ("off", "auto", "kitty", "iterm", "sixel", "blocks")

OUTPUT: tuple[Switch, ...] = (
    Switch(
        field="outdir",
        flags=("-o", "--outpath_samples", "--outdir"),
        value=Text(),
        group=Group.OUTPUT,
        metavar="DIR",
        default="outputs",
        completes=Completes.DIRECTORY,
        help="output folder; a name ending in .png, .jpg or .webp sets the file name, - writes to standard output",
    ),
    Switch(
        field="name_format",
        flags=("--fnformat",),
        value=Text(),
        group=Group.OUTPUT,
        metavar="TEMPLATE",
        default="{prefix}.{seed}.png",
        help="file name template, with fields such as {prefix} {seed} {prompt:40} {steps} {source}, or {line}.{letter}",
    ),
    Switch(
        field="prompt_as_dir",
        flags=("-p", "--prompt_as_dir"),
        value=Flag(),
        group=Group.OUTPUT,
        help="save the images of each prompt in a separate folder",
    ),
    Switch(
        field="grid",
        flags=("-g", "--grid"),
        value=Flag(),
        group=Group.OUTPUT,
        help="also save a grid of the line's images",
    ),
    Switch(
        field="png_compression",
        flags=("-z", "--png_compression"),
        value=Integer(low=0, high=9),
        group=Group.OUTPUT,
        metavar="0-9",
        default="6",
        help="PNG compression level: 0 large and fast, 9 small and slow",
    ),
    Switch(
        field="save_intermediates",
        flags=("--save_intermediates",),
        value=Integer(low=1, high=1000, bare=1),
        group=Group.OUTPUT,
        metavar="[N]",
        help="save an image of the latents after every step, or every Nth, in intermediates/",
    ),
    Switch(
        field="save_latents",
        flags=("--save_latents",),
        value=Flag(),
        group=Group.OUTPUT,
        help="save the latents of every step as .safetensors in intermediates/; -I resumes from them",
    ),
    Switch(
        field="save_all",
        flags=("--save_all",),
        value=Flag(),
        group=Group.OUTPUT,
        help="save the image of every stage of a chain",
    ),
    Switch(
        field="strip",
        flags=("--strip",),
        value=Flag(),
        group=Group.OUTPUT,
        help="save the latents of all steps side by side as one image",
    ),
    Switch(
        field="preview",
        flags=("--preview",),
        value=Choice(options=PREVIEWS),
        group=Group.OUTPUT,
        metavar="KIND",
        default="auto",
        help="show images in the terminal, during and after generation: auto (detect terminal support), kitty, iterm, "
        "sixel, blocks or off",
    ),
    Switch(
        field="private",
        flags=("--private",),
        value=Flag(),
        group=Group.OUTPUT,
        help="keep the prompt and all names out of the file, the logs and the history",
    ),
    Switch(
        field="no_metadata",
        flags=("--no_metadata",),
        value=Flag(),
        group=Group.OUTPUT,
        help="do not save metadata in the file (the image cannot be reproduced from it)",
    ),
)
