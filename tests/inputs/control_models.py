"""Entries for control models, and images that stock pipelines generate with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from invoke_cli.imaging.paste import composite
from tests.families.jobs import mask
from tests.session_harness import SessionHarness

LINE = "a cat -s3 -C5 -A ddim -S 5"


def enter(harness: SessionHarness, **entries: Path) -> None:
    """Enter control models, each given as `path:kind`."""
    with (harness.folder / "root/configs/models.yaml").open("a") as file:
        for name, entry in entries.items():
            path, _, kind = str(entry).rpartition(":")
            file.write(f"{name}:\n  path: {path}\n  control: {kind}\n")


def composite_inpainted(init: Image.Image, painted: bytes) -> bytes:
    """Return an inpainted image with the init image restored outside the mask."""
    return composite(init, Image.frombytes("RGB", (64, 64), painted), np.asarray(mask())).tobytes()


def stock(model: Path, networks: Sequence[Path], pipeline: str, **arguments: Any) -> bytes:
    """Return the image that diffusers generates with the model and the ControlNets."""
    import diffusers
    import torch

    loaded = [diffusers.ControlNetModel.from_pretrained(net, local_files_only=True) for net in networks]
    result = getattr(diffusers, pipeline).from_pretrained(
        model, controlnet=loaded[0] if len(loaded) == 1 else loaded, dtype=torch.float32, local_files_only=True
    )
    result.scheduler = diffusers.DDIMScheduler.from_config(
        result.scheduler.config, clip_sample=False, set_alpha_to_one=False, steps_offset=1
    )
    result.set_progress_bar_config(disable=True)
    arguments = {"controlnet_conditioning_scale": 1.0, **arguments}
    generator = torch.Generator("cpu").manual_seed(5)
    image = result("a cat", num_inference_steps=3, guidance_scale=5.0, generator=generator, **arguments).images[0]
    return bytes(image.tobytes())
