"""Switch rows: where results go and what is kept with them."""

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
        help="where results go; a name ending in .png names the file, - writes it to standard output",
    ),
    Switch(
        field="name_format",
        flags=("--fnformat",),
        value=Text(),
        group=Group.OUTPUT,
        metavar="TEMPLATE",
        default="{prefix}.{seed}.png",
        help="file names, from fields such as {prefix} {seed} {prompt:40} {strength} {model} {steps} {source}",
    ),
    Switch(
        field="prompt_as_dir",
        flags=("-p", "--prompt_as_dir"),
        value=Flag(),
        group=Group.OUTPUT,
        help="a folder of its own for each prompt",
    ),
    Switch(
        field="grid",
        flags=("-g", "--grid"),
        value=Flag(),
        group=Group.OUTPUT,
        help="also put the line's images into one grid; the single images stay",
    ),
    Switch(
        field="png_compression",
        flags=("-z", "--png_compression"),
        value=Integer(low=0, high=9),
        group=Group.OUTPUT,
        metavar="0-9",
        default="6",
        help="how hard to compress the PNG: 0 large and fast, 9 small and slow",
    ),
    Switch(
        field="save_intermediates",
        flags=("--save_intermediates",),
        value=Integer(low=1, high=1000, bare=1),
        group=Group.OUTPUT,
        metavar="[N]",
        help="keep a picture of the latents after every step, or every Nth, under intermediates/",
    ),
    Switch(
        field="save_latents",
        flags=("--save_latents",),
        value=Flag(),
        group=Group.OUTPUT,
        help="keep the latents of every step as .safetensors under intermediates/; -I goes on from them",
    ),
    Switch(
        field="save_all",
        flags=("--save_all",),
        value=Flag(),
        group=Group.OUTPUT,
        help="keep every stage's image of a chain (a line of one stage always keeps all)",
    ),
    Switch(
        field="strip",
        flags=("--strip",),
        value=Flag(),
        group=Group.OUTPUT,
        help="write the latents of all steps side by side as one picture beside the result",
    ),
    Switch(
        field="preview",
        flags=("--preview",),
        value=Choice(options=PREVIEWS),
        group=Group.OUTPUT,
        metavar="KIND",
        default="auto",
        help="show the picture in the terminal, growing and finished: auto asks the terminal what it can; kitty, "
        "iterm, sixel, blocks or off",
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
        help="write no metadata into the file (it cannot make itself again then)",
    ),
)
