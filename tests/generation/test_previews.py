"""Previews by a linear map or a tiny VAE, and the finished image, as a viewer receives them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from invoke_cli.context.context import Streams
from invoke_cli.context.options import SessionOptions
from invoke_cli.context.settings import Settings
from invoke_cli.engine import Engine
from invoke_cli.events import Event, NullViewer, Preview, Step, Viewer
from invoke_cli.imaging.sheets.grids import difference
from invoke_cli.imaging.sizes import Box
from invoke_cli.server.preview_throttle import PreviewThrottle, with_wanted_preview
from invoke_cli.session import Session
from tests.frontends.open_session import OpenSession
from tests.sample_images import drawing
from tests.session_harness import SessionHarness, pixels

FACTORS = [(0.1, 0.0, 0.2), (0.0, 0.1, -0.1), (0.2, 0.0, 0.0), (-0.1, 0.2, 0.1), (0.5, 0.4, 0.6)]


class RecordingViewer:
    """A viewer that accepts every preview and records the requested kinds."""

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
def viewed_session(
    tmp_path: Path, tiny_model: Path, real_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> SessionHarness:
    monkeypatch.chdir(tmp_path)
    harness = SessionHarness(tmp_path, tiny_model, lambda _: real_engine, streams=Streams(viewer=RecordingViewer()))
    factors = [list(row) for row in FACTORS]
    entry = f"tiny:\n  path: {tiny_model}\n  default: true\n  preview: {factors}\n"
    (tmp_path / "root" / "configs" / "models.yaml").write_text(entry, encoding="utf-8")
    harness.session.context.settings.change_models(lambda text: text)
    return harness


def previews(harness: SessionHarness) -> list[Preview]:
    """Return the previews of the last line's steps."""
    return [step.preview for step in harness.of(Step) if step.preview is not None]


def image_of(preview: Preview) -> Image.Image:
    """Return a preview as an image."""
    return Image.frombytes("RGB", (preview.width, preview.height), preview.rgb)


