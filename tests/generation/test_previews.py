"""What whoever looks at pictures gets to see: previews by a linear map or a tiny VAE, and the finished picture."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from invoke_cli.context.context import Streams
from invoke_cli.context.options import SessionOptions
from invoke_cli.engine import Engine
from invoke_cli.events import Event, NullViewer, Preview, Step, Viewer
from invoke_cli.server.preview_throttle import PreviewThrottle, with_time
from invoke_cli.session import Session
from tests.frontends.open_session import OpenSession
from tests.session_harness import SessionHarness, pixels

FACTORS = [(0.1, 0.0, 0.2), (0.0, 0.1, -0.1), (0.2, 0.0, 0.0), (-0.1, 0.2, 0.1), (0.5, 0.4, 0.6)]


class Watching:
    """A viewer who has time for every step, and remembers what was asked."""

    def __init__(self) -> None:
        self.kinds: list[str] = []

    def shows(self, kind: str) -> bool:
        """All but off."""
        self.kinds.append(kind)
        return kind != "off"

    def wants(self, kind: str) -> bool:
        """All but off."""
        return self.shows(kind)


@pytest.fixture
def watched(tmp_path: Path, tiny_model: Path, real_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> SessionHarness:
    monkeypatch.chdir(tmp_path)
    harness = SessionHarness(tmp_path, tiny_model, lambda _: real_engine, streams=Streams(viewer=Watching()))
    factors = [list(row) for row in FACTORS]
    entry = f"tiny:\n  path: {tiny_model}\n  default: true\n  preview: {factors}\n"
    (tmp_path / "root" / "configs" / "models.yaml").write_text(entry, encoding="utf-8")
    harness.session.context.settings.change_models(lambda text: text)
    return harness


def previews(harness: SessionHarness) -> list[Preview]:
    """The previews of the last line's steps."""
    return [step.preview for step in harness.of(Step) if step.preview is not None]


def picture(preview: Preview) -> Image.Image:
    """A preview as a picture."""
    return Image.frombytes("RGB", (preview.width, preview.height), preview.rgb)


def last_latents(harness: SessionHarness) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """The latents after the last step, as they were saved."""
    from safetensors.numpy import load_file

    (path,) = harness.folder.glob("outputs/intermediates/*/step-03.safetensors")
    found: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = load_file(path)["latents"]
    return found[0] if found.ndim == 4 else found


def test_a_preview_of_every_step_by_the_models_own_map(watched: SessionHarness) -> None:
    watched.draw("a cat -s 3 -S 4 -A ddim --save_latents --preview blocks")
    seen = previews(watched)
    assert [(one.width, one.height, one.kind) for one in seen] == [(8, 8, "blocks")] * 4
    latents = last_latents(watched)
    expected = sum(latents[channel][..., None] * np.array(FACTORS[channel]) for channel in range(4)) + FACTORS[4]
    assert np.abs(np.asarray(picture(seen[-1])).astype(int) - np.clip(expected, 0, 1) * 255).max() <= 1


def test_a_tiny_vae_of_the_entry_draws_the_previews(watched: SessionHarness) -> None:
    import torch
    from diffusers import AutoencoderTiny

    torch.manual_seed(0)
    tiny = AutoencoderTiny(
        encoder_block_out_channels=(8, 8), decoder_block_out_channels=(8, 8), num_encoder_blocks=(1, 1),
        num_decoder_blocks=(1, 1), latent_channels=4,
    )  # fmt: skip
    tiny.save_pretrained(watched.folder / "root" / "taesd")
    (plain,) = watched.draw("a cat -s 3 -S 4 -A ddim")
    watched.run("!edit_model tiny preview_vae taesd")
    (made,) = watched.draw("a cat -s 3 -S 4 -A ddim --save_latents")
    with torch.no_grad():
        decoded = tiny.decode(torch.from_numpy(last_latents(watched))[None]).sample[0]
    expected = ((decoded.permute(1, 2, 0) / 2 + 0.5).clamp(0, 1) * 255).numpy()
    seen = picture(previews(watched)[-1])
    assert seen.size == (16, 16)
    assert np.abs(np.asarray(seen).astype(int) - expected).max() <= 1
    assert pixels(made) == pixels(plain)
    watched.run("!edit_model tiny preview_vae none")
    watched.draw("a cat -s 1")
    assert previews(watched)[-1].width == 8


