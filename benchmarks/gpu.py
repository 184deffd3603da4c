"""Measure this program on a GPU against a plain diffusers script, in at most five minutes.

    python -m benchmarks.gpu [--device cuda] [--seconds 300] [--out gpu.json]

The models have the real shapes of SD 1.5, SDXL and FLUX.1, with random weights that are created on the device: speed
and memory do not depend on what they draw. Runs alternate; ratios are medians. Each part is written to the JSON file as
soon as it is measured, and parts for which no time is left are skipped, so that an interrupted run leaves results.
The aims: SD 1.5 with -n 8 at twice the speed of the script, SDXL at 1.4 times, and at most 1.05 of its peak memory.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch

from benchmarks.gpu_models import flux_transformer, write_model
from invoke_cli import Session

PROMPT = "a red house on a green hill, sunset"


@dataclass(kw_only=True)
class Run:
    """A run of the benchmark: its settings, the time that is left, and the results so far."""

    device: str
    toy: bool
    out: Path
    ends: float
    results: dict[str, Any] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        """The steps of an image."""
        return 2 if self.toy else 20

    def measured(self, name: str, seconds: float, work: Callable[[], object]) -> None:
        """Measure a part that takes about so many seconds, if they are left, and write the results so far."""
        if time.monotonic() + seconds > self.ends:
            self.results[name] = "skipped: no time was left"
        else:
            started = time.monotonic()
            try:
                self.results[name] = work()
            except (RuntimeError, OSError, ValueError) as error:
                self.results[name] = f"failed: {type(error).__name__}: {str(error)[:300]}"
            print(f"{name} ({time.monotonic() - started:.0f} s): {self.results[name]}", flush=True)
        self.out.write_text(json.dumps(self.results, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Measure all parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--out", default="gpu.json")
    parser.add_argument("--toy", action="store_true", help="toy shapes, to try the script itself")
    options = parser.parse_args()
    measure(
        Run(
            device=options.device, toy=options.toy, out=Path(options.out).absolute(),
            ends=time.monotonic() + options.seconds,
        )
    )  # fmt: skip


def measure(run: Run) -> None:
    """Measure all parts, the most important ones first."""
    run.results["device"] = _module(run).get_device_name(run.device)
    run.results["torch"] = torch.__version__
    run.measured("matmul, TFLOP/s", 5, lambda: _matmul_rates(run))
    with tempfile.TemporaryDirectory() as folder:
        sd1, sdxl = Path(folder) / "sd1", Path(folder) / "sdxl"
        run.measured("write SD 1.5", 15, lambda: str(_write(run, "sd1", sd1)))
        run.measured("SD 1.5 at 512, 8 images", 45, lambda: _against_script(run, sd1, 512, 8))
        run.measured("write SDXL", 30, lambda: str(_write(run, "sdxl", sdxl)))
        run.measured("SDXL at 1024, 4 images", 60, lambda: _against_script(run, sdxl, 1024, 4))
        run.measured("SD 1.5, --parallel", 30, lambda: _parallel(run, sd1))
        run.measured("SD 1.5, --fast", 60, lambda: _fast(run, sd1))
    run.measured("FLUX.1 transformer, seconds a step", 40, lambda: _flux(run))


def _module(run: Run) -> Any:
    return torch.get_device_module(torch.device(run.device))


def _write(run: Run, layout: str, folder: Path) -> Path:
    if not run.toy:
        return write_model(layout, folder, run.device, torch.float16)
    from tests.families.builders import build

    return build("stable-diffusion" if layout == "sd1" else "sdxl", folder)


def _matmul_rates(run: Run) -> dict[str, float]:
    """Return the rate of large matrix products, which no model can exceed."""
    side = 64 if run.toy else 8192
    rates = {}
    for dtype in (torch.float16, torch.bfloat16):
        one, other = (torch.randn(side, side, device=run.device, dtype=dtype) for _ in range(2))
        seconds = min(_timed(run, lambda: one @ other) for _ in range(5))  # noqa: B023
        rates[str(dtype).removeprefix("torch.")] = round(2 * side**3 / seconds / 1e12, 1)
    return rates


def _timed(run: Run, work: Callable[[], object]) -> float:
    _module(run).synchronize()
    started = time.perf_counter()
    work()
    _module(run).synchronize()
    return time.perf_counter() - started


# -- this program against a plain script ----------------------------------------------------------------------


@contextmanager
def _session(run: Run, folder: Path, side: int) -> Iterator[Session]:
    side = 64 if run.toy else side
    options: Any = {"device": run.device, "precision": "float32" if run.toy else "float16", "model": str(folder)}
    with Session(outdir=None, steps=run.steps, width=side, height=side, sampler="ddim", **options) as session:
        yield session


def _script(run: Run, folder: Path) -> Any:
    """Return the pipeline of a plain script."""
    from diffusers import DDIMScheduler, DiffusionPipeline

    dtype = torch.float32 if run.toy else torch.float16
    pipeline = DiffusionPipeline.from_pretrained(folder, torch_dtype=dtype, local_files_only=True).to(run.device)
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _against_script(run: Run, folder: Path, side: int, count: int) -> dict[str, float]:
    """Return images per second and peak memory of both, with their ratios (program / script)."""
    pixels = 64 if run.toy else side
    with tempfile.TemporaryDirectory() as images, _session(run, folder, side) as session:

        def ours() -> None:
            session.generate(PROMPT, seed=1, num_images=count).all()

        ours()
        own_peak = _peak(run, ours)
        pipeline = _script(run, folder)
        before = int(_module(run).memory_allocated(run.device))

        def script() -> None:
            for seed in range(count):
                generator = torch.Generator("cpu").manual_seed(seed)
                sizes = {"width": pixels, "height": pixels, "num_inference_steps": run.steps}
                image = pipeline(PROMPT, generator=generator, **sizes).images[0]
                image.save(Path(images) / f"{seed}.png")

        script()
        # The weights of both models have the same size, so the rest of the peak is comparable.
        script_peak = _peak(run, script) - before // 2
        rounds = [(_timed(run, ours), _timed(run, script)) for _ in range(1 if run.toy else 3)]
    ratio = statistics.median(theirs / own for own, theirs in rounds)
    own, theirs = (statistics.median(each) for each in zip(*rounds, strict=True))
    return {
        "images per second": round(count / own, 3),
        "of the script": round(count / theirs, 3),
        "times as fast": round(ratio, 3),
        "peak memory GB": round(own_peak / 1e9, 2),
        "peak memory of the script GB": round(script_peak / 1e9, 2),
    }


def _peak(run: Run, work: Callable[[], object]) -> int:
    """Return the greatest number of bytes in use during some work."""
    module = _module(run)
    module.reset_peak_memory_stats(run.device)
    work()
    return int(module.max_memory_allocated(run.device))


def _parallel(run: Run, folder: Path) -> dict[str, float]:
    """Return images per second for each batch size."""
    found = {}
    with _session(run, folder, 512) as session:
        for size in (1, 2) if run.toy else (1, 2, 4, 8):

            def batch(size: int = size) -> None:
                session.generate(PROMPT, seed=1, num_images=size, parallel=size).all()

            batch()
            found[f"--parallel {size}"] = round(size / _timed(run, batch), 3)
    return found


def _fast(run: Run, folder: Path) -> dict[str, float]:
    """Return how many times as fast each speed-up is; compiling is not counted."""
    names = ["channels_last"] if run.toy else ["channels_last", "compile", "channels_last,compile"]
    found = {}
    with _session(run, folder, 512) as session:

        def image(fast: str | None) -> None:
            session.generate(PROMPT, seed=1, fast=fast).first()

        for name in names:
            image(None)
            image(name)
            rounds = [(_timed(run, lambda: image(None)), _timed(run, lambda: image(name))) for _ in range(3)]  # noqa: B023
            found[name] = round(statistics.median(plain / fast for plain, fast in rounds), 3)
    return found


def _flux(run: Run) -> dict[str, float]:
    """Return the seconds of a step of FLUX.1's transformer at 1024 x 1024 pixels in bfloat16."""
    dtype = torch.float32 if run.toy else torch.bfloat16
    model = flux_transformer(run.device, dtype, toy=run.toy)
    tokens = 16 if run.toy else 4096
    width, text, pooled = model.config.in_channels, model.config.joint_attention_dim, model.config.pooled_projection_dim

    def made(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, device=run.device, dtype=dtype)

    arguments = {
        "hidden_states": made(1, tokens, width), "encoder_hidden_states": made(1, 64, text),
        "pooled_projections": made(1, pooled), "timestep": made(1), "guidance": made(1),
        "img_ids": made(tokens, 3), "txt_ids": made(64, 3),
    }  # fmt: skip
    with torch.no_grad():
        model(**arguments)
        return {"bfloat16": round(min(_timed(run, lambda: model(**arguments)) for _ in range(3)), 4)}


if __name__ == "__main__":
    main()
