"""Every kind of line runs on an accelerator, equals the processor's image, and makes it wait rarely."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from invoke_cli.context.outcome import Outcome
from invoke_cli.engine import Engine, EngineSettings, open_engine
from invoke_cli.errors import ConfigError, PlanError
from invoke_cli.models.samplers import SAMPLERS
from tests.families.builders import BUILDERS, Folder
from tests.families.jobs import first_image, job, tiny
from tests.session_harness import SessionHarness
from tests.simulation.device import COUNTS, MEMORY, NAME

Both = tuple[SessionHarness, SessionHarness]
SIZE = "-W 64 -H 64"
QUICK = (f"(a cat)1.3 [dog] -s 2 -S 1 {SIZE}",)
MORE = (
    f"oil -I sketch.png -f .5 -s 4 -S 1 {SIZE}",
    f"a cat -s 3 -S 1 {SIZE} --threshold 1 --perlin .2 --h_symmetry_time_pct .3 --seamless",
    f"a cat -s 2 -S 1 {SIZE} | oil -f .5 -S 2",
    "oil -I sketch.png -c top 64 -s 2 -S 1",
    f"a cat -s 2 -S 1 -n 3 --parallel 2 {SIZE}",
    f"cat.swap(dog) -s 3 -S 1 {SIZE}",
    f'("a cat", "a dog").blend(.5,.5) -s 2 -S 1 {SIZE}',
    "a cat -s 2 -S 1 -W 128 -H 128 --hires_fix",
    f"a cat -s 2 -S 1 {SIZE} -embiggen 2",
    f"a cat -s 4 -S 1 {SIZE} --save_latents",
    f"a cat -s 4 -S 1 {SIZE} --strip --save_intermediates",
    f"a cat -s 2 -S 1 -V 5:.2 {SIZE}",
    f"a cat -s 2 -S 1 {SIZE} --vae_tiling",
    f"a cat -s 2 -S 1 {SIZE} --attention sliced",
    f"a cat -s 2 -S 1 {SIZE} --attention math",
    f"a cat -s 2 -S 1 {SIZE} --fast channels_last",
    f"a cat -s 2 -S 1 {SIZE} --clip_skip 2 --cfg_rescale .5 --eta .5",
    f"oil -I sketch.png -f .5 -s 4 -S 1 {SIZE} --match_colors histogram",
    f"a cat -s 2 -S 1 {SIZE} -U 2",
    f"a cat -s 2 -S 1 {SIZE} --trace",
)
NEED_AN_IMAGE = {"pix2pix", "sdxl-refiner", "sdxl-inpainting", "flux-fill", "kandinsky-2.2-inpainting"}


def images(harness: SessionHarness, line: str) -> list[np.ndarray[tuple[int, ...], np.dtype[np.int16]]]:
    os.chdir(harness.folder)
    assert harness.run(line) is Outcome.OK, harness.errors
    found = []
    for saved in harness.saved:
        with Image.open(harness.folder / saved.path) as image:
            found.append(np.asarray(image.convert("RGB"), dtype=np.int16))
    return found


def difference(both: Both, line: str) -> int:
    """Return how far the images of a line are from the processor's, of 255; its memory must be returned."""
    expected = images(both[0], line)
    images(both[1], line)  # loads the model and fills the caches
    gc.collect()
    before = MEMORY.live
    found = images(both[1], line)
    gc.collect()
    assert MEMORY.live <= before, "live bytes return to their value before the line"
    assert len(found) == len(expected) > 0
    return max(int(np.abs(ours - theirs).max()) for ours, theirs in zip(found, expected, strict=True))


@pytest.mark.feature("accelerators")
@pytest.mark.parametrize("line", QUICK)
def test_a_line_on_an_accelerator(both: Both, line: str) -> None:
    assert difference(both, line) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("line", MORE)
def test_further_lines_on_an_accelerator(both: Both, line: str) -> None:
    assert difference(both, line) <= (2 if "--match_colors" in line else 1)


@pytest.mark.slow
def test_resuming_verifying_and_replaying_on_an_accelerator(both: Both) -> None:
    images(both[1], f"a cat -s 4 -S 1 {SIZE} --save_latents")
    compare_line = f"a dog -I @last:2 {SIZE}"
    images(both[0], f"a cat -s 4 -S 1 {SIZE} --save_latents")
    assert np.abs(images(both[0], compare_line)[0] - images(both[1], compare_line)[0]).max() <= 1
    os.chdir(both[1].folder)
    assert both[1].run("!verify @last") is Outcome.OK and "identical" in both[1].messages
    assert len(images(both[1], "!replay @last")) == 1


@pytest.mark.slow
@pytest.mark.parametrize("how", ["model", "sequential"])
def test_offloading_gives_the_same_image_and_keeps_little_on_the_device(both: Both, how: str) -> None:
    line = f"a cat -s 2 -S 1 {SIZE}"
    expected = images(both[0], line)
    both[1].session.context.engine.unload()
    gc.collect()
    empty = MEMORY.live
    images(both[1], line)
    gc.collect()
    resident = MEMORY.live - empty
    found = images(both[1], f"{line} --offload {how}")
    gc.collect()
    assert np.abs(found[0] - expected[0]).max() <= 1
    assert MEMORY.live - empty < 0.5 * resident


