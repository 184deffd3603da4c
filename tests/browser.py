"""Chromium without a window: pages on disk as a user would see them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER = next((found for name in NAMES if (found := shutil.which(name))), None)

needs_browser = pytest.mark.skipif(BROWSER is None, reason="Chromium is not installed")

# A page reports what a test asks about as attributes of its root element, which `--dump-dom` prints.
_PROBE = """<script>
const probe = (name, value) => document.documentElement.setAttribute(`data-${name}`, value);
const key = (name, target) => (target || document.activeElement).dispatchEvent(
  new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));
const copied = [];
Object.defineProperty(navigator, "clipboard", { value: { writeText: async (text) => { copied.push(text); } } });
window.addEventListener("error", (event) => probe("error", event.message));
addEventListener("load", async () => { try { %s } catch (error) { probe("error", error) } });
</script>
</body>"""


def dom(page: Path, script: str = "") -> str:
    """Return the document of a page after a script has run in it; the script reports with `probe(name, value)`."""
    probed = page.with_name(f"{page.stem}.probed.html")
    probed.write_text(page.read_text(encoding="utf-8").replace("</body>", _PROBE % script), encoding="utf-8")
    done = _chromium(page.parent, "--dump-dom", "--virtual-time-budget=5000", "--window-size=1200,800", probed.as_uri())
    probed.unlink()
    return done


def screenshot(page: Path, target: Path, width: int, height: int) -> None:
    """Write what a window of this size shows."""
    _chromium(page.parent, f"--screenshot={target}", f"--window-size={width},{height}", page.as_uri())


def _chromium(folder: Path, *words: str) -> str:
    assert BROWSER is not None
    common = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--allow-file-access-from-files"]
    profile = folder / ".browser"
    command = [BROWSER, *common, f"--user-data-dir={profile}", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    shutil.rmtree(profile, ignore_errors=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
