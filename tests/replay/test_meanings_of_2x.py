"""Switches that meant something else in InvokeAI 2.x: masks, and the second number of -U."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from invoke_cli.context.outcome import Outcome
from tests.sample_images import drawing
from tests.session_harness import SessionHarness, pixels

LINE = "a tree -s 4 -S 3 -I pic.png -M mask.png -f .7"
LOGGED = f"/home/me/outputs/000012.3.png: {LINE} -A k_euler # model_id=stable-diffusion-1.5"


@pytest.fixture
def masked(fake_session: SessionHarness) -> SessionHarness:
    """A session in a folder with an image and a mask that is mostly white."""
    drawing(64, 64).save("pic.png")
    mask = Image.new("L", (64, 64), 255)
    mask.paste(0, (0, 0, 16, 64))
    mask.save("mask.png")
    return fake_session


@pytest.mark.feature("masks-2x")
@pytest.mark.parametrize(
    ("line", "is_black"),
    [
        (LINE, False),
        (f"{LINE} --compat 2x", True),
        (LOGGED, True),
        (f"{LINE} --compat 2x --mask_polarity white", False),
    ],
)
def test_a_mask_paints_what_it_did_in_2x(masked: SessionHarness, line: str, is_black: bool) -> None:
    masked.draw(line)
    assert ("--mask_polarity black" in masked.saved[-1].line) is is_black
    assert any("black areas" in text for text in masked.notices) is is_black


@pytest.mark.feature("masks-2x")
def test_a_line_of_our_own_log_keeps_its_mask(masked: SessionHarness) -> None:
    masked.draw(LINE)
    logged = Path("outputs/invoke_log.txt").read_text(encoding="utf-8").splitlines()[-1]
    masked.draw(logged)
    assert "--mask_polarity" not in masked.saved[-1].line


@pytest.mark.feature("masks-2x")
def test_compat_holds_for_a_session(masked: SessionHarness) -> None:
    assert masked.run("!set --compat 2x") is Outcome.OK, masked.errors
    masked.draw(LINE)
    assert "--mask_polarity black" in masked.saved[-1].line
    assert masked.run(f"{LINE} --compat 1x") is Outcome.UNREADABLE


@pytest.mark.feature("lines-2x")
def test_a_blend_of_esrgan_is_carried_over_with_a_notice(masked: SessionHarness) -> None:
    masked.draw("outputs/000001.5.png: a tree -s 4 -S 5 -A k_lms -U 2.0 0.75")
    assert any(text.startswith("-U 2 0.75 blended in the result of ESRGAN") for text in masked.notices)
    count = len(masked.notices)
    masked.draw("a tree -s 4 -S 5 -U 2 0.75")
    assert not any("ESRGAN" in text for text in masked.notices[count:])


@pytest.mark.feature("masks-2x")
@pytest.mark.parametrize("default", ["--compat 2x", "--mask_polarity black"])
def test_lines_of_our_own_keep_their_masks_in_a_session_of_2x(masked: SessionHarness, default: str) -> None:
    (white,) = masked.draw(LINE)
    masked.run(f"!set {default}")
    (chosen,) = masked.draw(f"{LINE} --mask_polarity white")
    assert chosen.read_bytes() != white.read_bytes() and pixels(chosen) == pixels(white)
    lines = [*Path("outputs/invoke_log.txt").read_text(encoding="utf-8").splitlines(), masked.saved[0].line]
    for reference in (white.name, chosen.name):
        masked.run(f"!fetch {reference}")
        lines += masked.prefills
    masked.run(f"!fetch {white.name} lines.txt")
    lines.append(Path("lines.txt").read_text(encoding="utf-8").splitlines()[-1])
    assert len(lines) == 6
    for line in lines:
        assert pixels(masked.draw(line)[0]) == pixels(white), line
    assert pixels(masked.draw(LINE)[0]) != pixels(white)
    masked.run(f"!verify {white} {chosen}")
    assert masked.messages.count("identical") == 2
