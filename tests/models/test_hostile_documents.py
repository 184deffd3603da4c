"""Readers of models and configurations, on mutations of valid files: an answer or one of the program's errors."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import shutil
import struct
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from invoke_cli.context.init_files import read_init
from invoke_cli.context.yaml_store import Aliases
from invoke_cli.errors import ConfigError, InvokeError, ModelError
from invoke_cli.metadata.latents import read_latents
from invoke_cli.models.control_models import control_at, read_control
from invoke_cli.models.files.checkpoint_keys import normalise_names
from invoke_cli.models.files.folder import read_facts
from invoke_cli.models.files.gguf import read_gguf
from invoke_cli.models.files.lora_kinds import adapter_kind
from invoke_cli.models.files.single_file import read_file_facts
from invoke_cli.models.files.trigger_words import trigger_words
from invoke_cli.models.files.weights_header import count_parameters, read_header, read_metadata, read_numbers
from invoke_cli.models.files.words import read_vocabulary
from invoke_cli.models.registry import read_models
from invoke_cli.models.registry_edit import with_entry
from invoke_cli.models.upscalers import upscaler_at

QUICK, MANY = 60, 2_000
HOSTILE: tuple[Any, ...] = (
    None, -1, 0, 1, True, 2**70, -(2**70), 1e308, float("inf"), float("nan"), "", "x", "../../etc/passwd", "\0", [], {},
    [[]], [None], {"a": None}, [1, "x"], [-1, -1], [2**70, 2**71], [[[[[[[[1]]]]]]]], "9" * 5_000,
)  # fmt: skip
YAML = """\
# models
first:
  description: "a: model"
  path: &where /models/first
  default: true
  size: 512
  defaults: {steps: 20, cfg_scale: 7.5}
  triggers: [one, two]
second:
  path: *where
  good_for: portraits
