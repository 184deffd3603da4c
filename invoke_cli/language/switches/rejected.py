"""Switches of InvokeAI 2.x and A1111 that are recognised but rejected, each with its replacement."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class RejectedSwitch:
    """A switch that is rejected with an error instead of being read as prompt text.

    Attributes:
        flags: Its spellings.
        what: What the switch did.
        instead: What to use instead.
    """

    flags: tuple[str, ...]
    what: str
    instead: str


REJECTED_SWITCHES: tuple[RejectedSwitch, ...] = (
    RejectedSwitch(
        flags=("-i", "--individual"),
        what="single images",
        instead="single images are always saved; to save no grid, remove -g or use --no_grid",
    ),
    RejectedSwitch(
        flags=("-x", "--skip_normalize", "--skip_normalization"),
        what="unnormalised blends",
        instead='use ("a","b").blend(.3,.7,no_normalize)',
    ),
    RejectedSwitch(
        flags=("--variants",),
        what="variants of an init image, each made from the one before",
        instead="use -v 0.2 -n 5 for variations of one image",
    ),
    RejectedSwitch(flags=("-h", "--help"), what="help within a line", instead="use !help or !help switches"),
    RejectedSwitch(
        flags=("--karras_max",),
        what="threshold for Karras sigmas",
        instead="use a Karras sampler, such as -A dpmpp_2m_k",
    ),
    RejectedSwitch(
        flags=("--use_mps_noise",),
        what="device-independent noise",
        instead="remove it: noise is always generated on the CPU, so a seed gives the same image on every device",
    ),
    RejectedSwitch(
        flags=("-r", "--inpaint_replace"),
        what="fraction to replace when inpainting",
        instead="use -f: 1 replaces the masked area completely",
    ),
    RejectedSwitch(flags=("--init_color",), what="colour reference image", instead="use --match_colors with -I"),
    RejectedSwitch(
        flags=("--force_outpaint",),
        what="forced outpainting",
        instead="remove it: transparent areas are always painted",
    ),
    RejectedSwitch(
        flags=("--seam_size", "--seam_blur", "--seam_strength", "--seam_steps"),
        what="seam correction",
        instead="remove it: seams are blended inside the mask; --mask_blur sets the width",
    ),
    RejectedSwitch(
        flags=("--tile_size",), what="size of infill tiles", instead="remove it: the size is chosen automatically"
    ),
    RejectedSwitch(
        flags=("--batch_size",),
        what="images per batch",
        instead="use -n for the number of images, --parallel for images per batch",
    ),
    RejectedSwitch(flags=("--tiling",), what="seamless tiling, true or false", instead="use --seamless, or remove it"),
    RejectedSwitch(
        flags=("--restore_faces",), what="face restoration, true or false", instead="use -G 0.8, or remove it"
    ),
    RejectedSwitch(
        flags=("--subseed", "--subseed_strength"),
        what="variations",
        instead="use -V with both, such as -V 5:0.3 for --subseed 5 --subseed_strength 0.3",
    ),
    RejectedSwitch(
        flags=("--styles",), what="saved styles", instead="write the words in the prompt, or define an !alias"
    ),
    RejectedSwitch(flags=("--compile", "--torch_compile"), what="compilation", instead="use --fast compile"),
    RejectedSwitch(
        flags=("--xformers", "--opt_sdp_attention", "--opt_split_attention", "--flash_attention"),
        what="attention implementation",
        instead="use --attention, such as --attention sdpa or --attention sliced",
    ),
    RejectedSwitch(
        flags=("--medvram", "--lowvram", "--low_vram"),
        what="less memory on the GPU",
        instead="use --offload, such as --offload model",
    ),
    RejectedSwitch(
        flags=("--half", "--no_half", "--fp16", "--float16", "--full_precision"),
        what="precision",
        instead="start the program with --precision, such as --precision float32",
    ),
    RejectedSwitch(
        flags=("--seed_resize_from_w", "--seed_resize_from_h"),
        what="noise of another image size",
        instead="use --hires_fix to keep the layout at a larger size",
    ),
)
