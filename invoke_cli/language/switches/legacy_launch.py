"""The launch options of InvokeAI 1.x and 2.x: each one works, is translated, or is rejected with its replacement."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from invoke_cli.errors import ConfigError
from invoke_cli.language.grammar.names import normalise_name

_YAML = re.compile(r".*\.ya?ml", re.IGNORECASE)
_SAMPLER = re.compile(r"ddim|plms|pndm|k_(dpm_2|dpm_2_a|dpmpp_2|dpmpp_2_a|euler|euler_a|heun|lms)")
_DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?|mps")
_NO_BROWSER = "remove it: there is no web server; invoke opens the prompt, and !gallery writes a page of all images"
_IMPORT = "use !import_model FOLDER, which adds the models in a folder"
_FACES = "remove it: put the file into models/faces of the root"
_BACKGROUND = "remove it: -U enlarges the whole image, background included"


@dataclass(frozen=True, kw_only=True, slots=True)
class LegacyOption:
    """A launch option of InvokeAI 1.x or 2.x.

    Attributes:
        flags: Its spellings.
        what: What it did.
        takes: Whether it had a value.
        same: Whether the program has it, so that it needs no translation.
        becomes: The words that replace it, with `{}` for the value; empty if it has no effect here.
        remark: Why an option without effect is not needed.
        instead: What to use instead; the option is then rejected.
        only: The values for which the row holds; None for all.
        alone: Whether it holds only without a prompt or command, where the same letter has another meaning in a line.
    """

    flags: tuple[str, ...]
    what: str
    takes: bool = False
    same: bool = False
    becomes: str = ""
    remark: str = ""
    instead: str = ""
    only: re.Pattern[str] | None = None
    alone: bool = False

    @property
    def outcome(self) -> str:
        """What becomes of the option, for the reference."""
        if self.same:
            return "works"
        if self.instead:
            return f"not supported: {self.instead}"
        return f"works as {self.becomes.format('…')}" if self.becomes else f"accepted: {self.remark}"


def _same(*flags: str, what: str, takes: bool = True) -> LegacyOption:
    return LegacyOption(flags=flags, what=what, takes=takes, same=True)


LEGACY_OPTIONS: tuple[LegacyOption, ...] = (
    # General
    _same("--version", what="show the version", takes=False),
    LegacyOption(flags=("-V",), what="show the version", becomes="--version", alone=True),
    _same("--help", "-h", what="show the help", takes=False),
    _same("--root_dir", "--root", what="the root folder"),
    _same("--from_file", what="run the lines of a file"),
    # Models
    _same("--config", what="the models.yaml to use"),
    LegacyOption(
        flags=("-c", "-config", "--conf", "-conf"),
        what="the models.yaml to use",
        takes=True,
        becomes="--config {}",
        only=_YAML,
        alone=True,
    ),
    _same("--model", what="the first model"),
    LegacyOption(flags=("--weights",), what="a file of weights", takes=True, instead="use --model FILE"),
    LegacyOption(
        flags=("--laion400m", "--latent_diffusion", "-l"), what="the LAION-400M model", instead="use --model NAME"
    ),
    LegacyOption(flags=("--weight_dirs",), what="folders of weights", takes=True, instead=_IMPORT),
    LegacyOption(flags=("--autoimport",), what="import the models of a folder", takes=True, instead=_IMPORT),
    LegacyOption(flags=("--autoconvert",), what="convert the models of a folder", takes=True, instead=_IMPORT),
    LegacyOption(
        flags=("--ckpt_convert", "--no_ckpt_convert"),
        what="convert checkpoints in memory",
        remark="single files are read as they are; !convert_model writes a folder",
    ),
    _same("--max_loaded_models", what="models to keep in memory"),
    _same("--precision", what="precision of the weights"),
    LegacyOption(flags=("--full_precision",), what="32-bit weights", becomes="--precision float32"),
    LegacyOption(flags=("-F",), what="32-bit weights", becomes="--precision float32", alone=True),
    LegacyOption(flags=("--always_use_cpu",), what="run on the CPU", becomes="--device cpu"),
    _same("--device", what="the device"),
    LegacyOption(flags=("-d",), what="the device", takes=True, becomes="--device {}", only=_DEVICE, alone=True),
    LegacyOption(flags=("--free_gpu_mem",), what="free GPU memory between stages", becomes="--offload auto"),
    LegacyOption(
        flags=("--sequential_guidance",),
        what="evaluate both sides of the guidance one after the other",
        becomes="--attention sliced",
    ),
    LegacyOption(flags=("--xformers",), what="memory-efficient attention", becomes="--attention auto"),
    LegacyOption(flags=("--no_xformers",), what="attention without xformers", becomes="--attention math"),
    LegacyOption(flags=("--internet",), what="allow network access", remark="it is allowed unless --offline is given"),
    LegacyOption(flags=("--no_internet",), what="forbid network access", becomes="--offline"),
    LegacyOption(
        flags=("--nsfw_checker", "--safety_checker"),
        what="blur images that a classifier objects to",
        instead="remove it: no classifier is included, and results are saved as they are",
    ),
    LegacyOption(
        flags=("--no_nsfw_checker", "--no_safety_checker"),
        what="no classifier",
        remark="no classifier is included",
    ),
    LegacyOption(
        flags=("--patchmatch", "--no_patchmatch"),
        what="fill transparent areas with PatchMatch",
        remark="transparent areas are filled by a method of the program's own",
    ),
    _same("--embedding_path", "--embedding_directory", what="folder of embeddings"),
    LegacyOption(flags=("--embeddings",), what="use embeddings", remark="they are used where a prompt names them"),
    LegacyOption(
        flags=("--no_embeddings",),
        what="use no embeddings",
        instead="remove it: an embedding is used only where a prompt names it, and \\<name> is text",
    ),
    _same("--lora_directory", what="folder of LoRAs"),
    # Output
    _same("--outdir", "-o", what="output folder"),
    _same("--prompt_as_dir", "-p", what="a folder for each prompt", takes=False),
    _same("--fnformat", what="file name template"),
    _same("--png_compression", "-z", what="PNG compression level"),
    _same("--grid", "-g", "--no_grid", what="also save a grid", takes=False),
    # Defaults of lines
    _same("--steps", "-s", what="steps"),
    _same("--width", "-W", what="width"),
    _same("--height", "-H", what="height"),
    _same("--cfg_scale", "-C", what="guidance scale"),
    _same("--sampler", "-A", what="sampler"),
    LegacyOption(flags=("-m",), what="sampler", takes=True, becomes="--sampler {}", only=_SAMPLER, alone=True),
    _same("--strength", "-f", what="strength"),
    _same("--fit", "-fit", "-T", what="fit the init image into the size", takes=False),
    _same("--log_tokenization", "-t", what="show the tokens", takes=False),
    _same("--iterations", "-n", what="number of images"),
    _same("--seamless", what="seamless tiling", takes=False),
    LegacyOption(
        flags=("--karras_max",),
        what="threshold for Karras sigmas",
        takes=True,
        instead="use a Karras sampler, such as -A dpmpp_2m_k",
    ),
    # Postprocessing
    LegacyOption(
        flags=("--no_restore",),
        what="load no network for faces",
        remark="networks for faces are loaded only for lines with -G",
    ),
    LegacyOption(
        flags=("--no_upscale",),
        what="load no network for upscaling",
        remark="networks for upscaling are loaded only for lines with --upscaler",
    ),
    LegacyOption(
        flags=("--esrgan_bg_tile",),
        what="tile size of ESRGAN",
        takes=True,
        instead="remove it: the size of the tiles is chosen automatically",
    ),
    LegacyOption(
        flags=("--esrgan_denoise_str",),
        what="denoising strength of ESRGAN",
        takes=True,
        instead="choose a network with --upscaler; the second number of -U blends it",
    ),
    LegacyOption(flags=("--gfpgan_model_path",), what="file of GFPGAN", takes=True, instead=_FACES),
    LegacyOption(flags=("--gfpgan_dir",), what="folder of GFPGAN", takes=True, instead=_FACES),
    LegacyOption(
        flags=("--gfpgan_bg_upsampler",), what="upscaler of the background of faces", takes=True, instead=_BACKGROUND
    ),
    LegacyOption(
        flags=("--gfpgan_bg_tile",), what="tile size of the background of faces", takes=True, instead=_BACKGROUND
    ),
    # Debugging and the web interface
    LegacyOption(
        flags=("--enable_image_debugging",),
        what="show intermediate images",
        instead="use --save_intermediates, or --preview in a terminal that shows images",
    ),
    LegacyOption(flags=("--web",), what="the browser interface", instead=_NO_BROWSER),
    LegacyOption(flags=("--gui",), what="the browser interface in a window", instead=_NO_BROWSER),
    LegacyOption(flags=("--web_develop",), what="development of the browser interface", instead=_NO_BROWSER),
    LegacyOption(flags=("--web_verbose",), what="log of the web server", instead=_NO_BROWSER),
    LegacyOption(flags=("--cors",), what="origins of the web server", takes=True, instead=_NO_BROWSER),
    LegacyOption(flags=("--host",), what="address of the web server", takes=True, instead=_NO_BROWSER),
    LegacyOption(flags=("--port",), what="port of the web server", takes=True, instead=_NO_BROWSER),
    LegacyOption(flags=("--certfile",), what="certificate of the web server", takes=True, instead=_NO_BROWSER),
    LegacyOption(flags=("--keyfile",), what="key of the web server", takes=True, instead=_NO_BROWSER),
)  # fmt: skip


def legacy_option(name: str, *, alone: bool = False) -> LegacyOption | None:
    """Return the row of a launch option that the program itself lacks; None for any other word."""
    wanted = normalise_name(name)
    rows = (row for row in LEGACY_OPTIONS if wanted in row.flags and not row.same)
    return next((row for row in rows if alone or (not row.alone and wanted.startswith("--"))), None)


def rejection(row: LegacyOption, name: str) -> ConfigError:
    """Return the error for an option that is not supported."""
    return ConfigError(f"{name} of InvokeAI 2.x ({row.what}) is not supported", hint=row.instead)


def _raise(error: ConfigError) -> None:
    raise error


def translate(
    words: Sequence[str], *, alone: bool, reject: Callable[[ConfigError], None] = _raise
) -> tuple[list[str], list[str]]:
    """Replace the launch options of InvokeAI 2.x among shell words.

    Args:
        words: The words of a command line or of a line of an init file.
        alone: Whether options hold that mean something else beside a prompt.
        reject: Receives the error for an option that is not supported; by default it is raised.

    Returns:
        The words, and a remark for each option that is not needed.
    """
    result: list[str] = []
    remarks: list[str] = []
    remaining = list(words)
    while remaining:
        found = _take(remaining, alone)
        if found is None:
            result.append(remaining.pop(0))
        elif found.row.instead:
            reject(rejection(found.row, found.name))
        elif found.row.becomes:
            result += [part.format(found.value) for part in found.row.becomes.split()]
        else:
            remarks.append(f"{found.name} is not needed: {found.row.remark}")
    return result, remarks


def _value_after(words: Sequence[str]) -> str:
    """Return the second word if it can be a value; empty if it is an option, or missing."""
    return words[1] if len(words) > 1 and not words[1].startswith("-") else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    row: LegacyOption
    name: str
    value: str


def _take(words: list[str], alone: bool) -> _Found | None:
    """Remove an option and its value from the front of the words; None, and nothing is removed, for another word."""
    name, equals, value = words[0].partition("=")
    row = legacy_option(name, alone=alone) if name.startswith("-") else None
    if row is None:
        return None
    follows = "" if equals or not row.takes else _value_after(words)
    value = value or follows
    if row.only is not None and not row.only.fullmatch(value):
        return None
    del words[: 2 if follows else 1]
    return _Found(row=row, name=name, value=value)
