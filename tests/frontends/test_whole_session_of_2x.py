"""A session of InvokeAI 2.3.5 as one file, with lines of the kinds of its preflight checks, piped through the program.

Each line generates, or is rejected for missing weights alone.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.frontends.program import Program
from tests.sample_images import drawing

ROOT = Path(__file__).parent.parent.parent
SESSION = r"""
# outputs/check/000001.1863.png
a red boat -s {steps} -S 1863 -W {side} -H {side} -C 7.5 -A k_lms
# outputs/check/000002.1151.png
a red boat -s {steps} -S 1151 -W {side} -H {side} -C 7.5 -A plms
a red boat -s {steps} -S 2736230502 -W {side} -H {side} -C 7.5 -A ddim
a red boat -s {steps} -S 42 -W {side} -H {side} -C 7.5 -A k_heun
a red boat -s {steps} -S 478163327 -W {wide} -H {side} -C 7.5 -A k_lms
a red boat -s {steps} -S 42 -W {side} -H {side} -C 7.5 -A k_lms -V 2407640369:0.1
a red boat -s {steps} -S 42 -W {side} -H {side} -C 7.5 -A k_lms -v 0.1 -n 2
"a red boat" -s{steps} -W{side} -H{side} -Ak_euler_a -S -1
pond with lilies -s {steps} -S 1111168647 -W {side} -H {side} -C 7.5 -A k_dpm_2
pond with lilies -s {steps} -S 1476370516 -W {side} -H {side} -C 7.5 -A k_lms --seamless
a red boat -s {steps} -S 4281108706 -W {wide} -H {wide} -C 7.5 -A k_dpmpp_2
old captain on a boat -s {steps} -S 2396 -W {side} -H {side} -C 7.5 -I inputs/boat.png -A k_lms -f 0.75
old captain on a boat -s {steps} -S 1252 -W {side} -H {side} -C 7.5 -I inputs/holed.png -A k_lms -f 0.75
old captain on a boat -s {steps} -S 2633 -W {side} -H {side} -C 7.5 -I inputs/boat.png -A plms -f 0.75
old captain on a boat -s {steps} -S 1134 -W {side} -H {side} -C 7.5 -I inputs/boat.png -M inputs/mask.png -A k_lms
big red dog with cat -s {steps} -S 47 -W {side} -H {side} -C 7.5 -A k_lms
big red++++ dog with cat- -s {steps} -S 47 -W {side} -H {side} -C 7.5 -A k_lms
big (red dog).swap(tiger) with cat -s {steps} -S 47 -W {side} -H {side} -C 7.5 -A k_lms
dog:1,cat:2 -s {steps} -S 47 -W {side} -H {side} -C 7.5 -A k_lms
("dog","cat").blend(1,2) [fog] -s {steps} -S 47 -W {side} -H {side} -C 7.5 -A k_lms
lady with snakes -s {steps} -S 1029 -W {side} -H {side} -C 7.5 -I inputs/boat.png -A k_lms -f 0.75 -tm hair
bearded man -s {steps} -S 1284 -W {side} -H {side} -C 7.5 -I inputs/boat.png -A k_lms -f 0.75 -tm face 0.4
!mask -I inputs/boat.png -tm hair
!fix ./inputs/boat.png -U2 -G0.8
!fix ./inputs/boat.png -c top 64
!fix ./inputs/boat.png -D top 64
!fix ./inputs/boat.png -s {steps} -S 5 -W {side} -H {side} -C 7.5 -A k_lms -c top 64 right 64
outputs/check/boat.5.outcrop.png: !fix ./inputs/boat.png -s {steps} -S 5 -W {side} -H {side} -A k_lms -c left 64
[7] outputs/check/000003.9.png: a red boat -s {steps} -S 9 -W {side} -H {side} -C 7.5 -A k_lms # model_id=sd-1.5
!switch inpainting-1.5
a red boat -s {steps} -S 3 -W {side} -H {side} -C 7.5 -I inputs/holed.png -A k_lms -f 0.9 # model_id=inpainting-1.5
!fetch 1
!history
"""
WITHOUT_WEIGHTS = ("CLIPSeg weights", "GFPGAN weights", "no such model: inpainting-1.5")


def prepare(folder: Path, steps: int, side: int) -> bytes:
    """Save the images that the session names; return its lines."""
    (folder / "inputs").mkdir()
    boat = drawing().resize((side, side))
    boat.save(folder / "inputs" / "boat.png")
    mask = Image.new("L", (side, side), 255)
    mask.paste(0, (0, 0, side // 4, side))
    mask.save(folder / "inputs" / "mask.png")
    boat.putalpha(mask)
    boat.save(folder / "inputs" / "holed.png")
    return SESSION.format(steps=steps, side=side, wide=side * 5 // 4).encode()


def check(out: list[str], err: str) -> None:
    """Check that 27 images were saved, and that what was rejected lacks weights."""
    errors = re.findall(r"^error: line \d+: (.*)$", err, re.MULTILINE)
    assert [text for text in errors if not any(reason in text for reason in WITHOUT_WEIGHTS)] == []
    assert len(errors) == 5 and "Traceback" not in err
    numbers = [int(line[1 : line.index("]")]) for line in out if line.startswith("[")]
    assert sorted(set(numbers)) == list(range(1, 27 + 1)), err


@pytest.mark.feature("lines-2x")
def test_a_whole_session_of_2x_generates_all_but_what_needs_weights(program: Program) -> None:
    result = program("--compat", "2x", stdin=prepare(program.folder, 10, 64))
    check(result.lines, result.err)
    assert result.status == 1 and "painting 25%" in result.err


@pytest.mark.slow
@pytest.mark.feature("lines-2x")
def test_a_whole_session_of_2x_with_the_bundled_model(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "invoke_cli", "--root", str(tmp_path / "root"), "--compat", "2x"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    lines = prepare(tmp_path, 3, 128)
    done = subprocess.run(command, input=lines, cwd=tmp_path, env=environment, capture_output=True, check=False)
    check(done.stdout.decode().splitlines(), done.stderr.decode())
    assert done.returncode == 1
