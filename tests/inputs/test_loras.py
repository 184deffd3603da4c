"""LoRAs: images equal diffusers' own at any weight, the model is restored exactly, and bad files are errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from invoke_cli.context.outcome import Outcome
from invoke_cli.events import Loading
from tests.session_harness import SessionHarness, pixels

LINE = "a cat -s3 -C5 -A ddim -S 5"


def train(model: Path, path: Path, seed: int, targets: list[str], text: bool = False, rank: int = 2) -> None:
    """Write a LoRA of random weights for a model."""
    from diffusers import StableDiffusionPipeline
    from diffusers.utils import convert_state_dict_to_diffusers
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    pipeline = StableDiffusionPipeline.from_pretrained(model, dtype=torch.float32, local_files_only=True)
    torch.manual_seed(seed)
    layers: dict[str, Any] = {}
    parts = {"unet": targets} | ({"text_encoder": ["q_proj", "v_proj"]} if text else {})
    for name, targeted in parts.items():
        part = getattr(pipeline, name)
        part.add_adapter(
            LoraConfig(r=rank, lora_alpha=rank, target_modules=targeted, init_lora_weights="gaussian"), "it"
        )
        for key, tensor in part.named_parameters():
            if "lora_B" in key:
                torch.nn.init.normal_(tensor, std=0.3)
        layers[name] = convert_state_dict_to_diffusers(get_peft_model_state_dict(part, adapter_name="it"))
    path.parent.mkdir(parents=True, exist_ok=True)
    StableDiffusionPipeline.save_lora_weights(
        path.parent,
        unet_lora_layers=layers["unet"],
        text_encoder_lora_layers=layers.get("text_encoder"),
        weight_name=path.name,
    )


@pytest.fixture(scope="module")
def loras(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("loras")
    train(tiny_model, folder / "film.safetensors", 1, ["to_q", "to_k", "to_v"], text=True)
    train(tiny_model, folder / "styles" / "ink.safetensors", 2, ["to_q", "to_out.0"])
    return folder


@pytest.fixture
def control_session(real_session: SessionHarness, loras: Path) -> SessionHarness:
    (real_session.folder / "root" / "loras").symlink_to(loras)
    return real_session


def stock(model: Path, loras: Path, weights: dict[str, float]) -> bytes:
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(model, dtype=torch.float32, local_files_only=True)
    pipeline.scheduler = DDIMScheduler.from_config(
        pipeline.scheduler.config, clip_sample=False, set_alpha_to_one=False, steps_offset=1
    )
    pipeline.set_progress_bar_config(disable=True)
    for name in weights:
        pipeline.load_lora_weights(str(loras), weight_name=f"{name}.safetensors", adapter_name=name.replace("/", "_"))
    pipeline.set_adapters([name.replace("/", "_") for name in weights], list(weights.values()))
    generator = torch.Generator("cpu").manual_seed(5)
    image = pipeline("a cat", num_inference_steps=3, guidance_scale=5.0, generator=generator).images[0]
    return bytes(image.tobytes())


@pytest.mark.feature("lora")
def test_loras_equal_diffusers_own_and_leave_no_state(
    control_session: SessionHarness, tiny_model: Path, loras: Path
) -> None:
    (plain,) = control_session.draw(LINE)
    (one,) = control_session.draw(f"{LINE} --lora film:0.8")
    assert pixels(one) == stock(tiny_model, loras, {"film": 0.8}) != pixels(plain)
    assert "--lora film:0.8" in control_session.saved[0].line
    (two,) = control_session.draw(f"{LINE} --lora film:0.8 --lora styles/ink:-.5")
    assert pixels(two) == stock(tiny_model, loras, {"film": 0.8, "styles/ink": -0.5})
    (none,) = control_session.draw(f"{LINE} --lora film:0")
    assert pixels(none) == pixels(plain), "weight 0 is no LoRA"
    (after,) = control_session.draw(LINE)
    assert pixels(after) == pixels(plain), "the model is restored"
    assert not [event for event in control_session.events if isinstance(event, Loading)]


@pytest.mark.parametrize(
    ("line", "weight"),
    [
        (f"{LINE} --lora film:.4 --lora film:.4", "film:.8"),
        (f"{LINE} --lora film:.4,film:.5 --lora film:-.1", "film:.8"),
        (f"{LINE} --lora ink:.25 --lora styles/ink:.25", "ink:.5"),
        (LINE.replace("a cat", "a cat <lora:film:.4> withLora(film,.4)"), "film:.8"),
    ],
)
def test_weights_of_one_lora_add_up(control_session: SessionHarness, line: str, weight: str) -> None:
    (sum_of_weights,) = control_session.draw(line)
    (once,) = control_session.draw(f"{LINE} --lora {weight}")
    assert pixels(sum_of_weights) == pixels(once)
    assert control_session.run(f"!verify {sum_of_weights}") is Outcome.OK, control_session.messages
    assert control_session.run(f"{LINE} --lora film:6 --lora film:6") is Outcome.FAILED
    assert "add up to 12" in control_session.errors[0]


def test_switching_loras_does_not_reload_the_model(control_session: SessionHarness) -> None:
    control_session.draw(LINE)
    control_session.run(f"{LINE} --lora film:0.8", f"{LINE} --lora ink", f"withLora(film,.3) {LINE}", LINE)
    assert len(control_session.saved) == 4 and not control_session.of(Loading)


@pytest.mark.feature("adapters-shown")
def test_all_spellings_of_loras_are_equivalent_and_verify(control_session: SessionHarness) -> None:
    (switched,) = control_session.draw(f"{LINE} --lora film:0.8")
    for prompt in ("a cat withLora(film,0.8)", "a cat <lora:film:0.8>", "useLora(film,.8) a cat"):
        (result,) = control_session.draw(LINE.replace("a cat", prompt))
        assert pixels(result) == pixels(switched)
        assert control_session.run(f"!verify {result}") is Outcome.OK, control_session.messages
    assert control_session.run(f"!verify {switched}") is Outcome.OK, control_session.messages
    assert '"lora_hashes": {"film": "' in switched.read_bytes().decode("latin-1")


def test_verify_reports_a_changed_lora_file(control_session: SessionHarness, loras: Path, tiny_model: Path) -> None:
    root = control_session.folder / "root" / "loras"
    root.unlink()
    train(tiny_model, root / "film.safetensors", 1, ["to_q"])
    (result,) = control_session.draw(f"{LINE} --lora film")
    train(tiny_model, root / "film.safetensors", 9, ["to_q"])
    assert control_session.run(f"!verify {result}") is Outcome.FAILED
    assert "lora_hashes" in control_session.messages


@pytest.mark.feature("check")
def test_check_names_every_lora_that_does_not_fit(control_session: SessionHarness, tmp_path: Path) -> None:
    from tests.tiny_models import build_tiny_model

    root = control_session.folder / "root" / "loras"
    kept = root.resolve()
    root.unlink()
    train(build_tiny_model(tmp_path / "other", block=32), root / "wide.safetensors", 1, ["to_q"])
    (root / "film.safetensors").symlink_to(kept / "film.safetensors")
    before = pixels(control_session.draw(LINE)[0])
    assert control_session.run("!check a cat --lora film") is Outcome.OK, control_session.errors
    assert control_session.run("!check a cat --lora wide,film --control canny:none.png") is Outcome.FAILED
    problems = [text for text in control_session.messages.splitlines() if text.startswith("problem")]
    assert len(problems) == 2 and "wide does not fit" in problems[1], problems
    assert pixels(control_session.draw(LINE)[0]) == before, "a check leaves no LoRA behind"


@pytest.mark.feature("lora")
def test_a_bad_lora_is_an_error_before_sampling(control_session: SessionHarness, tmp_path: Path) -> None:
    from tests.tiny_models import build_tiny_model

    root = control_session.folder / "root" / "loras"
    root.unlink()
    other = build_tiny_model(tmp_path / "other", block=32)
    train(other, root / "wide.safetensors", 1, ["to_q"])
    (root / "broken.safetensors").write_bytes(b"no tensors here")
    (root / "old.ckpt").write_bytes(b"x")
    messages = {
        "--lora wide": "the LoRA wide does not fit tiny (Stable Diffusion 1.x): ",
        "--lora broken": "the LoRA broken is incomplete or not a .safetensors file",
        "--lora old": "the LoRA old is a pickle (old.ckpt)",
        "--lora wid": f"no such LoRA: wid (in {root}",
        "--lora film:99": "--lora takes a weight from -10 to 10, not 99",
    }
    for switch, message in messages.items():
        assert control_session.run(f"{LINE} {switch}") is not Outcome.OK
        assert control_session.errors[0].startswith(message), control_session.errors
    control_session.draw(LINE)


@pytest.mark.parametrize("name", ["a,b", "one, two, three", "end ", "x (v1.0)", "[red], blue", "film.v2"])
def test_a_lora_is_found_under_any_file_name(real_session: SessionHarness, loras: Path, name: str) -> None:
    folder = real_session.folder / "root" / "loras"
    folder.mkdir()
    for target in (f"{name}.safetensors", "plain.safetensors"):
        (folder / target).write_bytes((loras / "film.safetensors").read_bytes())
    (expected,) = real_session.draw(f"{LINE} --lora plain:0.8")
    (result,) = real_session.draw(f'{LINE} --lora "{name}:0.8"')
    assert pixels(result) == pixels(expected)
    (again,) = real_session.draw(real_session.saved[0].line)
    assert pixels(again) == pixels(expected), "the recorded line finds it as well"


def test_the_trigger_words_of_loras_are_shown(real_session: SessionHarness, loras: Path) -> None:
    import json

    from safetensors.torch import load_file, save_file

    folder = real_session.folder / "root" / "loras"
    folder.mkdir()
    tensors = load_file(loras / "film.safetensors")
    tags = {"10_ink": {"inkstyle": 20, "cat": 3, "drawing": 18}, "5_more": {"inkstyle": 10, "drawing": 9}}
    save_file(tensors, folder / "ink.safetensors", {"ss_tag_frequency": json.dumps(tags)})
    save_file(tensors, folder / "film.safetensors", {"modelspec.trigger_phrase": "old film, grain"})
    save_file(tensors, folder / "odd.safetensors", {"ss_tag_frequency": "[[", "trigger_words": ""})
    assert real_session.run("!triggers") is Outcome.OK, real_session.errors
    assert "ink: inkstyle, drawing" in real_session.messages and "film: old film, grain" in real_session.messages
    assert real_session.run("!triggers film") is Outcome.OK and real_session.messages == "old film, grain"
    assert real_session.run("!triggers odd") is Outcome.OK and "no trigger words" in real_session.messages
