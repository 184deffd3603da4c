"""Control models and pictures for them, and what the stock pipelines make of the same."""

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
    """Enter control models; the kind stands behind the path."""
    with (harness.folder / "root/configs/models.yaml").open("a") as file:
        for name, entry in entries.items():
            path, _, kind = str(entry).rpartition(":")
            file.write(f"{name}:\n  path: {path}\n  control: {kind}\n")


def put_back(init: Image.Image, painted: bytes) -> bytes:
    """A painted picture in the place of the mask, as every painted one is put back."""
    return composite(init, Image.frombytes("RGB", (64, 64), painted), np.asarray(mask())).tobytes()


def stock(model: Path, nets: Sequence[Path], pipeline: str, **arguments: Any) -> bytes:
    """What diffusers makes of the model and the ControlNets by itself."""
    import diffusers
    import torch

    networks = [diffusers.ControlNetModel.from_pretrained(net, local_files_only=True) for net in nets]
    made = getattr(diffusers, pipeline).from_pretrained(
        model, controlnet=networks[0] if len(networks) == 1 else networks, dtype=torch.float32, local_files_only=True
    )
    made.scheduler = diffusers.DDIMScheduler.from_config(
        made.scheduler.config, clip_sample=False, set_alpha_to_one=False, steps_offset=1
    )
    made.set_progress_bar_config(disable=True)
    arguments = {"controlnet_conditioning_scale": 1.0, **arguments}
    generator = torch.Generator("cpu").manual_seed(5)
    image = made("a cat", num_inference_steps=3, guidance_scale=5.0, generator=generator, **arguments).images[0]
    return bytes(image.tobytes())