@pytest.mark.parametrize("folder", ["nowhere", "narrow"])
def test_a_preview_vae_that_does_not_fit_is_told_with_the_way_out(watched: SessionHarness, folder: str) -> None:
    from diffusers import AutoencoderTiny

    narrow = AutoencoderTiny(
        encoder_block_out_channels=(8,), decoder_block_out_channels=(8,), num_encoder_blocks=(1,),
        num_decoder_blocks=(1,), latent_channels=2,
    )  # fmt: skip
    narrow.save_pretrained(watched.folder / "root" / "narrow")
    watched.run(f"!edit_model tiny preview_vae {folder}")
    watched.run("a cat -s 1")
    assert "preview VAE" in watched.errors[0] and len(watched.errors[0].splitlines()) == 1
    watched.run("!edit_model tiny preview_vae none")
    assert watched.draw("a cat -s 1")


def test_looking_changes_no_pixel_and_nobody_is_shown_nothing(
    watched: SessionHarness, real_session: SessionHarness
) -> None:
    (seen,) = watched.draw("a cat -s 2 -S 4 -W 96")
    finished = watched.saved[0].picture
    assert finished is not None and finished.kind == "auto"
    assert picture(finished).tobytes() == pixels(seen)
    (unseen,) = real_session.draw("a cat -s 2 -S 4 -W 96 --preview blocks")
    assert previews(real_session) == [] and real_session.saved[0].picture is None
    assert pixels(seen) == pixels(unseen)


def test_off_is_off(watched: SessionHarness) -> None:
    watched.draw("a cat -s 2 --preview off")
    assert previews(watched) == [] and watched.saved[0].picture is None
    watched.run("!set --preview off")
    watched.draw("a cat -s 2")
    assert previews(watched) == []


def test_a_caller_of_an_open_session_sees_as_well(
    watched: SessionHarness, real_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = SessionOptions(root=str(watched.folder / "root"))
    with tempfile.TemporaryDirectory() as runtime:  # its name is short enough for sockets
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        open_session = OpenSession(real_engine, options)
        seen: dict[str, list[Event]] = {"watching": [], "nobody": []}
        viewers: dict[str, Viewer] = {"watching": Watching(), "nobody": NullViewer()}
        for name, viewer in viewers.items():
            with Session.with_shared_engine(options, emit=seen[name].append, streams=Streams(viewer=viewer)) as guest:
                guest.draw("a cat -s 3 -S 4")
        open_session.close()
    assert open_session.done == ["visit"] * 2
    steps = {name: [event for event in events if isinstance(event, Step)] for name, events in seen.items()}
    assert steps["watching"][0].preview is not None and len(steps["nobody"]) == 4
    assert [step for step in steps["nobody"] if step.preview is not None] == []


def test_callers_get_a_few_previews_a_second_and_those_that_they_have_time_for() -> None:
    now = [0.0]
    glances = PreviewThrottle(lambda: now[0])
    wanted = 0
    for _ in range(1000):
        now[0] += 0.01
        wanted += glances.wants("auto")
    assert 45 <= wanted <= 51 and not glances.wants("off")
    step = Step(image=1, images=1, step=1, steps=2, seconds=1.0, preview=Preview(width=1, height=1, rgb=b"abc"))
    assert with_time(step, Watching()) is step
    without = with_time(step, NullViewer())
    assert isinstance(without, Step) and without.preview is None
