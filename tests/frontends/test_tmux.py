"""A session in tmux, driven by keys as by a user, with checks of the screen at each point."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]
ROOT = Path(__file__).parent.parent.parent
COLUMNS, ROWS, IMAGE_ROWS = 100, 44, 32


class Pane:
    """A tmux pane in which the program runs, on a tmux server of its own."""

    def __init__(self, folder: Path, root: Path) -> None:
        self._server = f"invoke-test-{os.getpid()}"
        known = {"INVOKE_ROOT": str(root), "COLORTERM": "truecolor", "PYTHONPATH": str(ROOT)}
        words = ["env", "-u", "NO_COLOR", *(f"{name}={value}" for name, value in known.items())]
        words += [sys.executable, "-m", "invoke_cli"]
        self.program = shlex.join(words)
        # A shell keeps the terminal open: tmux may miss the end of a program whose terminal closes just before it.
        words = ["sh", "-c", f"{shlex.join(words)}; echo left with status $?; exec sleep 600"]
        size = ["-x", str(COLUMNS), "-y", str(ROWS)]
        self.tmux("-f", "/dev/null", "new-session", "-d", *size, "-c", str(folder), "sh")
        self.tmux("respawn-pane", "-k", "-c", str(folder), *words)

    def tmux(self, *words: str) -> str:
        done = subprocess.run(["tmux", "-L", self._server, *words], capture_output=True, text=True, check=True)
        return done.stdout

    def type(self, text: str) -> None:
        """Type text, character by character."""
        self.tmux("send-keys", "-l", text)

    def press(self, *keys: str) -> None:
        """Press keys by their names."""
        self.tmux("send-keys", *keys)

    def enter(self, line: str) -> None:
        """Type a line and enter it."""
        self.type(line)
        self.press("Enter")

    @property
    def screen(self) -> str:
        return self.tmux("capture-pane", "-p", "-J")

    @property
    def coloured(self) -> str:
        """The screen with its colours."""
        return self.tmux("capture-pane", "-p", "-e")

    @property
    def everything(self) -> list[str]:
        """All that was ever on the screen and scrolled away, and what is there now."""
        return self.tmux("capture-pane", "-p", "-J", "-S", "-").splitlines()

    def until(self, condition: Callable[[str], bool], seconds: float = 60) -> str:
        """Return the screen as soon as the condition holds."""
        deadline = time.monotonic() + seconds
        while not condition(screen := self.screen):
            assert time.monotonic() < deadline and "left with status" not in screen, screen
            time.sleep(0.1)
        return screen

    def close(self) -> None:
        self.tmux("kill-server")


@pytest.fixture
def pane(tmp_path: Path, tiny_model: Path) -> Iterator[Pane]:
    configs = tmp_path / "root" / "configs"
    configs.mkdir(parents=True)
    (configs / "models.yaml").write_text(f"tiny:\n  path: {tiny_model}\n  default: true\n", encoding="utf-8")
    pane = Pane(tmp_path, tmp_path / "root")
    yield pane
    pane.close()


def blocks(screen: str) -> int:
    """Return the number of rows that show a part of an image."""
    return sum(line.startswith("▀" * IMAGE_ROWS) for line in screen.splitlines())


def preview_is_above_progress(screen: str, words: str) -> bool:
    """Return whether the line with these words shows the remaining time, with an image above it."""
    rows = screen.splitlines()
    bars = [number for number, line in enumerate(rows) if words in line and "left" in line]
    return len(bars) == 1 and blocks("\n".join(rows[bars[0] - IMAGE_ROWS : bars[0]])) == IMAGE_ROWS


def test_a_session_in_tmux_shows_previews_queue_and_results(pane: Pane, tmp_path: Path) -> None:
    # Greeting and completion.
    screen = pane.until(lambda screen: "loaded tiny" in screen)
    assert screen.startswith("invoke ") and "!help for help" in screen
    pane.type("a fox -A k_eu")
    pane.press("Tab")
    pane.until(lambda screen: "k_euler_a" in screen and "Euler a" in screen)
    pane.press("C-c")
    # An image, then a long one that shows its progress and previews above the prompt.
    pane.enter("a cat -s 3 -S 7")
    screen = pane.until(lambda screen: "[1] outputs/000001.7.png: a cat" in screen and "1 image in" in screen)
    assert blocks(screen) == IMAGE_ROWS
    pane.enter("a long one -s 600 -S 8 -W 256 -H 256")
    pane.until(lambda screen: preview_is_above_progress(screen, "of 600"))
    # A line entered meanwhile waits; Ctrl-C stops the first after its step, and the second is generated.
    pane.enter("a dog -s 2 -S 9")
    pane.until(lambda screen: "waiting: a dog" in screen)
    pane.press("C-c")
    pane.until(lambda screen: "000002.9.png" in screen)
    assert "stopped" in pane.everything  # it may have scrolled away
    # Again, search, the last result as an init image, a chain.
    pane.enter("!again -s4")
    pane.until(lambda screen: "[3] outputs/000003.9.png: a dog -s 4" in screen)
    pane.enter("!search cat")
    pane.until(lambda screen: "  a cat -s 3 -S 7" in screen.rpartition("!search cat")[2])
    pane.enter("a wolf -I @last -f .5 -s 4 -S 10")
    pane.until(lambda screen: "[4] outputs/000004.10.png: a wolf" in screen and "-I 000003.9.png" in screen)
    pane.enter("a castle -s 4 -S 11 | oil painting -f .5")
    pane.until(lambda screen: "[5] outputs/000005." in screen and "a castle" in screen)
    pane.until(lambda screen: "1 image in" in screen.rpartition("[5] outputs/")[2])
    pane.enter("q")
    pane.until(lambda screen: "left with status 0" in screen)
    assert len(list((tmp_path / "outputs").glob("0*.png"))) == 5
    # Nothing temporary is left above: no progress, no preview, no echo of a query.
    left = pane.everything
    assert not [line for line in left if "it/s" in line or "step " in line or "waiting:" in line]
    assert blocks("\n".join(left)) == 5 * IMAGE_ROWS
    assert not [line for line in left if "Gi=31" in line or "[?1;2" in line or "^[" in line]
    entered = [line.removeprefix("invoke> ") for line in left if line.startswith("invoke> ")]
    assert [line.split(" -")[0] for line in entered if line] == [
        "a cat", "a long one", "a dog", "!again", "!search cat", "a wolf", "a castle", "q",
    ]  # fmt: skip


@pytest.mark.feature("signals")
def test_a_session_is_suspended_and_goes_on(pane: Pane, tmp_path: Path) -> None:
    pane.tmux("respawn-pane", "-k", "-c", str(tmp_path), "env", "PS1=shell> ", "sh", "-i")
    pane.until(lambda screen: "shell>" in screen)
    pane.enter(pane.program)
    pane.until(lambda screen: "loaded tiny" in screen)
    pane.enter("a long one -s 300 -S 8 -W 256 -H 256")
    pane.until(lambda screen: "of 300" in screen)
    pane.press("C-z")
    pane.until(lambda screen: screen.rstrip().endswith("shell>"))
    pane.enter("echo the shell $((20 + 3)) answers")
    pane.until(lambda screen: "the shell 23 answers" in screen)
    pane.enter("fg")
    pane.until(lambda screen: "of 300" in screen.rpartition("answers")[2] or "000001.8.png" in screen)
    pane.until(lambda screen: "000001.8.png" in screen, 120)
    pane.enter("a cat -s 2 -S 9")
    pane.until(lambda screen: "000002.9.png" in screen)
    pane.enter("q")
    pane.until(lambda screen: screen.rstrip().endswith("shell>"))
    # Both images are complete: the one during which the program was suspended, and the one after it.
    assert [path.name for path in sorted((tmp_path / "outputs").glob("0*.png"))] == ["000001.8.png", "000002.9.png"]
    assert sum("Stopped" in line for line in pane.everything) == 1
