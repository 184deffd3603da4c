"""Prediction types, detected from the file or set by the entry: base models of Stable Diffusion 2 predict noise."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from invoke_cli.context.outcome import Outcome
from invoke_cli.models.files.single_file import read_file_facts
from tests.families.builders import Folder
from tests.session_harness import SessionHarness, pixels

_STEM = "model.diffusion_model."
_LATE = f"{_STEM}output_blocks.11.1.transformer_blocks.0.norm1.bias"
LINE = "a cat -s 2 -S 42 -A ddim -W 64 -H 64"


def checkpoint(path: Path, *, metadata: dict[str, str], spread: float | None = None, **more: bytes) -> Path:
    """Write a file with the names and shapes of Stable Diffusion 2 and hardly any tensors."""
    data = b""
    header: dict[str, object] = {"__metadata__": metadata}
    biases = b"".join(struct.pack("<e", (spread or 0) * (-1) ** number) for number in range(320))
    shapes: dict[str, tuple[str, list[int], bytes]] = {
        f"{_STEM}input_blocks.0.0.weight": ("F16", [320, 4, 0, 3], b""),
        "cond_stage_model.model.ln_final.weight": ("F16", [0], b""),
        "first_stage_model.decoder.conv_in.weight": ("F16", [0], b""),
        **({} if spread is None else {_LATE: ("F16", [320], biases)}),
        **{key: ("I64", [len(value) // 8], value) for key, value in more.items()},
    }
    for key, (kind, shape, content) in shapes.items():
        header[key] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


@pytest.mark.parametrize(
    ("metadata", "spread", "more", "predicts", "prediction_type_source"),
    [
        ({}, None, {}, "v_prediction", ""),
        ({"modelspec.prediction_type": "epsilon"}, None, {}, "epsilon", "its metadata (modelspec.prediction_type)"),
        ({"modelspec.prediction_type": "v"}, 0.03, {}, "v_prediction", ""),
        ({"ss_v_parameterization": "False"}, 0.2, {}, "epsilon", "its training metadata (ss_v_parameterization)"),
        ({}, None, {"global_step": struct.pack("<q", 875000)}, "epsilon", "its training step, 875000"),
        ({}, 0.03, {}, "epsilon", "the standard deviation of its late biases, 0.030"),
        ({}, 0.15, {}, "v_prediction", ""),
        ({}, 0.03, {"v_pred": b""}, "v_prediction", ""),
    ],
)  # fmt: skip
def test_the_prediction_type_of_stable_diffusion_2_is_detected(
    tmp_path: Path,
    metadata: dict[str, str],
    spread: float | None,
    more: dict[str, bytes],
    predicts: str,
    prediction_type_source: str,
) -> None:
    facts = read_file_facts(checkpoint(tmp_path / "two.safetensors", metadata=metadata, spread=spread, **more), "two")
    assert facts.family.name == "stable-diffusion-2"
    assert (facts.prediction_type, facts.prediction_type_source) == (predicts, prediction_type_source)
    assert facts.size == (512 if predicts == "epsilon" else 768)


def test_an_entry_sets_the_prediction_type(real_session: SessionHarness, folder_of: Folder) -> None:
    folder = folder_of("stable-diffusion-2")
    models_file = real_session.folder / "root" / "configs" / "models.yaml"
    entries = f"velocity:\n  path: {folder}\nnoise:\n  path: {folder}\n  prediction: epsilon\n"
    models_file.write_text(models_file.read_text(encoding="utf-8") + entries, encoding="utf-8")
    (own,) = real_session.draw(f"{LINE} -m velocity")
    (result,) = real_session.draw(f"{LINE} -m noise")
    assert "noise predicts epsilon, according to its entry" in real_session.notices
    assert pixels(result) == stock(folder) != pixels(own)
    assert real_session.run(f"!verify {result}") is Outcome.OK, real_session.messages
    real_session.run("!model noise")
    assert "epsilon (from its entry)" in real_session.messages
    real_session.run("!edit_model noise prediction none")
    assert real_session.run(f"!verify {result}") is Outcome.FAILED
    assert "model_hash: the file has" in real_session.messages, "the entry affects the image"
    (again,) = real_session.draw(f"{LINE} -m velocity")
    assert pixels(again) == pixels(own)


def stock(folder: Path) -> bytes:
    import diffusers
    import torch

    pipeline = diffusers.StableDiffusionPipeline.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    pipeline.scheduler = diffusers.DDIMScheduler.from_config(
        pipeline.scheduler.config, prediction_type="epsilon", steps_offset=1
    )
    pipeline.set_progress_bar_config(disable=True)
    generator = torch.Generator("cpu").manual_seed(42)
    image = pipeline(
        "a cat", num_inference_steps=2, guidance_scale=7.5, width=64, height=64, generator=generator
    ).images[0]
    return bytes(image.tobytes())


def test_a_prediction_type_is_rejected_for_flow_matching_models(
    real_session: SessionHarness, folder_of: Folder
) -> None:
    models_file = real_session.folder / "root" / "configs" / "models.yaml"
    entry = f"flowing:\n  path: {folder_of('flux')}\n  prediction: epsilon\n"
    models_file.write_text(models_file.read_text(encoding="utf-8") + entry, encoding="utf-8")
    assert real_session.run("a cat -m flowing") is Outcome.FAILED
    assert "flowing (FLUX.1 dev) is a flow matching model" in real_session.errors[0]


def test_a_new_default_model_replaces_the_old_one(fake_session: SessionHarness, tiny_model: Path) -> None:
    models_file = fake_session.folder / "root" / "configs" / "models.yaml"
    models_file.write_text(
        models_file.read_text(encoding="utf-8") + f"other:\n  path: {tiny_model}\n", encoding="utf-8"
    )
    assert fake_session.run("!edit_model other default yes") is Outcome.OK, fake_session.errors
    assert models_file.read_text(encoding="utf-8").count("default:") == 1
    fake_session.draw("a cat -s 1")
    fake_session.run("!model")
    assert "other" in fake_session.messages.splitlines()[0]
