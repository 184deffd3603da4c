"""VAEs of entries: entries with the same VAE share it in memory, and a file without one uses the entry's."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from invoke_cli.context.outcome import Outcome
from invoke_cli.engine.diffusers_engine import DiffusersEngine
from tests.families import components
from tests.families.builders import Folder
from tests.families.exporting import export
from tests.session_harness import SessionHarness


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """The folder of a VAE that belongs to no model."""
    import torch

    torch.manual_seed(99)
    folder = tmp_path / "other-vae"
    components.vae().save_pretrained(folder)
    return folder


def enter(harness: SessionHarness, name: str, path: Path, vae: Path) -> None:
    models_file = harness.folder / "root" / "configs" / "models.yaml"
    models_file.write_text(f"{models_file.read_text()}{name}:\n  path: {path}\n  vae: {vae}\n")


def test_entries_with_the_same_vae_share_it_in_memory(
    real_session: SessionHarness, folder_of: Folder, other: Path, tmp_path: Path
) -> None:
    for name, path in (("first", folder_of("stable-diffusion")), ("second", folder_of("stable-diffusion-2"))):
        enter(real_session, name, path, other)
    context = real_session.session.context
    engine = context.engine
    assert isinstance(engine, DiffusersEngine)
    one, two = (engine._ready(context.settings.model(name), context.hooks()) for name in ("first", "second"))
    assert one.vae is two.vae and one.pipeline.text_encoder is not two.pipeline.text_encoder


def test_a_file_without_a_vae_uses_the_entry_s(
    fake_session: SessionHarness, folder_of: Folder, other: Path, tmp_path: Path
) -> None:
    whole = load_file(export(folder_of("stable-diffusion"), tmp_path / "whole.safetensors"))
    file = tmp_path / "pruned.safetensors"
    save_file({key: value for key, value in whole.items() if not key.startswith("first_stage_model.")}, file)
    wide = tmp_path / "sd-vae"  # the shipped layout is that of the real Stable Diffusion
    components.vae(block_out_channels=(128, 256, 512, 512), norm_num_groups=32).save_pretrained(wide)
    enter(fake_session, "pruned", file, wide)
    assert fake_session.session.context.settings.model("pruned").facts.vae_from == wide


def test_a_typed_path_is_relative_to_the_working_directory(fake_session: SessionHarness, other: Path) -> None:
    assert fake_session.run(f"!edit_model tiny vae {other.name}") is Outcome.OK, fake_session.errors
    fake_session.run("!model tiny")
    assert str(other) in fake_session.messages
