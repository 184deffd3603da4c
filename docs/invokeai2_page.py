"""The page of what InvokeAI 2.x had: every switch, command, launch option and configuration key, with its outcome.

The outcomes come from the program's tables; only the names of InvokeAI 2.x are listed here.
"""

from __future__ import annotations

from collections.abc import Iterator

from docs.markdown import code, table
from invoke_cli.commands.table import REMOVED_COMMANDS, find_command
from invoke_cli.errors import LineError
from invoke_cli.language.grammar.spellings import parse_switch
from invoke_cli.language.switches.legacy_launch import LEGACY_OPTIONS, LegacyOption
from invoke_cli.models.legacy_entries import LEGACY_KEYS

# The switches of a prompt line in 2.3.5 (`ldm/invoke/args.py`) and those that its documentation or 1.x add.
SWITCHES_OF_2X: tuple[tuple[str, ...], ...] = (
    ("--prompt",), ("-s", "--steps"), ("-S", "--seed"), ("-n", "--iterations"), ("-W", "--width"), ("-H", "--height"),
    ("-C", "--cfg_scale"), ("--threshold",), ("--perlin",), ("--h_symmetry_time_pct",), ("--v_symmetry_time_pct",),
    ("--fnformat",), ("-g", "--grid"), ("--no_grid",), ("-i", "--individual"),
    ("-x", "--skip_normalize", "--skip_normalization"), ("-A", "--sampler"), ("-m",), ("-t", "--log_tokenization"),
    ("-o", "--outdir"), ("--hires_fix",), ("--save_intermediates",), ("-z", "--png_compression"), ("--karras_max",),
    ("-I", "--init_img"), ("-tm", "--text_mask"), ("--init_color",), ("-T", "-F", "-fit", "--fit"),
    ("-f", "--strength"), ("-M", "--init_mask"), ("--invert_mask",), ("-r", "--inpaint_replace"),
    ("-c", "--outcrop"), ("--force_outpaint",), ("--seam_size",), ("--seam_blur",), ("--seam_strength",),
    ("--seam_steps",), ("--tile_size",), ("--new_prompt",), ("-ft", "--facetool"),
    ("-G", "--facetool_strength", "--gfpgan_strength"), ("-cf", "--codeformer_fidelity"), ("-U", "--upscale"),
    ("-save_orig", "--save_original"), ("-embiggen", "--embiggen"), ("-embiggen_tiles", "--embiggen_tiles"),
    ("-embiggen_strength", "--embiggen_strength"), ("-D", "--out_direction"), ("--seamless",), ("--seamless_axes",),
    ("--use_mps_noise",), ("-v", "--variation_amount"), ("-V", "--with_variations"), ("-p", "--prompt_as_dir"),
    ("--variants",), ("-h", "--help"),
)  # fmt: skip
# What a switch that works does differently.
DIFFERENCES: dict[str, str] = {
    "-g": "the single images are saved, too",
    "-m": "the model; the name of a sampler is an error that names `-A`, except in lines of a log",
    "-M": "white is painted; `--compat 2x` or `--mask_polarity black` paints black areas, as 2.x did, "
    "also in `invoke.init`",
    "-U": "without `--upscaler` the model adds detail, and the second number is its strength",
    "-s": "exactly this number of steps runs without an init image",
    "-C": "values up to 1 turn guidance off",
    "-f": "0 returns the init image unchanged",
    "-embiggen": "on an init image the size is that of the tiles, and `-f` is their strength, as in 2.x",
    "-c": "works on an ordinary line, too; the size of the line is ignored",
    "-D": "like `-c`: the image grows, with a notice; 2.x shifted it and kept its size",
    "-o": "a relative path starts at the working directory",
    "-V": "`seed:weight` pairs, also in the notations of 1.x",
}
# The commands of 2.3.5, with what differs.
COMMANDS_OF_2X: dict[str, str] = {
    "dream": "", "fix": "", "mask": "the mask is saved as `.mask.png`, with white for the painted area",
    "fetch": "`Dream` and `sd-metadata` are both read, so `-I` and `--seamless` are kept",
    "replay": "also reproduces an image",
    "history": "lists images with their numbers", "search": "", "clear": "", "models": "", "switch": "",
    "import_model": "", "convert_model": "", "optimize_model": "", "edit_model": "", "del_model": "",
    "triggers": "", "help": "",
}  # fmt: skip
PROGRAMS: dict[str, str] = {
    "invokeai": "`invoke`",
    "invokeai-batch": "`invoke '!sweep …'` for combinations, `invoke --from_file` for lists of lines",
    "invokeai-metadata": "`invoke '!info image.png'`, with `--json` for programs",
    "invokeai-configure": "not needed: a model is included, and `!import_model` adds others",
    "invokeai-merge": "not supported",
    "invokeai-ti": "not supported; embeddings that it trained are used from the folder `embeddings`",
}