@pytest.mark.feature("accelerators")
@pytest.mark.parametrize("sampler", ["ddim"])
def test_an_accelerator_waits_at_most_once_a_step(both: Both, sampler: str) -> None:
    line = f"a cat -S 1 {SIZE} -A {sampler}"
    waits = []
    for steps in (2, 6):
        images(both[1], f"{line} -s {steps}")  # with its schedule known, as for the second image
        COUNTS.clear()
        images(both[1], f"{line} -s {steps}")
        waits.append(COUNTS["synchronisations"])
    assert waits[0] <= 8
    assert waits[1] - waits[0] <= 4, f"{waits} for 2 and 6 steps"
    assert COUNTS["to_host"] <= 2


@pytest.mark.slow
@pytest.mark.parametrize("sampler", [row.name for row in SAMPLERS if not row.flow])
def test_every_sampler_on_an_accelerator(
    accelerator: Engine, real_engine: Engine, folder_of: Folder, sampler: str
) -> None:
    model = tiny(folder_of("stable-diffusion"))
    expected = np.asarray(first_image(real_engine, job(f"a cat -s 3 -S 5 -A {sampler}", model)), np.int16)
    for steps in (3, 7):
        first_image(accelerator, job(f"a cat -s {steps} -S 5 -A {sampler}", model))
    COUNTS.clear()
    found = np.asarray(first_image(accelerator, job(f"a cat -s 3 -S 5 -A {sampler}", model)), np.int16)
    few = COUNTS["synchronisations"]
    assert np.abs(found - expected).max() <= 2
    COUNTS.clear()
    first_image(accelerator, job(f"a cat -s 7 -S 5 -A {sampler}", model))
    assert COUNTS["synchronisations"] - few <= 4


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(BUILDERS) - NEED_AN_IMAGE))
def test_every_family_on_an_accelerator(accelerator: Engine, real_engine: Engine, folder_of: Folder, name: str) -> None:
    model = tiny(folder_of(name))
    expected = np.asarray(first_image(real_engine, job("a cat -s 2 -S 5", model)), np.int16)
    found = np.asarray(first_image(accelerator, job("a cat -s 2 -S 5", model)), np.int16)
    assert np.abs(found - expected).max() <= 2


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_half_precision_on_an_accelerator(folder_of: Folder, accelerator: Engine, precision: str) -> None:
    del accelerator  # only its device is needed
    engine = open_engine(EngineSettings(device=NAME, precision=precision))
    image = np.asarray(first_image(engine, job("a cat -s 2 -S 5", tiny(folder_of("stable-diffusion")))))
    assert image.std() > 1


@pytest.mark.slow
def test_memory_lowered_step_by_step(both: Both) -> None:
    line = f"a cat -s 2 -S 1 -n 4 --parallel 4 {SIZE}"
    expected = images(both[0], line)
    images(both[1], line)
    gc.collect()
    MEMORY.peak = MEMORY.live
    images(both[1], line)
    needed, resident = MEMORY.peak, MEMORY.live
    outcomes = []
    for share in np.linspace(1.0, 0.02, 12):
        os.chdir(both[1].folder)
        MEMORY.limit = int(resident + (needed - resident) * share)
        outcomes.append(both[1].run(line))
        if outcomes[-1] is Outcome.OK:
            with Image.open(both[1].folder / both[1].saved[-1].path) as image:
                assert np.abs(np.asarray(image.convert("RGB"), np.int16) - expected[-1]).max() <= 1
            assert len(both[1].saved) == 4
        else:
            assert "memory" in both[1].errors[0] or "are free" in both[1].errors[0], both[1].errors
    assert outcomes[0] is Outcome.OK, "ample"
    assert Outcome.OK in outcomes[3:], "a fallback with less"
    MEMORY.limit = 8 << 30
    assert len(images(both[1], line)) == 4, "the next line works"


@pytest.mark.feature("accelerators")
def test_a_device_is_chosen_by_name(accelerator: Engine) -> None:
    assert accelerator.environment()["device"] == "Simulated Accelerator"
    assert accelerator.memory().total == 8 << 30
    with pytest.raises(ConfigError, match="not available"):
        open_engine(EngineSettings(device=f"{NAME}:7"))
    for name in ("meta", "xpu"):
        with pytest.raises(ConfigError, match="not available"):
            open_engine(EngineSettings(device=name))
    assert open_engine(EngineSettings()).environment()["device"] == "cpu", "auto takes devices that it knows"


def test_what_only_cuda_has_is_rejected(accelerator: Engine, folder_of: Folder) -> None:
    model = tiny(folder_of("stable-diffusion"))
    for switch in ("--attention flash", "--fast tf32"):
        with pytest.raises(PlanError, match="needs an NVIDIA GPU and this is Simulated Accelerator"):
            first_image(accelerator, job(f"a cat -s 2 -S 5 {switch}", model))


def test_the_device_mixes_with_no_other(accelerator: Engine, tmp_path: Path) -> None:
    del accelerator, tmp_path
    on_device = torch.ones(3, device=NAME)
    with pytest.raises(RuntimeError, match="same device"):
        on_device + torch.ones(3)
    assert (on_device + torch.tensor(1.0)).tolist() == [2, 2, 2], "a scalar may be anywhere, as on a GPU"