"""
YAML_PARTS = (
    "[", "]", "{", "}", ": ", "- ", "&a ", "*a", "*where", "<<: *a", "!!python/object:os.system ", "!!int ",
    "!!binary x", "!!timestamp 2020-99-99", "? ", "| ", "> ", "'", '"', "\t", "\n", "\n  ", "---\n", "...\n",
    "%YAML 9.9\n", "0x", "1e999", ".nan", "~", "=", "<<", "\\", "\x85", "# ",
)  # fmt: skip


def changed_tree(document: Any, chance: random.Random) -> Any:
    """Return a copy of a document in which one value is replaced or removed."""
    if not isinstance(document, (dict, list)) or not document or chance.random() < 0.15:
        return chance.choice(HOSTILE)
    copy: Any = dict(document) if isinstance(document, dict) else list(document)
    place = chance.choice(list(copy)) if isinstance(copy, dict) else chance.randrange(len(copy))
    if chance.random() < 0.1:
        del copy[place]
    else:
        copy[place] = changed_tree(copy[place], chance)
    return copy


def changed_bytes(data: bytes, chance: random.Random) -> bytes:
    """Return data that is cut, doubled, or has other bytes somewhere."""
    place = chance.randrange(len(data))
    change = chance.choice((b"", bytes([chance.randrange(256)]), b"[" * 5_000, b"\0" * 8, b"\xff" * 8, data[:place]))
    return data[:place] if chance.random() < 0.2 else data[:place] + change + data[place + len(change) :]


def changed_json(document: Any, chance: random.Random) -> bytes:
    """Return a changed document as JSON, or changed JSON."""
    if chance.random() < 0.25:
        return changed_bytes(json.dumps(document).encode(), chance)
    return json.dumps(changed_tree(document, chance)).encode()


def changed_yaml(chance: random.Random) -> str:
    """Return the example with parts inserted, doubled or removed."""
    text = YAML
    for _ in range(chance.randrange(1, 5)):
        place, length = chance.randrange(len(text)), chance.randrange(12)
        text = text[:place] + chance.choice(YAML_PARTS) * chance.choice((1, 1, 2, 60)) + text[place + length :]
    return text


HEADER = {
    "__metadata__": {"ss_tag_frequency": '{"a": {"cat": 3}}', "trigger_words": "cat, dog", "format": "pt"},
    "model.diffusion_model.input_blocks.0.0.weight": {"dtype": "F16", "shape": [4, 4, 1, 1], "data_offsets": [0, 32]},
    "lora_unet_down.lora_up.weight": {"dtype": "F32", "shape": [4], "data_offsets": [32, 48]},
    "v_pred": {"dtype": "F32", "shape": [], "data_offsets": [48, 52]},
}


def safetensors(header: bytes, size: int = 52) -> bytes:
    """Return a file with this header."""
    return struct.pack("<Q", len(header)) + header + bytes(size)


def read_weights(path: Path) -> None:
    """Call what reads the header of weights."""
    read_metadata(path)
    header = read_header(path)
    if header is not None:
        count_parameters(header)
        normalise_names(header)
        adapter_kind(header)
        for key in header:
            read_numbers(path, header, key)
    trigger_words(read_metadata(path))
    for read in (control_at, read_control, partial(read_file_facts, size=None)):
        with contextlib.suppress(InvokeError):
            read(path, "x")


def write_changed_folder(model: Path, folder: Path, chance: random.Random) -> None:
    """Write the configs of a model with one of them changed, beside the weights."""
    shutil.copytree(model, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.safetensors"))
    for path in model.rglob("*.safetensors"):
        target = folder / path.relative_to(model)
        if not target.exists():
            target.symlink_to(path)
    configs = sorted(path for path in model.rglob("*.json") if path.name not in ("tokenizer.json", "vocab.json"))
    chosen = chance.choice(configs)
    document = json.loads(chosen.read_text(encoding="utf-8"))
    (folder / chosen.relative_to(model)).write_bytes(changed_json(document, chance))


@pytest.fixture
def readers(tiny_model: Path, tmp_path: Path) -> Mapping[str, Callable[[random.Random], None]]:
    """For each kind of file, what writes a mutation of a valid one and reads it."""
    weights, gguf, words = tmp_path / "x.safetensors", tmp_path / "x.gguf", tmp_path / "words.json"
    plain_gguf = b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + struct.pack("<Q", 17) + b"general.alignment"
    plain_gguf += struct.pack("<II", 4, 32) + struct.pack("<Q", 1) + b"a" + struct.pack("<IQIQ", 1, 4, 0, 0) + bytes(64)

    def models(chance: random.Random) -> None:
        read_models(changed_yaml(chance), "models.yaml")

    def edited(chance: random.Random) -> None:
        with_entry(changed_yaml(chance), "third", {"path": "x"})

    def aliases(chance: random.Random) -> None:
        (tmp_path / "aliases.yaml").write_text(changed_yaml(chance), encoding="utf-8")
        Aliases(tmp_path / "aliases.yaml").load()

    def init(chance: random.Random) -> None:
        read_init(changed_bytes(b"--steps 20\n-A ddim\n--model first\n# note\n", chance).decode("latin-1"))

    def header(chance: random.Random) -> None:
        weights.write_bytes(safetensors(changed_json(HEADER, chance)))
        read_weights(weights)

    def raw_gguf(chance: random.Random) -> None:
        gguf.write_bytes(changed_bytes(plain_gguf, chance))
        read_gguf(gguf)

    def vocabulary(chance: random.Random) -> None:
        words.write_bytes(changed_json({"known": ["cat"], "ignored": ["red"]}, chance))
        read_vocabulary(tmp_path)

    def latents(chance: random.Random) -> None:
        described = {"__metadata__": {"invoke": '{"step": 1, "steps": 2}'}, "latents": {
            "dtype": "F32", "shape": [1, 4, 1, 1], "data_offsets": [0, 16]}}  # fmt: skip
        read_latents(safetensors(changed_json(described, chance), 16), "x.safetensors")

    def folder(chance: random.Random) -> None:
        write_changed_folder(tiny_model, tmp_path / "model", chance)
        upscaler_at(tmp_path / "model", "x")
        control_at(tmp_path / "model" / "unet", "x")
        read_facts(tmp_path / "model", "x")

    return {
        "models.yaml": models, "edited models.yaml": edited, "aliases.yaml": aliases, "invoke.init": init,
        "weights": header, "gguf": raw_gguf, "words.json": vocabulary, "latents": latents, "model folder": folder,
    }  # fmt: skip


KINDS = ("models.yaml", "edited models.yaml", "aliases.yaml", "invoke.init", "weights", "gguf", "words.json", "latents",
         "model folder")  # fmt: skip


def internal_errors(read: Callable[[random.Random], None], seed: int, count: int) -> list[str]:
    """Read mutations; return those that ended in something else than a result or an error of the program."""
    found = []
    for number in range(count):
        try:
            read(random.Random(seed * 1_000_003 + number))
        except InvokeError as error:
            assert error.message
        except Exception as error:  # noqa: BLE001  # that is what the test looks for
            found.append(f"mutation {number}: {error!r}")
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_mutations_of_valid_files_are_read_or_rejected(
    kind: str, readers: Mapping[str, Callable[[random.Random], None]]
) -> None:
    assert internal_errors(readers[kind], 1, QUICK) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_many_mutations_of_valid_files_are_read_or_rejected(
    kind: str,
    readers: Mapping[str, Callable[[random.Random], None]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    seed = int(os.environ.get("INVOKE_FUZZ_SEED", "2"))
    with capsys.disabled():
        sys.stdout.write(f"\nseed {seed}: {MANY} mutations of {kind}\n")
    assert internal_errors(readers[kind], seed, MANY) == []


# Each list refers ten times to the one before.
EXPANDING = "a: &a [x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]\n" for before, name in itertools.pairwise("abcdefghij")
)
HOSTILE_YAML: Mapping[str, str] = {
    "brackets": "a: " + "[" * 5_000,
    "braces": "a: " + "{" * 5_000 + "}" * 5_000,
    "merge cycle": "a: &a\n  <<: *a\n  path: x",
    "cycle": "a: &a [*a]",
    "size": "x" * 2_000_000,
    "expansion": EXPANDING,
    "indentation": "".join(f"{' ' * depth}a:\n" for depth in range(500)),
}


@pytest.mark.parametrize("text", HOSTILE_YAML.values(), ids=HOSTILE_YAML.keys())
def test_hostile_yaml_is_a_configuration_error(text: str) -> None:
    with pytest.raises(ConfigError):
        read_models(text, "models.yaml")


def test_an_index_of_shards_names_no_file_elsewhere(tiny_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    (weights,) = (folder / "unet").glob("*.safetensors")
    weights.rename(tmp_path / "other.safetensors")
    index = {"weight_map": {"conv_in.weight": "../../other.safetensors"}}
    (folder / "unet" / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    with pytest.raises(ModelError, match="weight_map"):
        read_facts(folder, "x")
