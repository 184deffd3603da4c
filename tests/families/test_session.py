"""Families in a session: folders, chains, verification, and errors for what a family cannot do."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from invoke_cli.context.outcome import Outcome
from tests.families.builders import Folder
from tests.session_harness import SessionHarness, pixels

SIZE = "-W 64 -H 64 -s 3 -S 5"


@pytest.mark.parametrize("name", ["sdxl", "stable-diffusion-2", "flux", "qwen-image", "pix2pix", "kandinsky-2.2"])
def test_verification_and_replay_of_each_family(
    real_session: SessionHarness, folder_of: Folder, sketch: Path, name: str
) -> None:
    init = f" -I {sketch.name}" if name == "pix2pix" else ""
    (result,) = real_session.draw(f"a cat {SIZE} -m {folder_of(name)}{init}")
    assert real_session.run(f"!verify {result}") is Outcome.OK, real_session.errors
    assert "identical" in real_session.messages
    assert real_session.run(f"!replay {result}") is Outcome.OK, real_session.errors
    assert pixels(real_session.folder / real_session.saved[0].path) == pixels(result)


def test_base_and_refiner_with_two_vaes_decode_and_encode_once(real_session: SessionHarness, folder_of: Folder) -> None:
    base, refiner = folder_of("sdxl"), folder_of("sdxl-refiner")
    (result,) = real_session.draw(f"a castle {SIZE} -m {base} --trace | -m {refiner} -f .7")

    assert "encodes=1 decodes=2" in real_session.traces[-1]
    assert real_session.run(f"!verify {result}") is Outcome.OK, real_session.errors
    assert "identical" in real_session.messages


@pytest.mark.feature("base-refiner")
def test_base_and_refiner_with_one_vae_pass_latents(
    real_session: SessionHarness, folder_of: Folder, tmp_path: Path
) -> None:
    import shutil

    refiner = shutil.copytree(folder_of("sdxl-refiner"), tmp_path / "refiner")
    shutil.copytree(folder_of("sdxl") / "vae", refiner / "vae", dirs_exist_ok=True)
    real_session.draw(f"a castle {SIZE} -m {folder_of('sdxl')} --trace | -m {refiner} -f .7")
    assert "encodes=0 decodes=1" in real_session.traces[-1]


def test_a_chain_into_another_family_decodes_and_encodes_once(real_session: SessionHarness, folder_of: Folder) -> None:
    (result,) = real_session.draw(f"a castle {SIZE} -m {folder_of('sdxl')} | -m {folder_of('flux')} -A k_euler -f .5")
    assert any("decoded and encoded once" in notice for notice in real_session.notices)
    assert real_session.run(f"!verify {result}") is Outcome.OK, real_session.errors


def test_a_kandinsky_without_its_prior_is_rejected(
    fake_session: SessionHarness, folder_of: Folder, tmp_path: Path
) -> None:
    import json
    import shutil

    half = shutil.copytree(folder_of("kandinsky-2.2"), tmp_path / "decoder")
    index = json.loads((half / "model_index.json").read_text())
    kept = {key: value for key, value in index.items() if not key.startswith("prior_")}
    (half / "model_index.json").write_text(json.dumps({**kept, "_class_name": "KandinskyV22Pipeline"}))
    assert fake_session.run(f"a cat -m {half}") is Outcome.FAILED
    assert "decoder" in fake_session.errors[0] and "prior" in fake_session.errors[0]


@pytest.mark.feature("unsupported-named")
@pytest.mark.parametrize(
    ("name", "line", "part"),
    [
        ("flux", "a cat [a dog]", "brackets"),
        ("flux", "a cat --clip_skip 1", "--clip_skip"),
        ("flux-schnell", "a cat -C 7", "-C"),
        ("pixart-sigma", "a cat -I sketch.png", "from an init image"),
        ("pix2pix", "make it red", "from a prompt alone"),
        ("pix2pix", "make it red -I sketch.png -f .5", "no strength"),
        ("flux", "a cat -A ddim", "ddim"),
        ("sana", "a cat --seamless", "--seamless"),
    ],
)
def test_what_a_family_cannot_do_is_an_error_before_loading(
    fake_session: SessionHarness, folder_of: Folder, sketch: Path, name: str, line: str, part: str
) -> None:
    assert fake_session.run(f"{line} -m {folder_of(name)}") is Outcome.FAILED
    (message,) = fake_session.errors
    assert part in message and fake_session.session.context.open_engine is None


@pytest.mark.skipif(find_spec("torchvision") is not None, reason="torchvision is installed")
def test_the_error_of_a_missing_package_names_it(real_session: SessionHarness, folder_of: Folder, sketch: Path) -> None:
    folder = shutil.copytree(folder_of("qwen-image"), real_session.folder / "editor")
    shutil.copytree(folder / "tokenizer", folder / "processor")
    (folder / "processor" / "preprocessor_config.json").write_text(
        json.dumps({"image_processor_type": "Qwen2VLImageProcessor", "processor_class": "Qwen2VLProcessor"})
    )
    index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    index |= {"_class_name": "QwenImageEditPipeline", "processor": ["transformers", "Qwen2VLProcessor"]}
    (folder / "model_index.json").write_text(json.dumps(index), encoding="utf-8")
    assert real_session.run(f"a dog -I sketch.png -s 1 -m {folder}") is Outcome.FAILED
    assert real_session.errors[0].endswith("(Qwen-Image-Edit) needs the package torchvision, which is not installed")
    real_session.draw("a cat -s 1")
