"""The benchmark for GPUs runs from beginning to end on the simulated accelerator, with toy shapes."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import torch

from benchmarks.gpu import Run, measure
from benchmarks.gpu_models import flux_transformer
from tests.simulation.device import NAME, simulated


@pytest.mark.slow
def test_the_benchmark_measures_every_part(tmp_path: Path) -> None:
    run = Run(device=NAME, toy=True, out=tmp_path / "gpu.json", ends=time.monotonic() + 3000)
    with simulated():
        measure(run)
    results = json.loads(run.out.read_text())
    assert results == run.results and len(results) == 10
    failed = {name: text for name, text in results.items() if str(text).startswith(("failed", "skipped"))}
    assert not failed
    assert results["SD 1.5 at 512, 8 images"]["images per second"] > 0
    assert results["SD 1.5 at 512, 8 images"]["peak memory GB"] <= 8


@pytest.mark.slow
def test_without_time_every_part_is_skipped_and_written(tmp_path: Path) -> None:
    run = Run(device=NAME, toy=True, out=tmp_path / "gpu.json", ends=0.0)
    with simulated():
        measure(run)
    assert str(json.loads(run.out.read_text())["SDXL at 1024, 4 images"]).startswith("skipped")


@pytest.mark.slow
@pytest.mark.parametrize(("layout", "billions"), [("sd1", 0.86), ("sdxl", 2.57)])
def test_the_real_shapes_have_the_published_sizes(layout: str, billions: float) -> None:
    """SD 1.5's UNet has 860 million parameters, SDXL's 2.6 billion (Podell et al. 2023, table 1)."""
    from diffusers import UNet2DConditionModel

    from benchmarks.gpu_models import LAYOUTS

    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(LAYOUTS / layout / "unet"))
    assert sum(each.numel() for each in unet.parameters()) / 1e9 == pytest.approx(billions, rel=0.01)


@pytest.mark.slow
def test_flux_has_the_published_size() -> None:
    """FLUX.1's transformer has 12 billion parameters."""
    flux = flux_transformer("meta", torch.bfloat16, toy=False)
    assert sum(each.numel() for each in flux.parameters()) / 1e9 == pytest.approx(11.9, rel=0.01)
    assert next(flux.parameters()).dtype is torch.bfloat16
