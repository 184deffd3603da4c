"""GGUF files: headers, incomplete files, and images equal to stock diffusers'."""

from __future__ import annotations

import importlib.util
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from invoke_cli.context.outcome import Outcome
from invoke_cli.engine import Engine, Model
from invoke_cli.errors import ModelError
from invoke_cli.models.files.gguf import read_gguf
from invoke_cli.models.files.single_file import read_file_facts
from invoke_cli.models.registry import ModelSpec
from tests.families.builders import Folder
from tests.families.jobs import SIDE, first_image, job
from tests.session_harness import SessionHarness, pixels

TENSOR = "transformer_blocks.0.attn.to_q.weight"


def write_gguf(path: Path, tensors: dict[str, tuple[int, ...]]) -> Path:
    """Write a GGUF file of float32 zeros, following the format's description."""

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    metadata = text("general.architecture") + struct.pack("<I", 8) + text("flux")
    metadata += text("names") + struct.pack("<IIQ", 9, 8, 2) + text("one") + text("two")
    infos, offset = b"", 0
    for name, shape in tensors.items():
        infos += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape[::-1], 0, offset)
        offset += 4 * int(np.prod(shape))
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), 2) + metadata + infos
    path.write_bytes(head + b"\0" * (-len(head) % 32) + b"\0" * offset)
    return path


def test_the_header_gives_names_shapes_and_completeness(tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "model.gguf", {TENSOR: (4, 8), "x.bias": (4,)})
    header = read_gguf(file)
    assert header is not None and header[TENSOR] == {"dtype": "F32", "shape": [4, 8]}
    whole = file.read_bytes()
    for cut in (len(whole) - 4, 60, 10, 4, 0):
        file.write_bytes(whole[:cut])
        assert read_gguf(file) is None
    file.write_bytes(b"GGUF" + b"\xff" * 200)
    assert read_gguf(file) is None


def test_unusable_files_are_errors(tmp_path: Path) -> None:
    alone = write_gguf(tmp_path / "alone.gguf", {TENSOR: (4, 8)})
    with pytest.raises(ModelError, match="only the transformer"):
        read_file_facts(alone, "alone")
    unet = "model.diffusion_model.input_blocks.0.0.weight"
    old = write_gguf(tmp_path / "old.gguf", {unet: (8, 4, 3, 3), "cond_stage_model.transformer.x": (1,)})
    with pytest.raises(ModelError, match="GGUF is not supported for Stable Diffusion 1"):
        read_file_facts(old, "old")
    old.write_bytes(old.read_bytes()[:100])
    with pytest.raises(ModelError, match=r"not a \.gguf file"):
        read_file_facts(old, "old")


def write_quantised(folder: Path, file: Path) -> Path:
    """Write the transformer in `folder` as a GGUF file, with matrices of whole blocks in 8 bits."""
    gguf = pytest.importorskip("gguf")
    from safetensors.numpy import load_file

    writer: Any = gguf.GGUFWriter(str(file), "flux")
    kind = gguf.GGMLQuantizationType.Q8_0
    for name, tensor in load_file(next((folder / "transformer").glob("*.safetensors"))).items():
        if tensor.ndim == 2 and tensor.shape[1] % 32 == 0:
            writer.add_tensor(name, gguf.quantize(tensor, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def stock(file: Path, folder: Path) -> bytes:
    import torch
    from diffusers import FluxPipeline, FluxTransformer2DModel, GGUFQuantizationConfig

    network = FluxTransformer2DModel.from_single_file(
        str(file), config=str(folder), subfolder="transformer", local_files_only=True, torch_dtype=torch.float32,
        quantization_config=GGUFQuantizationConfig(compute_dtype=torch.float32),
    )  # fmt: skip
    pipeline = FluxPipeline.from_pretrained(folder, transformer=network, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    arguments = {"num_inference_steps": 2, "guidance_scale": 3.5, "width": SIDE, "height": SIDE}
    image = pipeline("a cat", generator=torch.Generator("cpu").manual_seed(42), **arguments).images[0]
    return bytes(image.tobytes())


@pytest.mark.feature("quantize")
def test_images_of_a_gguf_file_equal_stock_diffusers_own(
    real_session: SessionHarness, folder_of: Folder, tmp_path: Path
) -> None:
    folder = folder_of("flux")
    file = write_quantised(folder, tmp_path / "tiny-flux.gguf")
    assert real_session.run(f"!import_model {file} base={folder}") is Outcome.OK, real_session.errors
    line = f"a cat -s 2 -S 42 -W {SIDE} -H {SIDE} -A k_euler"
    (result,) = real_session.draw(f"{line} -m tiny-flux")
    assert pixels(result) == stock(file, folder)
    (full,) = real_session.draw(f"{line} -m {folder}")
    assert pixels(full) != pixels(result), "8 bits differ from 32"
    assert real_session.run(f"!verify {result}") is Outcome.OK and "identical" in real_session.messages
    real_session.run("!model tiny-flux")
    assert "q8_0" in real_session.messages and str(folder) in real_session.messages
    assert real_session.run(f"!convert_model tiny-flux {tmp_path / 'converted'}") is Outcome.FAILED
    assert "quantised" in real_session.errors[0]


def test_without_the_package_gguf_the_error_says_what_to_install(
    real_engine: Engine, folder_of: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folder_of("flux")
    file = write_gguf(tmp_path / "small.gguf", {TENSOR: (32, 32)})
    facts = read_file_facts(file, "small", SIDE, folder)
    model = Model(spec=ModelSpec(name="small", path=str(file), base=str(folder)), facts=facts)
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "gguf" else found(name, *rest))
    with pytest.raises(ModelError, match="needs the package gguf") as caught:
        first_image(real_engine, job("a cat -s 2", model))
    assert "invoke-cli[gguf]" in caught.value.hint