def invokeai2_page() -> str:
    """Return the page."""
    launch = [
        (", ".join(map(code, row.flags)), row.what, _marked(row.outcome), _in_init(row)) for row in LEGACY_OPTIONS
    ]
    keys = [(code(name), outcome) for name, outcome in LEGACY_KEYS.items()]
    return (
        "# Coming from InvokeAI 2.x\n\nEvery switch, command, launch option and configuration key of InvokeAI 2.3.5, "
        "and what becomes of it here. What is not supported is rejected by name, with the replacement.\n\n"
        f"## Switches of a line\n\n{table(('switch', 'outcome', 'note'), _switches())}\n\n"
        f"## Commands\n\n{table(('command', 'outcome', 'note'), _commands())}\n\n"
        "## Launch options\n\n`-c FILE.yaml`, `-config`, `-V`, `-F`, `-d` and `-m SAMPLER` have this meaning where no "
        "prompt and no command follows.\n\n"
        f"{table(('option', 'what it did', 'outcome', 'in invokeai.init'), launch)}\n\n"
        "## Root, `invokeai.init` and models.yaml\n\nAn existing root is used in place: `--root ~/invokeai`, or the "
        "variable `INVOKEAI_ROOT`. Its models, LoRAs and embeddings are found where they are, the lines of "
        "`.invoke_history` in its output folder can be recalled at the prompt, and `invokeai.init` is read: each "
        "option of the table above is honoured, or named when the program starts. `configs/invoke.init` is read "
        "after it.\n\n"
        f"{table(('key of an entry', 'outcome'), keys)}\n\nAn entry that cannot be used is named, and does not keep "
        "the other entries from working.\n\n"
        f"## Other programs\n\n{table(('program', 'instead'), [(code(k), v) for k, v in PROGRAMS.items()])}"
    )


def _switches() -> Iterator[tuple[str, str, str]]:
    for flags in SWITCHES_OF_2X:
        yield ", ".join(map(code, flags)), switch_outcome(flags[0]), DIFFERENCES.get(flags[0], "")


def switch_outcome(flag: str) -> str:
    """Return what becomes of a switch: it works, perhaps under another name, or its replacement."""
    try:
        switch = parse_switch(flag).switch
    except LineError as error:
        return f"not supported: {_marked(error.hint)}"
    return "works" if flag in switch.flags else f"works as `{switch.name}`"


def _commands() -> Iterator[tuple[str, str, str]]:
    for name, note in COMMANDS_OF_2X.items():
        outcome = "works" if find_command(name) else f"not supported: {_marked(REMOVED_COMMANDS[name])}"
        yield code(f"!{name}"), outcome, note
    yield code("!NN"), "works", ""
    yield code("q"), "works", "`quit` and `exit` also leave, instead of being prompts"


def _in_init(row: LegacyOption) -> str:
    only_launch = ("--version", "-V", "--help", "--root_dir", "--from_file", "--config", "-c")
    return "" if row.flags[0] in only_launch else "named" if row.instead else "honoured"


def _marked(text: str) -> str:
    """Mark the switches and commands in a text as code."""
    words = text.split(" ")
    return " ".join(_code_word(word) for word in words)


def _code_word(word: str) -> str:
    bare = word.rstrip(",;:.")
    return code(bare) + word[len(bare) :] if bare.startswith(("-", "!", "\\")) and len(bare) > 1 else word
