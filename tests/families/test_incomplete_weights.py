"""Weights that do not fill a network: an error that names file, component and tensor, before the first step."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from invoke_cli.context.outcome import Outcome
from invoke_cli.engine import Engine, Model
from invoke_cli.errors import ModelError
from invoke_cli.events import Notice
from invoke_cli.models.files.folder import read_facts
from invoke_cli.models.files.single_file import read_file_facts
from invoke_cli.models.registry import ModelSpec
from tests.engine.jobs import Events
from tests.families.builders import BUILDERS, Folder
from tests.families.exporting import export
from tests.families.jobs import SIDE, first_image, job, tiny
from tests.session_harness import SessionHarness

Tensors = dict[str, Any]


def change(path: Path, edit: Callable[[Tensors], Tensors]) -> None:
    """Rewrite the tensors of a weight file."""
    from safetensors.torch import load_file, save_file

    save_file({name: value.contiguous() for name, value in edit(load_file(path)).items()}, path, {"format": "pt"})


def model_at(folder: Path) -> Model:
    return Model(spec=ModelSpec(name="damaged", path=str(folder)), facts=read_facts(folder, "damaged"))


def rejected(engine: Engine, model: Model) -> ModelError:
    """Return the error of loading this model."""
    with pytest.raises(ModelError) as caught:
        engine.load(model, Events().hooks())
    assert caught.value.field == "model" and caught.value.hint
    return caught.value


def renamed_half(tensors: Tensors) -> Tensors:
    """Rename every other tensor, as a conversion between two libraries does."""
    return {(name if index % 2 else f"inner.{name}"): value for index, (name, value) in enumerate(tensors.items())}


@pytest.mark.parametrize("name", BUILDERS)
def test_each_network_of_each_family_must_be_complete(
    real_engine: Engine, folder_of: Folder, tmp_path: Path, name: str
) -> None:
    whole = tiny(folder_of(name)).facts
    for part, files in whole.parts.items():
        folder = shutil.copytree(whole.folder, tmp_path / part)
        lost: list[str] = []

        def without_last(tensors: Tensors, lost: list[str] = lost) -> Tensors:
            lost.append(max(tensors))
            return {key: value for key, value in tensors.items() if key != lost[0]}

        change(folder / part / files[0].name, without_last)
        message = rejected(real_engine, model_at(folder)).message
        assert files[0].name in message and "missing in" in message, (part, message)


def test_a_text_encoder_with_renamed_tensors_is_rejected(
    real_engine: Engine, folder_of: Folder, tmp_path: Path
) -> None:
    folder = shutil.copytree(folder_of("stable-diffusion"), tmp_path / "renamed")
    change(folder / "text_encoder" / "model.safetensors", renamed_half)
    message = rejected(real_engine, model_at(folder)).message
    assert "tensors of its text encoder are missing in model.safetensors, the first is " in message
    assert "it contains unknown ones, such as inner." in message


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_a_tensor_of_another_shape_is_rejected(
    real_engine: Engine, folder_of: Folder, tmp_path: Path, part: str
) -> None:
    folder = shutil.copytree(folder_of("stable-diffusion"), tmp_path / "shapes")
    path = next((folder / part).glob("*.safetensors"))

    def longer(tensors: Tensors) -> Tensors:
        name = next(name for name in tensors if name.endswith("bias"))
        return {**tensors, name: tensors[name].repeat(2)}

    change(path, longer)
    message = rejected(real_engine, model_at(folder)).message
    assert f"have another shape in {path.name}, the first is " in message and " instead of " in message


def test_unknown_tensors_of_a_model_are_one_notice_and_harmless_ones_none(
    real_engine: Engine, folder_of: Folder, tmp_path: Path
) -> None:
    import torch

    folder = shutil.copytree(folder_of("stable-diffusion"), tmp_path / "more")
    change(folder / "unet" / "diffusion_pytorch_model.safetensors", lambda own: {**own, "spare": torch.zeros(2)})
    ids = torch.arange(77)[None]
    change(folder / "text_encoder" / "model.safetensors", lambda own: {**own, "embeddings.position_ids": ids})
    model, events = model_at(folder), Events()
    list(real_engine.generate(job("a cat -s 1 -S 1", model), events.hooks()))
    (notice,) = [event.text for event in events if isinstance(event, Notice)]
    assert "1 tensor that does not belong to the UNet (spare): ignored" in notice
    plain = first_image(real_engine, job("a cat -s 1 -S 1", tiny(folder_of("stable-diffusion"))))
    assert first_image(real_engine, job("a cat -s 1 -S 1", model)).tobytes() == plain.tobytes()


@pytest.mark.parametrize(
    ("prefix", "component"),
    [("model.diffusion_model.", "UNet"), ("first_stage_model.", "VAE"), ("cond_stage_model.", "text encoder")],
)
def test_a_single_file_must_be_complete(
    real_engine: Engine, folder_of: Folder, tmp_path: Path, prefix: str, component: str
) -> None:
    folder = folder_of("stable-diffusion")
    file = export(folder, tmp_path / "model.safetensors")
    change(file, lambda own: {key: own[key] for key in own if key != max(key for key in own if key.startswith(prefix))})
    facts = replace(read_file_facts(file, "m", SIDE, folder), size=SIDE)
    message = rejected(real_engine, Model(spec=ModelSpec(name="m", path=str(file)), facts=facts)).message
    assert f"tensors of its {component} are missing in model.safetensors, the first is " in message


@pytest.mark.feature("half-precision")
@pytest.mark.parametrize("name", ["stable-diffusion", "flux"])
def test_the_full_precision_files_are_read_where_both_are_present(
    real_engine: Engine, folder_of: Folder, tmp_path: Path, name: str
) -> None:
    folder = shutil.copytree(folder_of(name), tmp_path / "both")
    for path in list(folder.rglob("*.safetensors")):
        half = path.with_name(path.name.replace(".safetensors", ".fp16.safetensors"))
        shutil.copyfile(path, half)
        change(half, lambda own: {key: value.half() for key, value in own.items()})
    result = first_image(real_engine, job("a cat -s 2 -S 1", model_at(folder)))
    assert result.tobytes() == first_image(real_engine, job("a cat -s 2 -S 1", tiny(folder_of(name)))).tobytes()


def test_an_incomplete_file_is_reported_when_it_is_imported(
    real_session: SessionHarness, folder_of: Folder, tmp_path: Path
) -> None:
    folder = folder_of("stable-diffusion")
    file = export(folder, tmp_path / "part.safetensors")
    change(file, lambda own: {key: own[key] for key in own if "encoder.layers.1" not in key})
    assert real_session.run(f"!import_model {file} base={folder}") is Outcome.OK, real_session.errors
    assert "tensors of its text encoder are missing in part.safetensors" in real_session.notices[0]
    change(file, lambda own: {key: own[key] for key in own if "position_embedding" not in key})
    assert real_session.run(f"!import_model {file} other base={folder}") is Outcome.OK, real_session.errors
    assert "part.safetensors contains no complete text encoder" in real_session.notices[0]
    assert real_session.run("a cat -s 1 -m other") is not Outcome.OK
    assert "part.safetensors contains no complete text encoder" in real_session.errors[0]
    whole = export(folder, tmp_path / "whole.safetensors")
    assert real_session.run(f"!import_model {whole} base={folder}") is Outcome.OK, real_session.errors
    assert len(real_session.notices) == 1 and "missing" not in real_session.notices[0]
