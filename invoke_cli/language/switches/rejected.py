"""Spellings that are understood and refused: those of InvokeAI 2.x that have gone, and A1111's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """Spellings that are never taken for prompt text; `instead` is the remedy."""

    flags: tuple[str, ...]
    what: str
    instead: str


REFUSED: tuple[Refused, ...] = (
    Refused(
        flags=("-i", "--individual"),
        what="single images",
        instead="single images are always kept; leave -g out, or say --no_grid, to go without the grid",
    ),
    Refused(
        flags=("-x", "--skip_normalize"),
        what="unnormalised blends",
        instead='write ("a","b").blend(.3,.7,no_normalize)',
    ),
    Refused(flags=("-h", "--help"), what="help in a line", instead="type !help, or !help switches"),
    Refused(flags=("--karras_max",), what="the Karras limit", instead="choose a Karras sampler, such as -A dpmpp_2m_k"),
    Refused(
        flags=("--use_mps_noise",),
        what="portable noise",
        instead="leave it out: noise is always drawn on the CPU, so a seed is the same picture on every device",
    ),
    Refused(
        flags=("-r", "--inpaint_replace"),
        what="the replaced fraction",
        instead="use -f: 1 replaces everything that is painted",
    ),
    Refused(flags=("--init_color",), what="colour from a reference", instead="use --match_colors, with -I"),
    Refused(flags=("--force_outpaint",), what="forced outpainting", instead="leave it out: transparency alone decides"),
    Refused(
        flags=("--seam_size", "--seam_blur", "--seam_strength", "--seam_steps"),
        what="seam repair",
        instead="leave it out: seams are blended inside the mask",
    ),
    Refused(flags=("--tile_size",), what="the infill tiles", instead="leave it out: the size is chosen from the hole"),
    Refused(flags=("-D", "--out_direction"), what="outpainting by direction", instead="use -c, such as -c top 64"),
    Refused(flags=("--batch_size",), what="images in one batch", instead="use -n for how many; --parallel for at once"),
    Refused(flags=("--tiling",), what="seamless tiles, true or false", instead="use --seamless, or leave it out"),
    Refused(flags=("--restore_faces",), what="faces, true or false", instead="use -G 0.8, or leave it out"),
    Refused(
        flags=("--subseed", "--subseed_strength"),
        what="variations",
        instead="use -V with both, such as -V 5:0.3 for --subseed 5 --subseed_strength 0.3",
    ),
    Refused(flags=("--styles",), what="named styles", instead="write the words, or name them with !alias"),
    Refused(
        flags=("--seed_resize_from_w", "--seed_resize_from_h"),
        what="noise of another size",
        instead="leave it out: --hires_fix keeps a layout at a larger size",
    ),
)
