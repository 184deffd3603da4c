"""The prompt on a terminal with graphics: images in its protocol, and answers kept apart from keys."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest

from tests.frontends.test_terminal_queries import _QUERIES, KITTY_QUERY, SIXEL
from tests.graphics_decoders import from_kitty, from_sixels

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent.parent
PLACEHOLDER = "\U0010eeee"


class AnsweringTerminal:
    """The program at its prompt, on a terminal that gives these answers and records all output."""

    def __init__(self, folder: Path, model: Path, answers: dict[bytes, bytes]) -> None:
        configs = folder / "root" / "configs"
        configs.mkdir(parents=True)
        (configs / "models.yaml").write_text(f"tiny:\n  path: {model}\n  default: true\n", encoding="utf-8")
        environment = {name: value for name, value in os.environ.items() if name not in ("TMUX", "NO_COLOR")}
        environment |= {"INVOKE_ROOT": str(folder / "root"), "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)}
        self.child = pexpect.spawn(
            sys.executable, ["-m", "invoke_cli"], cwd=folder, env=environment, dimensions=(40, 100), timeout=1
        )
        self.answers = {**answers, b"\x1b[6n": b"\x1b[1;1R"}
        self.received = b""

    @property
    def text(self) -> str:
        return self.received.decode(errors="replace")

    def until(self, condition: Callable[[str], bool]) -> str:
        """Return the output as soon as the condition holds."""
        deadline = time.monotonic() + 60
        while not condition(self.text):
            assert time.monotonic() < deadline, re.sub(r"[A-Za-z0-9+/=]{80,}", "…", self.text)[-3000:]
            self._read()
        return self.text

    def _read(self) -> None:
        try:
            data = self.child.read_nonblocking(65536, timeout=0.1)
        except pexpect.TIMEOUT:
            return
        self.received += data
        for query in re.findall(_QUERIES.pattern + rb"|\x1b\[6n", data):
            self.child.send(self.answers.get(query, b""))

    def close(self) -> None:
        """Quit as a user does."""
        self.child.send("q\r")
        self.child.expect(pexpect.EOF, timeout=60)
        self.child.close()


@pytest.mark.feature("preview-terminal")
def test_the_prompt_in_kitty_shows_previews_and_the_result(tmp_path: Path, tiny_model: Path) -> None:
    terminal = AnsweringTerminal(tmp_path, tiny_model, KITTY_QUERY)
    terminal.until(lambda text: "Gi=31" in text)
    terminal.child.send("a cat -s 60 -S 5 -W 128 -H 128\r")
    text = terminal.until(lambda text: "000001.5.png" in text and "1 image in" in text)
    terminal.close()
    assert terminal.child.exitstatus == 0 and (tmp_path / "outputs" / "000001.5.png").is_file()
    sent = re.findall(r"(?:\x1b_Ga=T,[^\x1b]*\x1b\\)(?:\x1b_Gm=[^\x1b]*\x1b\\)*", text)
    images = [from_kitty(one) for one in sent]
    assert {about["i"] for about, _ in images[:-1]} != {images[-1][0]["i"]}  # the result has its own number
    assert [image.size for _, image in images] == [(16, 16)] * (len(images) - 1) + [(128, 128)]
    assert len(images) >= 2 and PLACEHOLDER in text
    # The answers went to the program, not into the line.
    assert "invoke> " in text and "62;c" not in text and "35.2" not in text and "^[" not in text


def test_the_prompt_with_sixels_shows_the_result(tmp_path: Path, tiny_model: Path) -> None:
    terminal = AnsweringTerminal(tmp_path, tiny_model, SIXEL)
    terminal.until(lambda text: "\x1b[14t" in text)
    terminal.child.send("a cat -s 4 -S 5\r")
    text = terminal.until(lambda text: "000001.5.png" in text and "1 image in" in text)
    terminal.close()
    finished = re.findall(r"\x1bP0;1;0q[^\x1b]*\x1b\\", text)[-1]
    pixels, _ = from_sixels(finished)
    assert pixels.shape == (16 * 18 // 6 * 6, 32 * 9, 3)
