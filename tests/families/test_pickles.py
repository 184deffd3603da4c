"""Folders and files with pickled weights: rejected by name, and usable after the conversion that the error names."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from invoke_cli.context.outcome import Outcome
from invoke_cli.events import Failed
from tests.inputs.test_loras import train
from tests.sample_images import drawing
from tests.session_harness import SessionHarness, pixels
from tests.tiny_controls import build_controlnet


def test_a_pickled_folder_is_rejected_until_each_file_is_converted(
    real_session: SessionHarness, tiny_model: Path, tmp_path: Path
) -> None:
    old = shutil.copytree(tiny_model, tmp_path / "an old model")
    for path in old.rglob("*.safetensors"):
        name = "pytorch_model" if path.stem == "model" else path.stem
        torch.save(load_file(path), path.with_name(f"{name}.bin"))
        path.unlink()
    line = "a cat -s2 -S1 -W 64 -H 64"
    rejections = 0
    while real_session.run(f'{line} -m "{old}"') is not Outcome.OK:
        rejections += 1
        error = next(event.error for event in reversed(real_session.events) if isinstance(event, Failed))
        assert rejections < 4 and "is a pickle, which can run code" in error.message
        convert = re.search(r"!convert_model .*?\.safetensors\"", error.hint)
        assert convert is not None and real_session.run(convert[0]) is Outcome.OK
    result, own = sorted(tmp_path.glob("outputs/*.png"))[-1], real_session.draw(line)[0]
    assert rejections == 3 and np.array_equal(np.asarray(Image.open(result)), np.asarray(Image.open(own)))


END = "-s2 -S1 -W 64 -H 64"


def convert_as_hinted(harness: SessionHarness, line: str) -> str:
    """Run the conversion that the error of `line` names; return the notice about the new file."""
    assert harness.run(line) is not Outcome.OK
    error = next(event.error for event in harness.events if isinstance(event, Failed))
    assert "is a pickle" in error.message and "can run code" in error.message
    convert = re.search(r"!convert_model .*?\.(pt|bin)", error.hint)
    assert convert is not None and harness.run(convert[0]) is Outcome.OK, harness.errors
    return harness.notices[-1]


@pytest.mark.parametrize("kind", ["diffusers", "a1111", "first"])
def test_a_pickled_embedding_can_be_used_after_conversion(real_session: SessionHarness, kind: str) -> None:
    folder = real_session.folder / "root" / "embeddings"
    folder.mkdir()
    torch.manual_seed(3)
    vectors = torch.randn(2, 32)
    word = {"string_to_token": {"*": torch.tensor(265)}}
    content = {
        "diffusers": {"<toy>": vectors},
        "a1111": {**word, "string_to_param": {"*": vectors.requires_grad_()}, "name": "toy", "step": 900},
        "first": {**word, "string_to_param": torch.nn.ParameterDict({"*": torch.nn.Parameter(vectors)})},
    }[kind]
    torch.save(content, folder / "toy.pt")
    save_file({"emb_params": vectors.detach()}, folder / "safe.safetensors")
    assert convert_as_hinted(real_session, f"a <toy> {END}").endswith("; use it with <toy> in a prompt")
    (result,), (same,) = (real_session.draw(f"a <{name}> {END}") for name in ("toy", "safe"))
    assert np.array_equal(np.asarray(Image.open(result)), np.asarray(Image.open(same)))


def test_a_pickled_lora_can_be_used_after_conversion(real_session: SessionHarness, tiny_model: Path) -> None:
    folder = real_session.folder / "root" / "loras"
    train(tiny_model, folder / "safe.safetensors", 1, ["to_q"])
    torch.save(load_file(folder / "safe.safetensors"), folder / "film.bin")
    assert convert_as_hinted(real_session, f"a cat {END} --lora film").endswith("; use it with --lora film")
    (result,), (same,) = (real_session.draw(f"a cat {END} --lora {name}") for name in ("film", "safe"))
    assert np.array_equal(np.asarray(Image.open(result)), np.asarray(Image.open(same)))


@pytest.mark.parametrize("suffix", ["pth", "bin"])
def test_a_pickled_control_model_can_be_imported_after_conversion(
    real_session: SessionHarness, tiny_model: Path, tmp_path: Path, suffix: str
) -> None:
    safe = build_controlnet(tmp_path / "safe_canny", tiny_model, 1)
    tensors = load_file(safe / "diffusion_pytorch_model.safetensors")
    file = tmp_path / f"control_v11p_depth.{suffix}"
    torch.save({"state_dict": tensors} if suffix == "pth" else tensors, file)
    drawing(64, 64).save("depth.png")
    assert real_session.run(f"!import_model {file}") is not Outcome.OK
    error = next(event.error for event in real_session.events if isinstance(event, Failed))
    convert = re.search(r"!convert_model \S+", error.hint)
    assert convert is not None and real_session.run(convert[0]) is Outcome.OK, real_session.errors
    add = re.search(r"!import_model .*", real_session.notices[-1])
    assert add is not None and real_session.run(add[0]) is Outcome.OK, real_session.errors
    assert real_session.run(f"!import_model {safe} safe") is Outcome.OK
    (result,) = real_session.draw(f"a cat {END} --control control_v11p_depth:depth.png")
    (same,) = real_session.draw(f"a cat {END} --control safe:depth.png")
    (plain,) = real_session.draw(f"a cat {END}")
    assert pixels(result) == pixels(same) != pixels(plain)
    assert real_session.run(f"!verify {result}") is Outcome.OK


@pytest.mark.feature("no-pickle")
def test_a_pickle_that_would_run_code_is_never_loaded(real_session: SessionHarness, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (tmp_path / "ran",)

    (real_session.folder / "root" / "embeddings").mkdir()
    file = real_session.folder / "root" / "embeddings" / "toy.pt"
    torch.save({"string_to_param": {"*": Trap()}}, file)
    assert real_session.run(f"!convert_model {file}") is not Outcome.OK
    assert "contains more than tensors" in real_session.errors[0]
    assert not (tmp_path / "ran").exists() and not file.with_suffix(".safetensors").exists()
