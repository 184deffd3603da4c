"""The table of launch options, and their parsing from a command line or from invoke.init.

The remaining words are a line, or switches that become defaults of the session.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from invoke_cli.errors import ConfigError
from invoke_cli.language.grammar.names import nearest, normalise_name

LARGEST = 1_000_000.0  # of the numbers that are values of options


@dataclass(frozen=True, kw_only=True, slots=True)
class LaunchOption:
    """A row of the table of launch options.

    Attributes:
        metavar: The placeholder of the value; empty for a flag.
        choices: The allowed values; empty if any value is allowed.
        synonyms: Other names of these values, in InvokeAI 2.x.
        least: The least number that is allowed; None if the value is no number.
        whole: Whether a number must be a whole one.
        pattern: The regular expression that a value must match; empty if any value is allowed.
        in_init: Whether the option is also allowed in invoke.init.
    """

    name: str
    help: str
    metavar: str = ""
    choices: tuple[str, ...] = ()
    synonyms: Mapping[str, str] = field(default_factory=dict)
    least: float | None = None
    whole: bool = False
    pattern: str = ""
    aliases: tuple[str, ...] = ()
    in_init: bool = False


LAUNCH_OPTIONS: tuple[LaunchOption, ...] = (
    LaunchOption(name="--from_file", metavar="FILE", help="run the lines of FILE (- for standard input), then exit"),
    LaunchOption(
        name="--lines",
        metavar="A..B",
        help="with --from_file: run only the lines A to B, as part of the whole file",
        pattern=r"\d+\.\.\d+|\d+",
    ),
    LaunchOption(
        name="--shard",
        metavar="I/N",
        help="with --from_file: run only part I of N, of consecutive lines",
        pattern=r"\d+/\d+",
    ),
    LaunchOption(
        name="--base_seed",
        metavar="N",
        help="with --from_file: derive the seeds of lines without -S from N and the number of the line",
        least=0,
        whole=True,
    ),
    LaunchOption(
        name="--first_number",
        metavar="M",
        help="with --from_file: number the images of the whole file from M, whatever the folder contains",
        least=1,
        whole=True,
    ),
    LaunchOption(
        name="--resume",
        help="with --from_file: generate only what an interrupted run of the same file has not generated",
    ),
    LaunchOption(
        name="--workers",
        metavar="N",
        help="generate several images at the same time: N processes that share the CPU, one on each GPU (auto: all), "
        "or on a Ray cluster: ray:auto or ray://HOST:10001",
        pattern=r"auto|off|[1-9]\d{0,2}|ray:auto|ray://[^\s/]+:\d+",
        in_init=True,
    ),
    LaunchOption(
        name="--worker_root",
        metavar="DIR",
        help="the root folder on the machines of a Ray cluster (default: that of each machine)",
        in_init=True,
    ),
    LaunchOption(
        name="--devices",
        metavar="NAMES",
        help="the devices of the workers, for example cuda:0,cuda:2",
        in_init=True,
    ),
    LaunchOption(
        name="--threads",
        metavar="N",
        help="number of CPU threads, of each worker if there are several (the last bits of an image depend on it)",
        least=1,
        whole=True,
        in_init=True,
    ),
    LaunchOption(
        name="--config", metavar="FILE", help="use this models.yaml instead of configs/models.yaml in the root"
    ),
    LaunchOption(name="--root", metavar="DIR", help="folder of your configuration and models", aliases=("--root_dir",)),
    LaunchOption(
        name="--device", metavar="NAME", help="device to run on: auto, cpu, cuda, cuda:1 or mps", in_init=True
    ),
    LaunchOption(
        name="--precision",
        metavar="NAME",
        help="precision of the weights: auto, float32, float16 or bfloat16",
        choices=("auto", "float32", "float16", "bfloat16"),
        synonyms={"autocast": "auto", "fp32": "float32", "full": "float32", "fp16": "float16", "bf16": "bfloat16"},
        in_init=True,
    ),
    LaunchOption(
        name="--max_loaded_models",
        metavar="N",
        help="number of models to keep in memory at most (default: as many as fit)",
        least=1,
        whole=True,
        in_init=True,
    ),
    LaunchOption(
        name="--model_memory",
        metavar="GB",
        help="memory that the weights of loaded models may take at most, in gigabytes (default: what is free)",
        least=0.001,
        in_init=True,
    ),
    LaunchOption(
        name="--embedding_path",
        metavar="DIR",
        help="a further folder of embeddings, besides embeddings in the root",
        aliases=("--embedding_directory",),
        in_init=True,
    ),
    LaunchOption(
        name="--lora_directory",
        metavar="DIR",
        help="a further folder of LoRAs, besides loras in the root",
        in_init=True,
    ),
    LaunchOption(name="--offline", help="never access the network, even if a line requests it", in_init=True),
    LaunchOption(
        name="--no_last_model",
        help="begin the prompt with the default model, not with that of the last !switch",
        in_init=True,
    ),
    LaunchOption(
        name="--theme",
        metavar="NAME",
        help="colours at the prompt: dark, light (for a light background) or mono (also selected by NO_COLOR)",
        choices=("dark", "light", "mono"),
        in_init=True,
    ),
    LaunchOption(
        name="--bell",
        metavar="SECONDS",
        help="at the prompt, ring the bell after lines that took at least this long (default 30; 0 turns it off)",
        least=0,
        in_init=True,
    ),
    LaunchOption(name="--json", help="write JSON events to standard output, one per line"),
    LaunchOption(name="--quiet", help="print only results and errors"),
    LaunchOption(name="--verbose", help="print the time, the speed and the peak memory below each result"),
    LaunchOption(
        name="--completion",
        metavar="SHELL",
        help='print the completion script for bash, zsh or fish, for example eval "$(invoke --completion bash)" in '
        "~/.bashrc; models and loras list their names",
        choices=("bash", "zsh", "fish", "models", "loras"),
    ),
    LaunchOption(name="--version", help="show the version and exit"),
    LaunchOption(
        name="--help", metavar="", help="show this help and exit; --help advanced lists every switch", aliases=("-h",)
    ),
)

Options = dict[str, str | bool]


def take_launch_options(words: Sequence[str]) -> tuple[Options, list[str]]:
    """Split shell words into launch options and the remaining words.

    Returns:
        The options by name without dashes, and the remaining words in order.

    Raises:
        ConfigError: If an option lacks its value or has an invalid one.
    """
    options: Options = {}
    rest: list[str] = []
    remaining = list(words)
    while remaining:
        word = remaining.pop(0)
        row, value = _match(word)
        if row is None:
            rest.append(word)
            continue
        if row.metavar and value is None:
            if not remaining:
                raise ConfigError(f"{row.name} needs a value", hint=f"{row.name} {row.metavar}: {row.help}")
            value = remaining.pop(0)
        options[row.name[2:]] = _check_value(row, value)
    return options, rest


def _match(word: str) -> tuple[LaunchOption | None, str | None]:
    name, equals, value = word.partition("=")
    name = normalise_name(name)
    for row in LAUNCH_OPTIONS:
        if name == row.name or name in row.aliases:
            return row, value if equals else None
    return None, None


def _check_value(row: LaunchOption, value: str | None) -> str | bool:
    if not row.metavar:
        if value is not None:
            raise ConfigError(f"{row.name} takes no value", hint=f"write {row.name} without a value")
        return True
    assert value is not None
    value = row.synonyms.get(value, value)
    if row.choices and value not in row.choices:
        closest = nearest(value, row.choices)
        hint = f"did you mean {closest}?" if closest else f"one of {', '.join(row.choices)}"
        raise ConfigError(f"invalid value for {row.name}: {value!r}", hint=hint)
    if row.pattern and not re.fullmatch(row.pattern, value):
        raise ConfigError(f"invalid value for {row.name}: {value[:40]!r}", hint=f"{row.name} {row.metavar}: {row.help}")
    if row.least is not None:
        _check_number(row, row.least, value)
    return value


def _check_number(row: LaunchOption, least: float, value: str) -> None:
    """Raise ConfigError unless the value is a number that the option allows."""
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not least <= number < LARGEST or (row.whole and number != int(number)):
        kind = "a whole number" if row.whole else "a number"
        raise ConfigError(f"{row.name} takes {kind} from {least:g}, not {value[:40]!r}", hint=f"{row.name}: {row.help}")