def last_latents(harness: SessionHarness) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Return the latents saved after the last step."""
    from safetensors.numpy import load_file

    (path,) = harness.folder.glob("outputs/intermediates/*/step-03.safetensors")
    found: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = load_file(path)["latents"]
    return found[0] if found.ndim == 4 else found


@pytest.mark.feature("preview-fast")
def test_every_step_has_a_preview_by_the_model_s_linear_map(viewed_session: SessionHarness) -> None:
    viewed_session.draw("a cat -s 3 -S 4 -A ddim --save_latents --preview blocks")
    shown = previews(viewed_session)
    assert [(one.width, one.height, one.kind) for one in shown] == [(8, 8, "blocks")] * 4
    latents = last_latents(viewed_session)
    expected = sum(latents[channel][..., None] * np.array(FACTORS[channel]) for channel in range(4)) + FACTORS[4]
    assert np.abs(np.asarray(image_of(shown[-1])).astype(int) - np.clip(expected, 0, 1) * 255).max() <= 1


def test_a_linear_map_of_neighbourhoods_shifts_and_mixes_latents(viewed_session: SessionHarness) -> None:
    """Nine rows per channel apply to the 3 x 3 latents around a pixel: red is here the left neighbour."""
    rows = [(0.2 if index == 3 else 0.0, 0.0, 0.0) for index in range(36)]
    entry = f"tiny:\n  path: tiny\n  default: true\n  preview: {[list(row) for row in [*rows, (0.5, 0.25, 0.75)]]}\n"
    models = viewed_session.folder / "root" / "configs" / "models.yaml"
    path = str(viewed_session.session.context.settings.registry.models["tiny"].path)
    models.write_text(entry.replace("path: tiny", f"path: {path}"), encoding="utf-8")
    viewed_session.session.context.settings.change_models(lambda text: text)
    viewed_session.draw("a cat -s 3 -S 4 -A ddim --save_latents --preview blocks")
    shown = np.asarray(image_of(previews(viewed_session)[-1])).astype(int)
    left = np.pad(last_latents(viewed_session)[0], ((0, 0), (1, 0)), mode="edge")[:, :-1]
    assert np.abs(shown[..., 0] - np.clip(left * 0.2 + 0.5, 0, 1) * 255).max() <= 1
    assert (shown[..., 1] == 64).all() and (shown[..., 2] == 191).all()


def test_a_preview_vae_of_the_entry_decodes_the_previews(viewed_session: SessionHarness) -> None:
    import torch
    from diffusers import AutoencoderTiny

    torch.manual_seed(0)
    tiny = AutoencoderTiny(
        encoder_block_out_channels=(8, 8), decoder_block_out_channels=(8, 8), num_encoder_blocks=(1, 1),
        num_decoder_blocks=(1, 1), latent_channels=4,
    )  # fmt: skip
    tiny.save_pretrained(viewed_session.folder / "root" / "taesd")
    (plain,) = viewed_session.draw("a cat -s 3 -S 4 -A ddim")
    viewed_session.run("!edit_model tiny preview_vae taesd")
    (result,) = viewed_session.draw("a cat -s 3 -S 4 -A ddim --save_latents")
    with torch.no_grad():
        decoded = tiny.decode(torch.from_numpy(last_latents(viewed_session))[None]).sample[0]
    expected = ((decoded.permute(1, 2, 0) / 2 + 0.5).clamp(0, 1) * 255).numpy()
    shown = image_of(previews(viewed_session)[-1])
    assert shown.size == (16, 16)
    assert np.abs(np.asarray(shown).astype(int) - expected).max() <= 1
    assert pixels(result) == pixels(plain)
    viewed_session.run("!edit_model tiny preview_vae none")
    viewed_session.draw("a cat -s 1")
    assert previews(viewed_session)[-1].width == 8


@pytest.mark.parametrize("folder", ["nowhere", "narrow"])
def test_a_preview_vae_that_does_not_fit_is_an_error_and_can_be_removed(
    viewed_session: SessionHarness, folder: str
) -> None:
    from diffusers import AutoencoderTiny

    narrow = AutoencoderTiny(
        encoder_block_out_channels=(8,), decoder_block_out_channels=(8,), num_encoder_blocks=(1,),
        num_decoder_blocks=(1,), latent_channels=2,
    )  # fmt: skip
    narrow.save_pretrained(viewed_session.folder / "root" / "narrow")
    viewed_session.run(f"!edit_model tiny preview_vae {folder}")
    viewed_session.run("a cat -s 1")
    assert "preview VAE" in viewed_session.errors[0] and len(viewed_session.errors[0].splitlines()) == 1
    viewed_session.run("!edit_model tiny preview_vae none")
    assert viewed_session.draw("a cat -s 1")


def test_previews_change_no_pixel_and_are_skipped_without_a_viewer(
    viewed_session: SessionHarness, real_session: SessionHarness
) -> None:
    (shown,) = viewed_session.draw("a cat -s 2 -S 4 -W 96")
    finished = viewed_session.saved[0].picture
    assert finished is not None and finished.kind == "auto"
    assert image_of(finished).tobytes() == pixels(shown)
    (unshown,) = real_session.draw("a cat -s 2 -S 4 -W 96 --preview blocks")
    assert previews(real_session) == [] and real_session.saved[0].picture is None
    assert pixels(shown) == pixels(unshown)


def save_spotted_photo(width: int, height: int) -> Box:
    """Save photo.png, and mask.png with a small area near its lower right corner; return the area."""
    area = Box(width - 60, height - 50, width - 30, height - 20)
    drawing(width, height).save("photo.png")
    mask = Image.new("L", (width, height))
    mask.paste(255, area)
    mask.save("mask.png")
    return area


@pytest.mark.feature("preview-whole")
@pytest.mark.parametrize("switches", ["", "-W 128 -H 96 --crop", "-c left 40"])
def test_previews_and_strips_of_a_masked_run_show_the_whole_image(
    viewed_session: SessionHarness, switches: str
) -> None:
    save_spotted_photo(200, 150)
    mask = "-M mask.png" if "-c left" not in switches else ""
    line = f"a cat -I photo.png {mask} {switches} -s 2 -S 4 -f 1 --strip --save_intermediates 1"
    (result,) = viewed_session.draw(line)
    with Image.open(result) as opened:
        finished = opened.convert("RGB")
    shown = [image_of(preview) for preview in previews(viewed_session)]
    steps = sorted((viewed_session.folder / "outputs" / "intermediates" / result.stem).glob("step-*.png"))
    assert len(shown) >= 3 and len(steps) >= 3
    for frame in [*shown, *(Image.open(step).convert("RGB") for step in steps)]:
        assert abs(frame.width / frame.height - finished.width / finished.height) < 0.1, frame.size
        assert min(frame.size) >= min(finished.size) // 16 and max(frame.size) <= 512
        # The upper right part is kept: it is the source's, reduced.
        part = (frame.width * 3 // 4, 0, frame.width, frame.height // 4)
        expected = finished.resize(frame.size, Image.Resampling.BOX).crop(part)
        assert difference(frame.crop(part), expected) < 15, frame.size
    assert difference(shown[-1], finished.resize(shown[-1].size, Image.Resampling.BOX)) > 0.5, "the part is a preview"


def test_previews_of_a_large_masked_image_are_small(viewed_session: SessionHarness) -> None:
    save_spotted_photo(3000, 1400)
    viewed_session.draw("a cat -I photo.png -M mask.png -s 1 -S 4")
    (size,) = {image_of(preview).size for preview in previews(viewed_session)}
    assert 100 < size[0] <= 512 and abs(size[0] / size[1] - 3000 / 1400) < 0.05


def test_preview_off_disables_previews(viewed_session: SessionHarness) -> None:
    viewed_session.draw("a cat -s 2 --preview off")
    assert previews(viewed_session) == [] and viewed_session.saved[0].picture is None
    viewed_session.run("!set --preview off")
    viewed_session.draw("a cat -s 2")
    assert previews(viewed_session) == []


def test_a_client_of_the_engine_server_receives_previews(
    viewed_session: SessionHarness, real_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = SessionOptions(root=str(viewed_session.folder / "root"))
    with tempfile.TemporaryDirectory() as runtime:  # its name is short enough for sockets
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        open_session = OpenSession(real_engine, options)
        shown: dict[str, list[Event]] = {"watching": [], "nobody": []}
        viewers: dict[str, Viewer] = {"watching": RecordingViewer(), "nobody": NullViewer()}
        for name, viewer in viewers.items():
            with Session.with_shared_engine(
                Settings(options), emit=shown[name].append, streams=Streams(viewer=viewer)
            ) as client:
                client.draw("a cat -s 3 -S 4")
        open_session.close()
    assert open_session.done == ["request"] * 2
    steps = {name: [event for event in events if isinstance(event, Step)] for name, events in shown.items()}
    assert steps["watching"][0].preview is not None and len(steps["nobody"]) == 4
    assert [step for step in steps["nobody"] if step.preview is not None] == []


def test_previews_for_clients_are_limited_in_rate_and_dropped_without_a_viewer() -> None:
    now = [0.0]
    throttle = PreviewThrottle(lambda: now[0])
    accepted = 0
    for _ in range(1000):
        now[0] += 0.01
        accepted += throttle.wants("auto")
    assert 45 <= accepted <= 51 and not throttle.wants("off")
    step = Step(image=1, images=1, step=1, steps=2, seconds=1.0, preview=Preview(width=1, height=1, rgb=b"abc"))
    assert with_wanted_preview(step, RecordingViewer()) is step
    without = with_wanted_preview(step, NullViewer())
    assert isinstance(without, Step) and without.preview is None
