"""Models that were trained with zero terminal SNR: detected in files, set in entries, equal to the stock pipeline."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from invoke_cli.engine import Engine, Model
from invoke_cli.errors import ModelError
from invoke_cli.events import Notice
from invoke_cli.models.files.single_file import read_file_facts
from invoke_cli.models.files.zero_snr import with_zero_snr
from invoke_cli.models.registry import ModelSpec, read_models
from tests.engine.jobs import Events
from tests.families.builders import Folder
from tests.families.exporting import export
from tests.families.jobs import SIDE, job, tiny

LINE = "a cat -s 4 -S 42 -A ddim"


def marked(folder: Path, file: Path, names: list[str], metadata: dict[str, str] | None = None) -> Model:
    """Return a single-file model with empty marker tensors or metadata."""
    import torch
    from safetensors.torch import load_file, save_file

    tensors: dict[str, Any] = load_file(export(folder, file))
    save_file({**tensors, **{name: torch.zeros(0) for name in names}}, file, metadata)
    facts = read_file_facts(file, "marked", SIDE, folder)
    return Model(spec=ModelSpec(name="marked", path=str(file)), facts=facts)


def generated(engine: Engine, model: Model, line: str = LINE) -> tuple[bytes, list[str]]:
    events = Events()
    (result,) = engine.generate(job(line, model), events.hooks())
    return result.image.tobytes(), [event.text for event in events if isinstance(event, Notice)]


def stock_with_zero_snr(folder: Path) -> bytes:
    import torch
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    pipeline.scheduler = DDIMScheduler.from_config(
        pipeline.scheduler.config, rescale_betas_zero_snr=True, timestep_spacing="trailing", clip_sample=False,
        set_alpha_to_one=False, steps_offset=1,
    )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    source = torch.Generator("cpu").manual_seed(42)
    image = pipeline("a cat", num_inference_steps=4, guidance_scale=7.5, width=64, height=64, generator=source)
    return bytes(image.images[0].tobytes())


def test_a_marked_file_gives_the_stock_pipelines_image_with_a_rescaled_schedule(
    real_engine: Engine, folder_of: Folder, tmp_path: Path
) -> None:
    folder = folder_of("stable-diffusion-2")
    image, notices = generated(real_engine, marked(folder, tmp_path / "m.safetensors", ["ztsnr", "v_pred"]))
    assert image == stock_with_zero_snr(folder)
    assert any("zero terminal SNR, according to its tensor ztsnr" in text for text in notices)


def test_the_trainers_metadata_and_the_entry_decide_as_well(folder_of: Folder, tmp_path: Path) -> None:
    folder = folder_of("stable-diffusion-2")
    trained = marked(folder, tmp_path / "t.safetensors", [], {"ss_zero_terminal_snr": "True"}).facts
    assert "ss_zero_terminal_snr" in trained.zero_snr_source
    assert not with_zero_snr(trained, False, "m").zero_snr_source
    assert with_zero_snr(tiny(folder).facts, True, "m").zero_snr_source == "its entry"
    (spec,) = read_models("m:\n  path: x\n  zero_snr: yes\n", "models.yaml")
    assert spec.zero_snr is True
    with pytest.raises(ModelError, match="flow matching"):
        with_zero_snr(tiny(folder_of("flux")).facts, True, "m")


def test_a_sampler_without_such_a_schedule_gives_a_notice(real_engine: Engine, folder_of: Folder) -> None:
    model = tiny(folder_of("stable-diffusion-2"))
    model = replace(model, facts=with_zero_snr(model.facts, True, "m"))
    _, notices = generated(real_engine, model, "a cat -s 2 -S 42 -A k_lms")
    assert any(text.startswith("k_lms does not support zero terminal SNR") for text in notices)
