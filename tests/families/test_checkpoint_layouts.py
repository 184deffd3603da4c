"""Single files in the key layouts in circulation give the image of their folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from invoke_cli.engine import Engine, Model
from invoke_cli.errors import ModelError
from invoke_cli.models.control_models import control_at
from invoke_cli.models.files.checkpoint_keys import normalise_names
from invoke_cli.models.files.single_file import read_file_facts
from invoke_cli.models.registry import ModelSpec
from tests.families.builders import Folder
from tests.families.exporting import export
from tests.families.jobs import SIDE, first_image, job, tiny

LINE = "a cat -s 2 -S 42"
Tensors = dict[str, Any]


def flat_text_encoder(tensors: Tensors) -> Tensors:
    """Leave out `text_model.`, as merges of NovelAI's model and exports of transformers 5 do."""
    return {name.replace("transformer.text_model.", "transformer."): value for name, value in tensors.items()}


def wrapped(tensors: Tensors) -> Tensors:
    return {f"state_dict.{name}": value for name, value in tensors.items()}


def with_averages(tensors: Tensors) -> Tensors:
    """Add other averaged weights beside the plain ones, which must win."""
    return {**tensors, **{name: value * 0 for name, value in averaged(tensors).items()}}


def averaged(tensors: Tensors) -> Tensors:
    """Return the UNet's tensors under the names of their averages, without dots."""
    unet = {name: value for name, value in tensors.items() if name.startswith("model.diffusion_model.")}
    return {"model_ema." + "".join(name.split(".")[1:]): value for name, value in unet.items()}


def only_averages(tensors: Tensors) -> Tensors:
    others = {name: value for name, value in tensors.items() if not name.startswith("model.diffusion_model.")}
    return {**others, **averaged(tensors)}


def with_second_vae(tensors: Tensors) -> Tensors:
    vae = {name: value for name, value in tensors.items() if name.startswith("first_stage_model.")}
    return {**tensors, **{name.replace("first_stage_model.", "vae."): value * 0 for name, value in vae.items()}}


def with_leftovers(tensors: Tensors) -> Tensors:
    """Add what training and old libraries leave behind: the noise schedule and position IDs, even as floats."""
    import torch

    prefix = "cond_stage_model.transformer.text_model.embeddings."
    return {**tensors, f"{prefix}position_ids": torch.arange(77).half()[None], "betas": torch.zeros(1000),
            "alphas_cumprod": torch.zeros(1000), "global_step": torch.tensor(5)}  # fmt: skip


LAYOUTS: tuple[Callable[[Tensors], Tensors], ...] = (
    flat_text_encoder, wrapped, with_averages, only_averages, with_second_vae, with_leftovers,
)  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["stable-diffusion", "sdxl"])
def test_a_layout_gives_the_image_of_the_folder(
    real_engine: Engine, folder_of: Folder, tmp_path: Path, layout: Callable[[Tensors], Tensors], name: str
) -> None:
    from safetensors.torch import load_file, save_file

    folder = folder_of(name)
    file = export(folder, tmp_path / "model.safetensors")
    tensors = {key: value.contiguous().clone() for key, value in layout(load_file(file)).items()}
    save_file(tensors, file)
    facts = read_file_facts(file, "m", SIDE, folder)
    single = Model(spec=ModelSpec(name="m", path=str(file), base=str(folder)), facts=facts)
    result, expected = (np.asarray(first_image(real_engine, job(LINE, model)), int) for model in (single, tiny(folder)))
    assert np.abs(result - expected).max() <= (1 if name == "sdxl" else 0)


def test_the_names_of_averaged_tensors_are_restored_from_published_ones() -> None:
    names = [
        "input_blocks.0.0.weight", "input_blocks.10.0.in_layers.2.bias", "time_embed.2.weight", "label_emb.0.2.bias",
        "input_blocks.4.1.transformer_blocks.9.attn2.to_out.0.weight", "middle_block.1.proj_in.weight", "out.0.bias",
        "output_blocks.11.1.transformer_blocks.0.ff.net.0.proj.weight", "output_blocks.5.2.conv.weight",
        "input_blocks.3.0.op.bias", "output_blocks.8.0.skip_connection.weight", "output_blocks.2.1.norm.bias",
    ]  # fmt: skip
    flat = ["model_ema.diffusion_model" + name.replace(".", "") for name in names]
    assert list(normalise_names(flat)) == [f"model.diffusion_model.{name}" for name in names]


def test_names_that_are_no_averages_stay_as_they_are() -> None:
    names = ["model_ema.decay", "model_ema.num_updates", "model_ema.diffusion_modelunknown0weight"]
    assert dict(normalise_names(names)) == {name: name for name in names}


def test_control_models_of_other_kinds_are_named(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    save_file({"lllite_unet_input_blocks_4.depth1.weight": torch.zeros(2, 2)}, tmp_path / "x.safetensors")
    with pytest.raises(ModelError, match="x is a ControlNet-LLLite, which is not supported"):
        control_at(tmp_path / "x.safetensors", "x")
    (tmp_path / "config.json").write_text('{"_class_name": "FluxControlNetModel"}')
    with pytest.raises(ModelError, match="a FluxControlNetModel"):
        control_at(tmp_path, "folder")
