"""A long session: images over three models with LoRAs switched, and commands, without growing."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest
import torch

from invoke_cli.context.outcome import Outcome
from tests.inputs.test_loras import train
from tests.session_harness import SessionHarness
from tests.tiny_models import build_tiny_model

IMAGES = int(os.environ.get("INVOKE_SOAK_IMAGES", "250"))
COMMANDS = 10 * IMAGES
WARM_UP = 50
COMMAND_LINES = (
    "!history",
    "!search cat",
    "!info 1",
    "!plan a dog -s3",
    "!models",
    "!tree 2",
    "!mem",
    "!1",
    "nonsense -s 0",
    "!set -s 3",
)
# What a session may grow by after the first images: the allocator's fragments, and the names of its images.
MOST_RSS, MOST_TENSORS, MOST_HANDLES = 40_000_000, 100_000, 2


def resident() -> int:
    """Return the memory of this process in bytes."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def live_tensors() -> int:
    """Return the bytes of all tensors, counting shared memory once."""
    gc.collect()
    storages: dict[int, int] = {}
    for each in gc.get_objects():
        if type(each) in (torch.Tensor, torch.nn.Parameter) and each.layout is torch.strided:
            storages[each.untyped_storage().data_ptr()] = each.untyped_storage().nbytes()
    return sum(storages.values())


def handles() -> int:
    """Return the number of open files."""
    return len(list(Path("/proc/self/fd").iterdir()))


def line(index: int) -> str:
    """Return one of 18 combinations of model, LoRA and mode."""
    lora = ("", " --lora film:0.8", " --lora ink:-.5")[index // 3 % 3]
    mode = ("", " -I 1 -f .6")[index // 9 % 2]
    return f"a cat -s2 -S{index} -m model{index % 3}{lora}{mode}"


@pytest.fixture
def session(real_session: SessionHarness, tiny_model: Path) -> SessionHarness:
    """A session with three models of one shape and two LoRAs."""
    root = real_session.folder / "root"
    entries = []
    for index in range(3):
        folder = build_tiny_model(real_session.folder / f"model{index}", seed=index)
        entries.append(f"model{index}:\n  path: {folder}\n  default: {str(index == 0).lower()}\n")
    (root / "configs" / "models.yaml").write_text("".join(entries), encoding="utf-8")
    train(tiny_model, root / "loras" / "film.safetensors", 1, ["to_q", "to_k", "to_v"], text=True)
    train(tiny_model, root / "loras" / "ink.safetensors", 2, ["to_q", "to_out.0"])
    return real_session


@pytest.mark.slow
@pytest.mark.feature("steady-memory")
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_a_long_session_does_not_grow(session: SessionHarness) -> None:
    samples: list[tuple[int, int, int]] = []
    for index in range(IMAGES):
        assert session.run(line(index + 1)) is Outcome.OK, (line(index + 1), session.errors)
        for number in range(COMMANDS // IMAGES):
            session.run(COMMAND_LINES[number % len(COMMAND_LINES)])
        if index >= WARM_UP and (index - WARM_UP) % 18 == 0:  # the same place in the round of lines
            samples.append((resident(), live_tensors(), handles()))
    growth = [last - first for first, last in zip(samples[0], samples[-1], strict=True)]
    print(f"{IMAGES} images, {COMMANDS} commands: RSS, tensors, handles {samples[0]} -> {samples[-1]}")  # noqa: T201
    assert len(samples) > 3
    assert growth[0] < MOST_RSS and growth[1] < MOST_TENSORS and growth[2] <= MOST_HANDLES, samples
