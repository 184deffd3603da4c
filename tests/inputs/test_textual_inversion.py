"""Textual inversion: images equal diffusers' own, the model is restored, and bad files are errors."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from invoke_cli.context.outcome import Outcome
from tests.session_harness import SessionHarness, pixels

REST = "-s3 -C5 -A ddim -S 5"


@pytest.fixture
def control_session(real_session: SessionHarness) -> SessionHarness:
    folder = real_session.folder / "root" / "embeddings"
    folder.mkdir()
    torch.manual_seed(3)
    save_file({"emb_params": torch.randn(1, 32)}, folder / "cat-toy.safetensors")
    save_file({"<two>": torch.randn(2, 32)}, folder / "two.safetensors")
    save_file({"emb_params": torch.randn(1, 768)}, folder / "wide.safetensors")
    (folder / "broken.safetensors").write_bytes(b"none")
    (folder / "old.pt").write_bytes(b"none")
    return real_session


def stock(model: Path, folder: Path, prompt: str, name: str) -> bytes:
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(model, dtype=torch.float32, local_files_only=True)
    pipeline.scheduler = DDIMScheduler.from_config(
        pipeline.scheduler.config, clip_sample=False, set_alpha_to_one=False, steps_offset=1
    )
    pipeline.set_progress_bar_config(disable=True)
    pipeline.load_textual_inversion(str(folder), weight_name=f"{name}.safetensors", token=f"<{name}>")
    generator = torch.Generator("cpu").manual_seed(5)
    return bytes(pipeline(prompt, num_inference_steps=3, guidance_scale=5.0, generator=generator).images[0].tobytes())


@pytest.mark.feature("textual-inversion")
@pytest.mark.parametrize("name", ["cat-toy", "two"])
def test_an_embedding_equals_diffusers_own_and_leaves_no_state(
    control_session: SessionHarness, tiny_model: Path, name: str
) -> None:
    (plain,) = control_session.draw(f"a cat {REST}")
    prompt = f"a <{name}> on a hill"
    (result,) = control_session.draw(f"{prompt} {REST}")
    assert pixels(result) == stock(tiny_model, control_session.folder / "root" / "embeddings", prompt, name)
    assert not [text for text in control_session.notices if "unknown embedding" in text]
    (text,) = control_session.draw(f'"a \\<{name}> on a hill" {REST}')
    assert pixels(text) != pixels(result)
    (after,) = control_session.draw(f"a cat {REST}")
    assert pixels(after) == pixels(plain)
    assert control_session.run(f"!verify {result}") is Outcome.OK, control_session.messages
    assert f'"embedding_hashes": {{"{name}": "' in result.read_bytes().decode("latin-1")


def test_embeddings_can_be_weighted(control_session: SessionHarness) -> None:
    images = {pixels(control_session.draw(f"a {words} toy {REST}")[0]) for words in ("<two>", "<two>++", "(<two>)0.5")}
    assert len(images) == 3
    (one,) = control_session.draw(f"a <two>++ toy {REST}")
    (same,) = control_session.draw(f"a (<two>)1.2100000000000002 toy {REST}")
    assert pixels(one) == pixels(same)


def test_an_unknown_embedding_is_text_with_a_notice(control_session: SessionHarness) -> None:
    control_session.draw(f"a <nothing> {REST}")
    assert "unknown embedding <nothing>: read as text" in control_session.notices


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("wide", "does not fit tiny (Stable Diffusion 1.x): its width is 768, the model's is 32"),
        ("broken", "does not fit tiny"),
        ("old", "is a pickle (old.pt)"),
    ],
)
def test_a_bad_embedding_is_an_error_before_sampling(control_session: SessionHarness, name: str, reason: str) -> None:
    assert control_session.run(f"a <{name}> toy {REST}") is not Outcome.OK
    assert reason in control_session.errors[0] and name in control_session.errors[0]


@pytest.mark.parametrize("name", ["1girl, v2", "_soft", "ночь", "dress (blue)", "a.b-c", "x+y"])
def test_an_embedding_is_found_under_any_file_name(control_session: SessionHarness, name: str) -> None:
    save_file(
        {"emb_params": torch.randn(1, 32)}, control_session.folder / "root" / "embeddings" / f"{name}.safetensors"
    )
    (result,) = control_session.draw(f"a <{name}> {REST}")
    assert not [text for text in control_session.notices if "unknown embedding" in text]
    assert "embedding_hashes" in result.read_bytes().decode("latin-1")
    (plain,) = control_session.draw(f"a cat {REST}")
    assert pixels(plain) != pixels(result)


def test_an_embedding_is_found_by_the_trigger_in_its_file(control_session: SessionHarness) -> None:
    folder = control_session.folder / "root" / "embeddings"
    save_file({"<my-thing>": torch.randn(1, 32)}, folder / "learned_embeds.safetensors")
    save_file({"emb_params": torch.randn(1, 32)}, folder / "x.safetensors", {"name": "other-thing"})
    for name in ("my-thing", "other-thing"):
        (result,) = control_session.draw(f"a <{name}> {REST}")
        assert not control_session.notices
        assert f'"{name}"' in result.read_bytes().decode("latin-1")


@pytest.mark.parametrize("name", ["nosuch", "7dirty", "_no", "日本"])
def test_an_unknown_name_in_angle_brackets_gives_a_notice(control_session: SessionHarness, name: str) -> None:
    control_session.draw(f"a <{name}> cat {REST}")
    assert f"unknown embedding <{name}>: read as text" in control_session.notices


def test_an_embedding_of_more_vectors_than_the_window_is_reported(control_session: SessionHarness) -> None:
    save_file({"emb_params": torch.randn(80, 32)}, control_session.folder / "root" / "embeddings" / "long.safetensors")
    control_session.draw(f"<long> {REST}")
    assert any("is read in 2 parts" in text or "the model ignores" in text for text in control_session.notices)
